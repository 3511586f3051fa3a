"""A promise worded as it is kept: what is to be done, without who and by when."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from notes.findings.wording import promise_words

LONDON = ZoneInfo("Europe/London")
WRITTEN = datetime(2026, 11, 18, 10, 0, tzinfo=LONDON)  # a Wednesday


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I'll send her the fabric samples by Friday.", "Send her the fabric samples"),
        ("I’ll send him the fabric swatches within five days.", "Send him the fabric swatches"),
        ("We will call back tomorrow at 10.", "Call back"),
        ("Will email the corrected invoice by 27 Nov at 9:30", "Email the corrected invoice"),
        ("I will post it before Christmas!", "Post it"),
        ("We'll keep it aside until Friday.", "Keep it aside until Friday"),
        ("I'll call her on Friday.", "Call her on Friday"),  # that day, and not by then
        ("I'll ask the carrier about a delivery by Friday.", "Ask the carrier about a delivery by Friday"),
        ("I'll call back tomorrow morning.", "Call back tomorrow morning"),
        ("I'll ring by Friday.", "Ring by Friday"),
        ("I'll send the samples by Friday, she goes away.", "Send the samples by Friday, she goes away"),
        ("I'll send samples by Monday or by Friday.", "Send samples by Monday or by Friday"),
        # As they stand.
        ("Will not be here by Friday.", "Will not be here by Friday."),
        ("Will she send it by Friday?", "Will she send it by Friday?"),
        ("I'll see what can be done by Friday.", "I'll see what can be done by Friday."),
        ("Promised her the samples by Friday.", "Promised her the samples by Friday."),
        ("Send her the fabric samples", "Send her the fabric samples"),
        ("", ""),
    ],
)
def test_only_what_is_sure_is_left_out(said: str, kept: str) -> None:
    assert promise_words(said, WRITTEN, LONDON) == kept
