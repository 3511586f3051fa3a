"""The knowledge base, asked by another system: a chat's robot, or another desk."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask import url_for
from pydantic import Field

from console.api.interactions import found
from console.api.operations import Answer, Caller, operation
from console.api.schemas import Id, Moment, Sent, Told, line, text
from console.api.scopes import Scope
from knowledge import asking
from knowledge.asking import Asker, quietly
from knowledge.index import Filters
from knowledge.models import AskedIn
from knowledge.searching import Result, search


class SearchSent(Sent):
    question: Annotated[str, text(8000, 1)] = Field(description="A question, or what the customer said.")
    language: Annotated[str, line(16)] = Field("", description="Only articles in it: `en` also finds `en-US`.")
    limit: int = Field(5, ge=1, le=20)
    interaction_id: Id | None = Field(None, description="Where it is asked. What finds nothing becomes a gap there.")


class PassageTold(Told):
    article_id: int
    title: str
    heading: str
    text: str
    confidence: float = Field(ge=0, le=1, description="That the answer is here. It compares between questions.")
    reasons: list[str] = Field(description="Why it is shown, the strongest first.")
    verified_at: Moment | None
    verify_by: date | None
    url: str

    @classmethod
    def of(cls, result: Result) -> PassageTold:
        article = result.article
        return cls(
            article_id=article.id,
            title=article.title,
            heading=result.passage.heading,
            text=result.passage.text,
            confidence=min(max(round(result.confidence, 4), 0), 1),
            reasons=list(result.reasons),
            verified_at=article.verified_at,
            verify_by=article.verify_by,
            url=url_for("knowledge.article", slug=article.slug, _external=True),
        )


class PassagesFound(Told):
    """Surest first. Nothing rather than something weak: an empty list means that nothing fits."""

    confidence: float
    notice: str = Field(description="When only half of the search could run.")
    items: list[PassageTold]


@operation(
    "POST",
    "/knowledge/searches",
    Scope.KNOWLEDGE_SEARCH,
    {200: PassagesFound},
    body=SearchSent,
    problems=(404,),
    commits_itself=True,
    example={"question": "The lamp arrived scratched, may she keep it?", "language": "en"},
)
def search_knowledge(caller: Caller, body: SearchSent) -> Answer:
    """The best passage of each article that answers.

    The question is written down, so that what nobody has answered yet is seen.
    """
    if body.interaction_id is not None:
        found(body.interaction_id)
    filters = Filters(language=body.language)
    answer = search(body.question, filters, limit=body.limit)
    shown = [result.article.id for result in answer.results]
    asked_in = AskedIn.SEARCH if body.interaction_id is None else AskedIn.TALK
    asker = Asker(caller.id, asked_in, body.interaction_id, body.language, narrowed=bool(filters))
    quietly(lambda connection: asking.write_down(connection, answer, shown, asker, caller.now))
    return Answer(
        PassagesFound(
            confidence=round(answer.confidence, 4),
            notice=answer.notice,
            items=[PassageTold.of(result) for result in answer.results],
        )
    )
