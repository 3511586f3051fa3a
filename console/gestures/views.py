"""The gestures' pages: the catalogue, the help pane's panel, the ledger."""

from __future__ import annotations

# Imported for their routes, their lines on the timeline and their tables.
from console.gestures import (
    approval_models,
    asking_views,
    catalogue_views,
    effects_views,
    fulfilment_models,
    fulfilment_views,
    learning_models,
    ledger_views,
    link_views,
    next_views,
    panel_views,
    review_models,
    review_views,
    settings_views,
    timeline,
)
from console.gestures.blueprint import bp

__all__ = [
    "approval_models",
    "asking_views",
    "bp",
    "catalogue_views",
    "effects_views",
    "fulfilment_models",
    "fulfilment_views",
    "learning_models",
    "ledger_views",
    "link_views",
    "next_views",
    "panel_views",
    "review_models",
    "review_views",
    "settings_views",
    "timeline",
]
