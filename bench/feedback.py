"""What a month of use does to the search: python -m bench.feedback FOLDER… --json

Each folder is as bench.search takes it. Half of its questions are asked for a month by simulated agents through the
product's own search, and what they do is written down as the product writes it: they open, use, praise, dislike and
dismiss, mostly for good reasons. A few are angry at the articles that most of the other questions need, and press
everything they can against them. The other half of the questions is asked before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from sqlalchemy import select

from bench.search import DEPTH, Question, application, engine_url, gain, judgements, prepare, questions_of
from console.auth.models import User
from console.customers.models import Customer
from console.db import db, utc_now
from console.interactions.models import Channel, Interaction, InteractionState
from knowledge.asking import Asker, write_down
from knowledge.embedding import encoder
from knowledge.feedback import Occasion, dismiss, judge
from knowledge.flagging import flag
from knowledge.linking import link
from knowledge.models import Article, AskedIn, FeedbackKind, FlagReason
from knowledge.searching import Result, search

AGENTS, ANGRY, TARGETS = 12, 3, 3
ANGRY_QUESTIONS = 8  # that each angry agent asks about each target
MONTH = timedelta(days=30)
LOOKS_FURTHER = 0.85  # the chance that an agent reads the next result as well
OPENS = {True: 0.75, False: 0.12}  # by whether the article answers
USES, PRAISES, DISLIKES, DISMISSES = 0.6, 0.25, 0.15, 0.2
MISJUDGES = 0.05  # takes a right answer for a wrong one, or the other way round
IS_DONE = 0.8  # stops at what answered

Judgements = Mapping[str, Mapping[str, int]]


@dataclass
class Month:
    """Who asks, what answers, and what they did so far."""

    random: Random
    relevant: Judgements
    agents: Sequence[User]
    customer_id: int
    start: datetime
    targets: Sequence[str] = ()
    done: Counter[str] = field(default_factory=Counter)

    def moment(self, share: float) -> datetime:
        return self.start + share * MONTH


def main() -> None:
    options = arguments()
    with engine_url(options) as url, application(url) as app, app.app_context():
        if not encoder().load():
            sys.exit("The embedding model cannot be loaded.")
        for folder in options.folders:
            prepare(folder)
            line = {"set": folder.name, "engine": db.engine.dialect.name} | measure(folder, options)
            print(json.dumps(line) if options.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.feedback", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object for each set")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--database", metavar="URL", help="an empty database to use; kept afterwards")
    parser.add_argument("--questions", type=int, default=600, help="asked in the month, besides the angry ones")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    random = Random(options.seed)
    relevant = judgements(folder / "qrels.tsv")
    questions = [question for question in questions_of(folder / "queries.jsonl") if question.id in relevant]
    random.shuffle(questions)
    asked, held_out = questions[::2], questions[1::2]
    needed = Counter(article for question in held_out for article in relevant[question.id])
    targets = [article for article, _ in sorted(needed.items(), key=lambda one: (-one[1], one[0]))[:TARGETS]]
    month = Month(random, relevant, make_agents(), make_customer(), utc_now() - MONTH, targets)
    before = found_for(held_out)
    live_through(month, asked, options.questions)
    after = found_for(held_out)
    return {
        "asked": month.done["asked"],
        "held_out": len(held_out),
        **{kind: month.done[kind] for kind in ("linked", "helpful", "not_helpful", "dismissed", "angry_clicks")},
        "ndcg10_before": ndcg(held_out, before, relevant),
        "ndcg10_after": ndcg(held_out, after, relevant),
        "hit3_before": hit3(held_out, before, relevant),
        "hit3_after": hit3(held_out, after, relevant),
        **losses(held_out, before, after, relevant, targets),
    }


def live_through(month: Month, questions: Sequence[Question], count: int) -> None:
    """A month of questions, the popular ones more often, with the angry ones strewn in."""
    popularity = [1 / (place + 1) ** 0.7 for place in range(len(questions))]
    calm = month.random.choices(questions, popularity, k=count)
    occasions = [(question, month.random.choice(month.agents), "") for question in calm]
    for target in month.targets:
        about = [question for question in questions if target in month.relevant[question.id]] or list(questions)
        for agent in month.agents[:ANGRY]:
            occasions += [(month.random.choice(about), agent, target) for _ in range(ANGRY_QUESTIONS)]
    month.random.shuffle(occasions)
    for number, (question, agent, target) in enumerate(occasions):
        ask(month, question, agent, target, month.moment(number / len(occasions)))


def ask(month: Month, question: Question, agent: User, target: str, now: datetime) -> None:
    """One question of one agent, and what they do with its answers; `target` is what they are angry at, if at all."""
    text = reworded(question.text, month.random)
    answer = search(text, limit=DEPTH, anyway=True)
    ids = [result.article.id for result in answer.results]
    asker = Asker(agent.id, AskedIn.SEARCH)
    question_id = write_down(db.session.connection(), answer, ids, asker, now).id
    month.done["asked"] += 1
    if target:
        vent(month, answer.results, agent, target, question_id, now)
    else:
        read(month, answer.results, agent, month.relevant[question.id], question_id, now)
    db.session.commit()


def read(
    month: Month,
    results: Sequence[Result],
    agent: User,
    right: Mapping[str, int],
    question_id: int | None,
    now: datetime,
) -> None:
    for position, result in examined(results, month.random):
        answers = (result.article.external_id in right) != (month.random.random() < MISJUDGES)
        if month.random.random() >= OPENS[answers]:
            continue
        article, occasion = db.session.get_one(Article, result.article.id), Occasion(question_id, None, position)
        if answers:
            if month.random.random() < USES:
                use(month, article, agent, occasion, now)
            if month.random.random() < PRAISES:
                say(month, article, FeedbackKind.HELPFUL, agent, occasion, now)
            if month.random.random() < IS_DONE:
                return
        elif month.random.random() < DISLIKES:
            say(month, article, FeedbackKind.NOT_HELPFUL, agent, occasion, now)
        elif month.random.random() < DISMISSES:
            dismiss(article, occasion, user_id=agent.id, now=now)
            month.done["dismissed"] += 1


def vent(
    month: Month, results: Sequence[Result], agent: User, target: str, question_id: int | None, now: datetime
) -> None:
    """Everything that can be pressed against one article."""
    for position, result in enumerate(results, 1):
        if result.article.external_id != target:
            continue
        article, occasion = db.session.get_one(Article, result.article.id), Occasion(question_id, None, position)
        judge(article, FeedbackKind.NOT_HELPFUL, occasion, user_id=agent.id, now=now)
        dismiss(article, occasion, user_id=agent.id, now=now)
        flag(article, FlagReason.WRONG, "", occasion, user_id=agent.id, now=now)
        month.done["angry_clicks"] += 3


def examined(results: Sequence[Result], random: Random) -> Iterator[tuple[int, Result]]:
    for position, result in enumerate(results, 1):
        yield position, result
        if random.random() >= LOOKS_FURTHER:
            return


def use(month: Month, article: Article, agent: User, occasion: Occasion, now: datetime) -> None:
    talk = Interaction(
        customer_id=month.customer_id,
        agent_id=agent.id,
        channel=Channel.PHONE,
        state=InteractionState.CLOSED,
        started_at=now,
    )
    db.session.add(talk)
    db.session.flush()
    link(article, talk.id, user_id=agent.id, now=now, occasion=occasion)
    month.done["linked"] += 1


def say(month: Month, article: Article, verdict: FeedbackKind, agent: User, occasion: Occasion, now: datetime) -> None:
    judge(article, verdict, occasion, user_id=agent.id, now=now)
    month.done[verdict] += 1


def reworded(text: str, random: Random) -> str:
    """As another agent would type it: often a word less."""
    words = text.split()
    if len(words) > 3 and random.random() < 0.5:
        words.pop(random.randrange(len(words)))
    return " ".join(words)


def make_agents() -> list[User]:
    known = select(User).where(User.email.like("agent%@bench.example")).order_by(User.id)
    if agents := list(db.session.scalars(known)):
        return agents
    agents = [
        User(email=f"agent{number}@bench.example", name=f"Agent {number}", fs_uniquifier=f"bench-{number}")
        for number in range(AGENTS)
    ]
    db.session.add_all(agents)
    db.session.commit()
    return agents


def make_customer() -> int:
    customer = Customer(first_name="Somebody")
    db.session.add(customer)
    db.session.commit()
    return customer.id


def found_for(questions: Sequence[Question]) -> list[list[str]]:
    """The external ids found for each question, best first."""
    found = []
    for question in questions:
        found.append([result.article.external_id for result in search(question.text, limit=DEPTH, anyway=True).results])
        db.session.rollback()
    return found


def ndcg(questions: Sequence[Question], found: Sequence[Sequence[str]], relevant: Judgements) -> float:
    values = []
    for question, ids in zip(questions, found, strict=True):
        grades = relevant[question.id]
        ideal = gain(sorted(grades.values(), reverse=True))
        values.append(gain([grades.get(id, 0) for id in ids]) / ideal)
    return round(fmean(values), 4)


def hit3(questions: Sequence[Question], found: Sequence[Sequence[str]], relevant: Judgements) -> float:
    hits = (any(id in relevant[q.id] for id in ids[:3]) for q, ids in zip(questions, found, strict=True))
    return round(fmean(hits), 4)


def losses(
    questions: Sequence[Question],
    before: Sequence[Sequence[str]],
    after: Sequence[Sequence[str]],
    relevant: Judgements,
    targets: Sequence[str],
) -> dict[str, Any]:
    """How many places the attacked articles lost on questions that they answer; beyond the list counts as 11th."""
    lost = [
        rank(target, after[place]) - rank(target, before[place])
        for place, question in enumerate(questions)
        for target in targets
        if target in relevant[question.id]
    ]
    standings = db.session.scalars(select(Article.standing).where(Article.external_id.in_(targets)))
    return {
        "attacked": len(targets),
        "attacked_questions": len(lost),
        "worst_rank_loss": max(lost, default=0),
        "mean_rank_loss": round(fmean(lost), 3) if lost else 0.0,
        "attacked_standings": [round(value, 2) for value in standings],
    }


def rank(article: str, found: Sequence[str]) -> int:
    return found.index(article) + 1 if article in found else DEPTH + 1


if __name__ == "__main__":
    main()
