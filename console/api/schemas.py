"""What requests and answers are made of. The same models validate and become the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from annotated_types import GroupedMetadata
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from console.customers.models import Customer
from console.money import Money
from console.web import LARGEST_ID

VISIBLE = r"^[^\x00-\x1f\x7f]*$"  # one line, no control characters
SOMETHING_VISIBLE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
READABLE = r"^[^\x00]*$"  # PostgreSQL keeps no NUL
SOMETHING_READABLE = r"^[^\x00]*[^\x00-\x20][^\x00]*$"


@dataclass(frozen=True)
class Words(GroupedMetadata):
    """Text of bounded length in a form; blanks at its ends are left out once it has passed."""

    pattern: str
    most: int
    least: int

    def __iter__(self) -> Iterator[object]:
        yield StringConstraints(min_length=self.least, max_length=self.most, pattern=self.pattern)
        yield AfterValidator(str.strip)


def line(most: int, least: int = 0) -> Words:
    """One line of text, empty unless `least` is 1."""
    return Words(SOMETHING_VISIBLE if least else VISIBLE, most, least)


def text(most: int, least: int = 0) -> Words:
    """Text of several lines, empty unless `least` is 1."""
    return Words(SOMETHING_READABLE if least else READABLE, most, least)


def in_utc(moment: datetime) -> datetime:
    """Raises ValueError for the first and last hours of the calendar, which have no such time everywhere."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("That is no time that can be kept") from None


Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
ExternalIdText = Annotated[str, line(120, 1)]
SourceText = Annotated[str, line(40, 1)]


class Sent(BaseModel):
    """A request: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Asked(BaseModel):
    """What stands behind the question mark: text, so numbers are read from it."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Told(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(defer_build=True)


class Paged(Asked):
    """A page of a list."""

    cursor: Annotated[str, line(200)] | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="How many to answer at most.")


class Page(Told):
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; none: this was the last.")


class MoneyTold(Told):
    """An amount in whole minor units (pence, cents)."""

    minor: int
    currency: str = Field(description="ISO 4217.", examples=["GBP"])

    @classmethod
    def of(cls, amount: Money) -> MoneyTold:
        return cls(minor=amount.minor, currency=amount.currency)


class Candidate(Told):
    """Somebody who fits; contact details stay masked."""

    customer_id: int
    name: str
    account: str | None
    emails: list[str]
    phones: list[str]

    @classmethod
    def of(cls, customer: Customer) -> Candidate:
        return cls(
            customer_id=customer.id,
            name=customer.name,
            account=customer.account.name if customer.account else None,
            emails=[one.masked for one in customer.emails],
            phones=[one.masked for one in customer.phones],
        )


class FieldError(Told):
    field: str = Field(examples=["turns.3.text"])
    message: str


class Problem(Told):
    """RFC 9457. Kinds have members of their own besides."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: str = Field(description="What kind of problem, as a URI; `about:blank`: what its status says.")
    title: str
    status: int
    detail: str = Field(description="A sentence that says what to do.")
    errors: list[FieldError] = Field(description="Every field that is wrong.")
