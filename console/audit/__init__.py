"""The record, for those who must account for it."""
