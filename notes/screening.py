"""What may stand in a note: plain text of bounded length, and never a card number."""

from __future__ import annotations

import re

LONGEST_NOTE = 10_000  # characters
LONGEST_PROMISE = 300
# Digits as people write card numbers: in groups with one blank, dot or dash between them.
GROUPED_DIGITS = re.compile(r"[0-9]+(?:[ .\u00a0\u2009\u2010-\u2014-][0-9]+)*")
DIGIT_GROUP = re.compile(r"[0-9]+")
CARD_LENGTHS = range(13, 20)
CARD_STARTS = frozenset("23456")  # the networks that people pay with
UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # PostgreSQL refuses NUL; none of them can be read


def tidy(text: str | None) -> str:
    """The words as they are kept: Unix line ends, no control characters, no blank margins."""
    return UNWANTED.sub("", (text or "").replace("\r\n", "\n").replace("\r", "\n")).strip()


def fault_in_note(body: str) -> str | None:
    """Say in a sentence what is wrong with a tidied note, or None."""
    return fault_in(body, LONGEST_NOTE, "Write the note first.", "The note")


def fault_in_promise(text: str) -> str | None:
    """Say in a sentence what is wrong with a tidied promise, or None."""
    return fault_in(text, LONGEST_PROMISE, "Say what was promised.", "The promise")


def fault_in(text: str, longest: int, missing: str, name: str) -> str | None:
    if not text:
        return missing
    if len(text) > longest:
        return f"{name} has {len(text):,} characters; {longest:,} fit. Shorten it."
    if holds_card_number(text):
        return "This looks like a card number. It is never stored: take it out, the last four digits are enough."
    return None


def holds_card_number(text: str) -> bool:
    """Whether 13 to 19 digits, written together or in groups, pass the check every card number passes (Luhn)."""
    for run in GROUPED_DIGITS.finditer(text):
        groups = DIGIT_GROUP.findall(run[0])
        if any(is_card_number(digits) for digits in joined(groups)):
            return True
    return False


def joined(groups: list[str]) -> list[str]:
    """Every stretch of neighbouring groups that is as long as a card number."""
    found = []
    for start in range(len(groups)):
        digits = ""
        for group in groups[start : start + CARD_LENGTHS.stop]:
            digits += group
            if len(digits) >= CARD_LENGTHS.stop:
                break
            if len(digits) in CARD_LENGTHS:
                found.append(digits)
    return found


def is_card_number(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return digits[0] in CARD_STARTS and sum(number - 9 * (number > 9) for number in doubled) % 10 == 0
