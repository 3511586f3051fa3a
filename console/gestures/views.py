"""The gestures' pages: the catalogue, the help pane's panel, the ledger."""

from __future__ import annotations

# Imported for their routes and their lines on the timeline.
from console.gestures import catalogue_views, ledger_views, panel_views, timeline
from console.gestures.blueprint import bp

__all__ = ["bp", "catalogue_views", "ledger_views", "panel_views", "timeline"]
