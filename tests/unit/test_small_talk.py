"""What a customer says that no article could be about."""

from __future__ import annotations

import pytest

from console.assist.small_talk import says_nothing


@pytest.mark.parametrize(
    "text",
    [
        "One moment",
        "ok, thanks",
        "Let me have a look.",
        "Yes, I'm still here",
        "Hmm, I don’t know.",
        "My order number is LL-10442",
        "It's Isla Mercer, M E R C E R",
        "isla@example.com",
        "…",
    ],
)
def test_thanking_waiting_and_saying_who_one_is_says_nothing(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize(
    "text",
    ["Where is my order", "Is it still there?", "It's still not here", "The blue one", "I want a refund", "ok " * 80],
)
def test_whatever_could_be_asked_counts(text: str) -> None:
    assert not says_nothing(text)
