"""Card numbers are never stored, in whatever text they come."""

from __future__ import annotations

import re

REFUSAL = "This looks like a card number. It is never stored: take it out, the last four digits are enough."
# Digits as people write card numbers: in groups with one blank, dot or dash between them.
GROUPED_DIGITS = re.compile(r"[0-9]+(?:[ .\u00a0\u2009\u2010-\u2014-][0-9]+)*")
DIGIT_GROUP = re.compile(r"[0-9]+")
CARD_LENGTHS = range(13, 20)
CARD_STARTS = frozenset("23456")  # the networks that people pay with


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
