"""Card numbers are never stored, in whatever text they come."""

from __future__ import annotations

import re
from itertools import accumulate

REFUSAL = "This looks like a card number. It is never stored: take it out, the last four digits are enough."
IN_A_ROW = "seems to hold a card number, which is never stored"
# Digits as people write card numbers, or as a page they are copied from does: in groups of one line with a few blanks,
# dots or dashes between them, or signs without a width.
GROUPED_DIGITS = re.compile(
    r"[0-9]+(?:[ .\u00a0\u2007\u2009\u200b-\u200d\u202f\u2010-\u2014\u2060\u2212\ufeff-]{1,3}[0-9]+)*"
)
# Grouped as on a card: four times four, or four, six and five (American Express) or four (Diners).
GAP = r"[ .\u00a0\u2010-\u2013-]?"
AS_PRINTED = re.compile(
    rf"(?<!\d)(?<!\d[.,])(?=((?:[456]\d|2[2-7]|35)\d\d(?P<a>{GAP})\d{{4}}(?P=a)\d{{4}}(?P=a)\d{{4}}(?:(?P=a)\d{{3}})?"
    rf"|3[046789]\d\d(?P<b>{GAP})\d{{6}}(?P=b)\d{{4,5}})(?!\d|[.,]\d))"
)
ALL_BUT_FOUR = re.compile(r"[0-9](?=(?:[^0-9]*[0-9]){4})")
DIGIT_GROUP = re.compile(r"[0-9]+")
CARD_LENGTHS = range(13, 20)
TWICE = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))
CARD_STARTS = frozenset("23456")  # the networks that people pay with


def holds_card_number(text: str) -> bool:
    """Whether 13 to 19 digits, written together or in groups, pass the check every card number passes (Luhn)."""
    return any(has_one(DIGIT_GROUP.findall(run[0])) for run in GROUPED_DIGITS.finditer(text))


def holds_card_as_printed(text: str) -> bool:
    """Whether a card number stands there grouped as on a card.

    For text out of a PDF, which puts the columns of a table side by side as words: figures in a row are no number.
    """
    return any(holds_card_number(part[1]) for part in AS_PRINTED.finditer(text))


def masked(text: str) -> str:
    """The text with only the last four digits of what may be a card number."""
    return GROUPED_DIGITS.sub(lambda run: ALL_BUT_FOUR.sub("x", run[0]) if holds_card_number(run[0]) else run[0], text)


def has_one(groups: list[str]) -> bool:
    """Whether a stretch of neighbouring groups is a card number. Takes time in proportion to their number."""
    digits = "".join(groups)
    bounds = list(accumulate(map(len, groups), initial=0))
    # Luhn's sums up to each place: every second digit counts twice, the even ones in the first, the odd in the other.
    sums = [
        list(accumulate((TWICE[one] if place % 2 == odd else int(one) for place, one in enumerate(digits)), initial=0))
        for odd in (0, 1)
    ]
    for at, begin in enumerate(bounds[:-1]):
        if digits[begin] in CARD_STARTS:
            for end in bounds[at + 1 : at + CARD_LENGTHS.stop]:
                if end - begin in CARD_LENGTHS and (sums[end % 2][end] - sums[end % 2][begin]) % 10 == 0:
                    return True
    return False
