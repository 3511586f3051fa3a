"""The blueprint of pages that are put together from all domains."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("assist", __name__)
