"""Money: whole minor units with their currency, and never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from babel.numbers import format_currency, get_currency_precision

AMOUNT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,4}))?", re.ASCII)
LARGEST = 10**12  # minor units; more is a typing error


@total_ordering
@dataclass(frozen=True)
class Money:
    """An amount: Money(1250, "GBP") is £12.50. Mixing currencies raises ValueError."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read "12.5" or "12.50". Raises ValueError for anything else, or finer than a minor unit.

        A pattern comes first because int(Decimal("1e400000") * 100) takes seconds.
        """
        match = AMOUNT.fullmatch(text.strip())
        digits = get_currency_precision(currency)
        if match is None:
            raise ValueError(f"{text!r} is not an amount")
        whole, part = match.groups(default="")
        if len(part.rstrip("0")) > digits:
            raise ValueError(f"{text!r} is finer than the smallest unit of {currency}")
        return cls(int(whole) * 10**digits + int(part[:digits].ljust(digits, "0") or 0), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    def plain(self) -> str:
        """The amount as a form field holds it: "12.50"."""
        digits = get_currency_precision(self.currency)
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"

    def format(self, locale: str = "en_GB") -> str:
        """The amount as a person reads it: "£12.50"."""
        return str(
            format_currency(self.minor / 10 ** get_currency_precision(self.currency), self.currency, locale=locale)
        )

    def __str__(self) -> str:
        return self.format()

    def __bool__(self) -> bool:
        return self.minor != 0

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.minor
