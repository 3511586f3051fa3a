"""Delivery cards: worded from what was said, approved, printed, written by hand and packed."""
