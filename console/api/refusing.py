"""What the API says no with, and how what the domain refuses is told as a problem."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from console.customers.recognising import BadClue
from console.db import db
from console.errors import DomainError, Stale
from console.gestures.ledger import Busy, KeyConflict, NoAuthority, NotOffered, OverLimit, WrongState
from console.problems import problem

DOCS = "/api/docs#"
KINDS = {
    "invalid": "A field is missing, unknown or not of its form. `errors` names each.",
    "malformed": "The body is not JSON in UTF-8, or names a key twice.",
    "scope": "The token was not made for this. `scope` is the one it lacks.",
    "several-customers": "More than one customer fits. Show `candidates`, or send the agent to `pop_url`, and "
    "come back with `customer.id`.",
    "known-already": "Somebody else has that address or number. `candidates` says who.",
    "changed-meanwhile": "Somebody else was faster. Read it again, then decide.",
    "key-reused": "This Idempotency-Key came with another request before. Use a new key for a new request.",
    "over-limit": "A limit would be exceeded. `limits` says what is left of each and when it frees up, `instead` what "
    "still fits.",
    "not-offered": "No policy allows this gesture here, or the customer's own wish forbids it. `detail` says which.",
    "refused": "A rule of the console forbids it. `detail` says what to do.",
    "busy": "Others are writing to the same thing. Nothing was saved; try again after `Retry-After` seconds.",
}  # fmt: skip


class Refusal(Exception):
    """An answer that is a problem; nothing is saved."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: tuple[tuple[str, str], ...] = (),
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors
        self.headers, self.more = headers, more

    @classmethod
    def of_field(cls, field: str, message: str) -> Refusal:
        return cls(422, "invalid", f"{field}: {message}", errors=((field, message),))

    def response(self) -> Response:
        kind = DOCS + self.kind if self.kind in KINDS else "about:blank"
        return problem(self.status, self.detail, kind=kind, errors=self.errors, headers=self.headers, **self.more)


def refuse_by(bp: Blueprint) -> None:
    """Tell everything that this blueprint's views raise as a problem."""
    for kind in (Refusal, ValidationError, BadClue, DomainError):
        bp.register_error_handler(kind, told)


def told(error: Exception) -> Response:
    db.session.rollback()
    return as_refusal(error).response()


def as_refusal(error: Exception) -> Refusal:
    text = str(error).replace("Reload the page", "Read it again")  # another system has none
    match error:
        case Refusal():
            return error
        case ValidationError():
            return invalid(error)
        case BadClue():
            return Refusal.of_field(error.field, text)
        case OverLimit():
            limits = [{"reason": reason} for reason in error.reasons]
            return Refusal(422, "over-limit", text, limits=limits, advice=error.advice, may_ask=error.may_ask)
        case KeyConflict():
            return Refusal(422, "key-reused", text)
        case NoAuthority() | NotOffered():
            return Refusal(422, "not-offered", text)
        case WrongState() | Stale():
            return Refusal(409, "changed-meanwhile", text)
        case Busy():
            return Refusal(503, "busy", text, headers={"Retry-After": "2"})
        case _:
            return Refusal(422, "refused", text)


def invalid(error: ValidationError) -> Refusal:
    """Every field that is wrong, as "turns.3.text". JSON that cannot be read at all is 400."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return Refusal(400, "malformed", f"The body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}.")
    errors = tuple((".".join(map(str, one["loc"])) or "body", sentence(one)) for one in found[:50])
    first = f"{errors[0][0]}: {errors[0][1]}"
    return Refusal(422, "invalid", first, errors=errors)


SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "No field has this name here.",
    "string_pattern_mismatch": "Write something that can be read, without control characters.",
    "timezone_aware": "Give the time with its zone, such as 2026-11-24T10:15:00Z.",
}


def sentence(one: ErrorDetails) -> str:
    if known := SENTENCES.get(one["type"]):
        return known
    return one["msg"].removeprefix("Value error, ").rstrip(".") + "."
