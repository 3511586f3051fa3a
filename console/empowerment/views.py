from __future__ import annotations

from flask import Blueprint

bp = Blueprint("empowerment", __name__, url_prefix="/empowerment")
