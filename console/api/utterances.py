"""What is said: sent turn by turn or in batches, late, twice or corrected; and read again."""

from __future__ import annotations

from pydantic import Field

from console.api.cursors import cursor, no_cursor, place_in
from console.api.interactions import READ, WRITE, found
from console.api.operations import LARGE, Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import ExternalIdText, Moment, Page, Paged, Sent, Told
from console.db import db
from console.interactions import listing
from console.interactions.models import Speaker, Utterance
from console.interactions.turns import LATEST, Outcome, Said, Turn, take_in
from console.interactions.whispers import readable_by

MOST = 500


class NewTurn(Sent):
    speaker: Speaker
    text: str = Field(description="Plain text, at most 20,000 characters. Control characters are left out.")
    said_at: Moment | None = Field(None, description="Left out: now. It orders the turns, however late they arrive.")
    external_id: ExternalIdText | None = Field(None, description="Your name for it, so that it may be sent again.")
    revision: int = Field(0, ge=0, le=LATEST, description="A later one of the same external_id corrects it.")
    is_whisper: bool = Field(False, description="For colleagues; the customer never hears or reads it.")


class NewTurns(Sent):
    turns: list[NewTurn] = Field(min_length=1, max_length=MOST)


class TurnResult(Told):
    outcome: Outcome = Field(description="`unchanged`: sent before. `outdated`: a later revision is here already.")
    id: int | None = Field(description="The utterance's; none when it was refused.")
    external_id: str | None
    problem: str = Field(description="Why it was refused.")


class TurnReport(Told):
    """In the order in which they were sent."""

    added: int
    corrected: int
    refused: int
    items: list[TurnResult]


class UtteranceTold(Told):
    id: int
    speaker: Speaker
    text: str
    said_at: Moment | None
    external_id: str | None
    revision: int
    is_whisper: bool

    @classmethod
    def of(cls, row: Utterance) -> UtteranceTold:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class UtterancePage(Page):
    items: list[UtteranceTold]


class UtterancesAsked(Paged):
    whispers: bool = Field(False, description="With what was whispered to the token's user. Never for the customer.")


@operation(
    "POST",
    "/interactions/<int:interaction_id>/utterances",
    WRITE,
    {200: TurnReport},
    body=NewTurns,
    problems=(404, 409),
    largest=LARGE,
    example={
        "turns": [
            {"speaker": "customer", "text": "My lamp arrived scratched.", "external_id": "m-1"},
            {"speaker": "agent", "text": "I am sorry to hear that.", "external_id": "m-2"},
        ]
    },
)
def create_utterances(caller: Caller, interaction_id: int, body: NewTurns) -> Answer:
    """What was said: one turn or up to 500, in any order.

    Each turn gets a result of its own; one that cannot be taken stops none of the others. When none can be taken the
    answer is a 422. Turns may be sent again: with the same `external_id` nothing is said twice, and with a higher
    `revision` the words are corrected.
    """
    turns = [
        Turn(one.speaker, one.text, one.said_at, one.external_id, one.revision, one.is_whisper) for one in body.turns
    ]
    report = take_in(found(interaction_id), turns, caller.now)
    refused = report.number(Outcome.REFUSED)
    if refused == len(turns):
        errors = tuple((f"turns.{place}.text", said.problem) for place, said in enumerate(report.items[:50]))
        raise Refusal(422, "invalid", f"{errors[0][0]}: {errors[0][1]}", errors=errors)
    items = [result(said, turn) for said, turn in zip(report.items, turns, strict=True)]
    added, corrected = report.number(Outcome.ADDED), report.number(Outcome.CORRECTED)
    return Answer(TurnReport(added=added, corrected=corrected, refused=refused, items=items))


def result(said: Said, turn: Turn) -> TurnResult:
    row_id = said.utterance.id if said.utterance else None
    return TurnResult(outcome=said.outcome, id=row_id, external_id=turn.external_id, problem=said.problem)


@operation(
    "GET",
    "/interactions/<int:interaction_id>/utterances",
    READ,
    {200: UtterancePage},
    query=UtterancesAsked,
    problems=(404,),
)
def list_utterances(caller: Caller, interaction_id: int, query: UtterancesAsked) -> Answer:
    """What was said, in the order spoken."""
    talk = found(interaction_id)
    place = place_in("utterances", query.cursor, 2)
    if place and abs(place[0]) > LATEST:  # no position, which is shorter than an id
        raise no_cursor()
    after = (place[0], place[1]) if place else None
    which = readable_by(talk, caller.user) if query.whispers else Utterance.is_whisper.is_(False)
    rows = db.session.scalars(listing.said_in(interaction_id, after, query.limit + 1, which)).all()
    page = rows[: query.limit]
    more = cursor("utterances", page[-1].position, page[-1].id) if len(rows) > query.limit else None
    return Answer(UtterancePage(items=[UtteranceTold.of(row) for row in page], next_cursor=more))
