from __future__ import annotations

from flask import Blueprint

bp = Blueprint("gestures", __name__, url_prefix="/gestures")
