"""A pasted conversation becomes its turns; anything else stays one."""

from __future__ import annotations

import pytest

from console.interactions.models import Speaker
from console.interactions.pasting import dialogue

C, A = Speaker.CUSTOMER, Speaker.AGENT
ISLA, MAYA = {"Isla Mercer", "Isla"}, {"Maya Chen", "Maya"}


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Customer: Hi\nAgent: Hello, how can I help?", [(C, "Hi"), (A, "Hello, how can I help?")]),
        ("[10:02] Isla Mercer: It broke\n  at the base.\n\n10:03 am maya: I am sorry.",
         [(C, "It broke\n  at the base."), (A, "I am sorry.")]),
        ("\nIsla - Are you there?\nMe - Yes.\nIsla - Good.", [(C, "Are you there?"), (A, "Yes."), (C, "Good.")]),
    ],
)  # fmt: skip
def test_a_conversation_of_two_is_taken_apart(text: str, turns: list[tuple[Speaker, str]]) -> None:
    assert dialogue(text, ISLA, MAYA) == turns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "My lamp broke.",
        "Isla: It broke.",
        "Hello\nCustomer: Hi\nAgent: Hello",  # somebody else spoke first
        "Order: 48213\nColour: green",
        "Customer:\nAgent:",
        "See https://example.com and\nagent: 7",
        "a" + " " * 20_000,
    ],
)
def test_anything_else_is_one_turn(text: str) -> None:
    assert dialogue(text, ISLA, MAYA) == []
