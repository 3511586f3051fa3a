"""What colleagues asked the knowledge base in the last two weeks, what they did with the answers, and what had none.

Words and counts stand in shop/questions.yaml; more comes from the conversations themselves. How sure each answer was
is made up until there is a model: then every question is really asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any

import numpy as np
from sqlalchemy import case, select, update

from console.auth.models import User
from console.db import db
from console.demo.days import Days
from console.demo.everyday import Deck
from console.demo.people import SEED
from console.demo.reading import table
from console.demo.talks import Staff, Talk
from console.interactions.models import Speaker
from knowledge.embedding import encoder
from knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleState,
    AskedIn,
    AskedQuestion,
    FeedbackKind,
    GapState,
    KnowledgeGap,
)
from knowledge.searching import search

DAYS = 14
A_DAY = (19, 8)  # questions with an answer, on a weekday and at the weekend
ASKING = ["maya", "daniel", "priya", "tom", "ruth", "ben", "agnieszka", "dana", "luis"]
LONGEST_WORDS = 220  # characters of a customer's turn that ask something


@dataclass
class Asking:
    """Puts the questions together; `library` by external id."""

    staff: Staff
    library: dict[str, Article]
    days: Days
    random: Random = field(default_factory=lambda: Random(f"{SEED}/questions"))
    feedback: list[tuple[AskedQuestion, ArticleFeedback]] = field(default_factory=list)

    def answered(self) -> Iterator[AskedQuestion]:
        """Searches of every day that found something, and what was done with it."""
        texts = [(text, name) for name, words in table("questions")["answered"].items() for text in words]
        deck = Deck(texts, "questions/answered")
        for days_ago in range(DAYS):
            day = self.days.day(days_ago)
            for _ in range(A_DAY[day.weekday() > 4] + self.random.randint(-3, 3)):
                text, name = deck.draw()
                at = self.days.past(self.days.opening(self.random, day))
                asker = self.staff[self.random.choice(ASKING)]
                if (article := self.library.get(name)) is not None:
                    yield self.served(text, article, asker, at, AskedIn.SEARCH)

    def said(self, talks: list[Talk]) -> Iterator[AskedQuestion]:
        """What customers said in the conversations of these days, where an article helped."""
        since = self.days.at(DAYS, "00:00")
        for talk in talks:
            named = [self.library[name] for name in talk.articles if name in self.library]
            article = next((one for one in named if one.state is ArticleState.PUBLISHED), None)
            if article is None or talk.started_at < since:
                continue
            turns = talk.interaction.utterances[:6] if talk.key else []  # the others are told without their words
            texts = [turn.text for turn in turns if turn.speaker is Speaker.CUSTOMER]
            texts = [text for text in texts if 30 < len(text) <= LONGEST_WORDS]
            asked_in = AskedIn.TALK if texts else AskedIn.SEARCH
            text = max(texts, key=len) if texts else talk.interaction.subject
            at = self.days.past(talk.started_at + (talk.ended_at - talk.started_at) * 0.3)
            yield self.served(text, article, talk.agent, at, asked_in, talk.interaction.id)

    def served(
        self, text: str, article: Article, asker: User, at: datetime, asked_in: AskedIn, talk_id: int | None = None
    ) -> AskedQuestion:
        confidence = round(self.random.betavariate(6, 2) * 0.45 + 0.52, 3)
        row = asked(text, asked_in, confidence, article, asker, at, talk_id)
        row.shown = 3
        self.look_at(row, article, asker, at)
        return row

    def look_at(self, row: AskedQuestion, article: Article, asker: User, at: datetime) -> None:
        """What was done with the answer; all of it within the next minutes, and none of it after now."""
        told = table("questions")
        disliked = told["disliked"].get(article.external_id, 0)
        below = self.library.get(self.random.choice(told["passed_over"]))
        kinds = [FeedbackKind.DISPLAYED]
        if disliked or self.random.random() < 0.55:
            kinds.append(FeedbackKind.OPENED)
            if self.random.random() < disliked / 10:
                kinds.append(FeedbackKind.NOT_HELPFUL)
            elif self.random.random() < 0.35:
                kinds.append(FeedbackKind.HELPFUL)
        if self.random.random() < 0.2:
            kinds.append(FeedbackKind.COPIED)
        for step, kind in enumerate(kinds):
            self.note(row, article, kind, asker, self.days.past(at + timedelta(seconds=20 * step), minutes=1), 1)
        if below is not None and below is not article:
            self.note(row, below, FeedbackKind.DISPLAYED, asker, at, 2)

    def note(
        self, row: AskedQuestion, article: Article, kind: FeedbackKind, who: User, at: datetime, position: int
    ) -> None:
        made = ArticleFeedback(
            article_id=article.id,
            kind=kind,
            position=position if kind is FeedbackKind.DISPLAYED else None,
            user_id=who.id,
            interaction_id=row.interaction_id,
            at=at,
        )
        self.feedback.append((row, made))

    def gaps(self, talks: list[Talk]) -> Iterator[tuple[KnowledgeGap, list[AskedQuestion]]]:
        """Questions without an answer, together with what became of them; some were looked up in a conversation."""
        recent = [talk for talk in talks if talk.started_at > self.days.at(DAYS, "00:00") and not talk.key]
        for told in table("questions")["gaps"]:
            rows = list(self.unanswered(told, recent))
            if rows:
                yield self.gap(told, rows), rows

    def unanswered(self, told: dict[str, Any], recent: list[Talk]) -> Iterator[AskedQuestion]:
        words = Deck(told["wordings"], f"questions/{told['question']}")
        before, lately = told["times"]
        moments = [self.random.randint(7, 13) for _ in range(before)] + [
            self.random.randint(0, 6) for _ in range(lately)
        ]
        for days_ago in sorted(moments, reverse=True):
            day = self.days.day(days_ago)
            at, asker, talk_id = self.days.opening(self.random, day), self.staff[self.random.choice(ASKING)], None
            talk = next((one for one in recent if one.started_at.astimezone(self.days.zone).date() == day), None)
            if talk is not None:
                recent.remove(talk)
                at, asker, talk_id = talk.started_at + timedelta(minutes=2), talk.agent, talk.interaction.id
            confidence = round(self.random.betavariate(2, 4) * 0.45 + 0.03, 3)
            yield asked(words.draw(), AskedIn.SEARCH, confidence, None, asker, self.days.past(at), talk_id)

    def gap(self, told: dict[str, Any], rows: list[AskedQuestion]) -> KnowledgeGap:
        times = [row.asked_at for row in rows]
        made = KnowledgeGap(
            question=told["question"], asked=len(rows), first_asked_at=min(times), last_asked_at=max(times)
        )
        if who := told.get("who"):
            made.state, made.assigned_to_id = GapState.ASSIGNED, self.staff[who].id
        article = self.library.get(told.get("solved", ""))
        if article is not None or told.get("ignored"):
            made.state = GapState.SOLVED if article is not None else GapState.IGNORED
            made.article_id = article.id if article is not None else None
            made.decided_by_id = self.staff["sofia"].id
            made.decided_at = self.days.past(max(times) + timedelta(hours=20))
        return made


def ask(talks: list[Talk], library: dict[str, Article], staff: Staff, days: Days) -> int:
    """Write two weeks of questions down, with what came of them; returns how many."""
    asking = Asking(staff, library, days)
    rows = [*asking.said(talks), *asking.answered()]
    groups = list(asking.gaps(talks))
    db.session.add_all(rows + [gap for gap, _ in groups])
    db.session.flush()
    for gap, members in groups:
        for row in members:
            row.gap_id = gap.id
        rows += members
    for row, made in asking.feedback:
        made.question_id = row.id
    db.session.add_all(rows + [made for _, made in asking.feedback])
    db.session.flush()
    return len(rows)


def asked(
    text: str,
    asked_in: AskedIn,
    confidence: float,
    article: Article | None,
    asker: User,
    at: datetime,
    talk_id: int | None = None,
) -> AskedQuestion:
    return AskedQuestion(
        text=text,
        asked_in=asked_in,
        language="en",
        confidence=confidence,
        best_article_id=article.id if article else None,
        shown=0,
        user_id=asker.id,
        interaction_id=talk_id,
        asked_at=at,
    )


def really_ask() -> int:
    """Ask the demo's questions now that there is a model: their vectors, and how sure the answers are. Commits.

    Returns how many different questions there are.
    """
    model = encoder()
    by_demo = AskedQuestion.user_id.in_(select(User.id).where(User.is_demo))
    texts = db.session.scalars(
        select(AskedQuestion.text).where(by_demo, AskedQuestion.vector.is_(None)).distinct()
    ).all()
    for text in texts:
        answer = search(text)
        if answer.vector is None:
            return 0
        values = {
            "vector": answer.vector.tobytes(),
            "model": model.name,
            "best_article_id": answer.best_article_id,
            # What had no answer then, before somebody wrote one, was no surer then than it is told here.
            "confidence": case(
                (AskedQuestion.gap_id.is_(None), answer.confidence),
                (AskedQuestion.confidence < answer.confidence, AskedQuestion.confidence),
                else_=answer.confidence,
            ),
        }
        statement = update(AskedQuestion).where(by_demo, AskedQuestion.text == text).values(values)
        db.session.execute(statement, execution_options={"synchronize_session": False})
    give_meaning(model.name)
    db.session.commit()
    return len(texts)


def give_meaning(model: str) -> None:
    """Each gap without a meaning gets the mean of its questions."""
    rows = db.session.execute(
        select(AskedQuestion.gap_id, AskedQuestion.vector)
        .join(KnowledgeGap, KnowledgeGap.id == AskedQuestion.gap_id)
        .where(KnowledgeGap.vector.is_(None), AskedQuestion.vector.is_not(None), AskedQuestion.model == model)
        .order_by(AskedQuestion.gap_id, AskedQuestion.id)
    )
    for gap_id, members in groupby(rows, key=lambda row: row.gap_id):
        mean = np.mean([np.frombuffer(row.vector, np.float32) for row in members], axis=0)
        vector = np.asarray(mean / np.linalg.norm(mean), np.float32).tobytes()
        db.session.execute(update(KnowledgeGap).where(KnowledgeGap.id == gap_id).values(vector=vector, model=model))
