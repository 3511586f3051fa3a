"""What can be wrong with a file as a whole, and with one row of it."""

from __future__ import annotations


class BadFile(Exception):
    """The file or its mapping cannot be used at all; nothing was written. The text says what to do."""


class BadRow(ValueError):
    """One row cannot be taken; the text is the reason that is reported beside its line number."""
