"""The blueprint that the three files of views hang their routes on."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("gestures", __name__)
