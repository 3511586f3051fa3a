"""Finds the passages that answer a question: by meaning and by words, merged; or honestly nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import func, select

from console.db import db
from console.web import day
from knowledge import keywords
from knowledge.background import Background, background_for
from knowledge.candidates import Candidate, candidates
from knowledge.embedding import Encoder, EncoderState, encoder
from knowledge.held import Found, Held, ReadPassage
from knowledge.highlighting import Part, excerpt, pick_by_meaning, pick_by_words
from knowledge.index import Filters, index_for, mean_vector
from knowledge.judging import JUDGED, judged
from knowledge.keywords import stem, words_in_common
from knowledge.likeness import Rarity
from knowledge.looking_up import Asked, LookUp
from knowledge.models import Article, ArticleLink
from knowledge.nearby import Vectors
from knowledge.queries import in_order
from knowledge.questions import plain, rarest

NEIGHBOURS = 60  # passages looked at for similar articles
FAINT = 0.25  # below this confidence an article is not shown beside a surer one
LOADS_WITHIN = 30.0  # seconds that work beside the requests waits for the model
MEANS_THE_SAME = 0.35  # the cosine from which "similar meaning" is a fair reason to give


class Use(StrEnum):
    """Which of the two searches answer. The product uses both; a bench compares."""

    BOTH = "both"
    KEYWORD = "keyword"
    MEANING = "meaning"


@dataclass(frozen=True)
class Result:
    """An article, the passage of it that answers, and why it is shown."""

    article: Found
    passage: ReadPassage
    score: float  # compares only within one search
    confidence: float  # 0 to 1, compares between searches
    parts: tuple[Part, ...]  # the passage in context, its best sentences marked
    reasons: tuple[str, ...]  # the strongest first

    @property
    def marked(self) -> str:
        """The best sentences alone, to be put into a reply: without the bullets and numbers of a list."""
        sentences = [BULLET.sub("", part.text).strip() for part in self.parts if part.marked]
        return " ".join(sentences) or self.passage.text


@dataclass(frozen=True)
class Answer:
    question: str
    results: tuple[Result, ...]
    confidence: float = 0.0  # 0 to 1, that the answer is here, shown or not
    is_sure: bool = False  # enough to be shown unasked
    best_article_id: int | None = None  # shown or not
    vector: Vectors | None = None  # of the question, shape (dimensions,)
    notice: str = ""  # a sentence when only half of the search could run
    warming: bool = False  # the model is being loaded: asking again in a moment finds more


BULLET = re.compile(r"^\s*(?:[•*–-]|\d{1,2}[.)])\s+", re.MULTILINE)
NOTICES = {
    EncoderState.IDLE: "Search by meaning is starting. Until then, results match words alone.",
    EncoderState.LOADING: "Search by meaning is starting. Until then, results match words alone.",
    EncoderState.OFF: "Search by meaning is switched off. Results match words alone.",
    EncoderState.FAILED: "Search by meaning could not start. Results match words alone. Tell whoever runs the server.",
}
UNPREPARED = "The articles are being prepared for search by meaning. Results match words alone."


def search(
    question: str,
    filters: Filters | None = None,
    limit: int = 10,
    *,
    use: Use = Use.BOTH,
    unfinished: bool = False,
    anyway: bool = False,
) -> Answer:
    """The best passage of at most `limit` articles, surest first; none when nothing fits, unless `anyway`.

    `unfinished`: the question is being typed, its last word may be incomplete. Any text is a question: a search
    never fails for what it says.
    """
    question = question.replace("\0", " ").strip()
    model = encoder()
    model.start()
    notice, warming = NOTICES.get(model.state, ""), model.state is EncoderState.LOADING
    if not question:
        return Answer(question, (), notice=notice, warming=warming)
    background = background_for(model)
    asked = understood(question, background, model, use, unfinished)
    with LookUp(asked, filters or Filters()) as looking:
        read = asked.vector  # while the other thread looks
        ground, at_hand = looking.ground(), looking.ground().at_hand
        if ground.is_empty:
            return Answer(question, (), notice=notice, warming=warming)
        if read is not None and not ground.is_prepared:
            asked, notice = replace(asked, by_meaning=False), UNPREPARED
        found = candidates(asked, filters or Filters(), looking, max(limit, JUDGED + 1))
    passages = loaded(found, at_hand.held)
    found = [one for one in found if one.passage_ids[0] in passages]  # the rest was deleted meanwhile
    verdict = judged(asked, found, passages)
    # Nothing rather than something weak, unless somebody wants to see what came closest.
    is_sure = verdict.confidence >= at_hand.show_from
    sure = list(zip(found[:limit], verdict.of_each, strict=False))
    if not anyway:
        sure = [(one, own) for place, (one, own) in enumerate(sure) if is_sure and (place == 0 or own >= FAINT)]
    return Answer(
        question,
        worded(sure, asked, passages, at_hand.held, background.rarity),
        confidence=verdict.confidence,
        is_sure=is_sure,
        best_article_id=found[0].article_id if found else None,
        vector=asked.vector,
        notice=notice,
        warming=warming,
    )


def understood(question: str, background: Background, model: Encoder, use: Use, unfinished: bool) -> Asked:
    """The question as the search takes it."""
    about = background.speller.mended(plain(question), but_last=unfinished)
    text = about or question  # a greeting alone has no word that tells anything
    words = keywords.content_words(about)
    looked_for = rarest(words, background.rarity, background.size)
    beginning = keywords.last_word(about) if unfinished else ""
    by_meaning = model.ready() and use is not Use.KEYWORD
    return Asked(text, words, looked_for, background, model, by_meaning, use is not Use.MEANING, beginning)


def foresee(question: str) -> None:
    """Read a question that is about to be asked, so that the search finds its vector ready."""
    model = encoder()
    if model.wait(LOADS_WITHIN):
        model.encode_question(understood(question, background_for(model), model, Use.BOTH, unfinished=False).text)


def similar(article: Article, limit: int = 4, at_least: float = 0.5) -> list[Article]:
    """Other articles close in meaning, nearest first; none while that is not known."""
    model = encoder().name
    own = mean_vector(article.id, model)
    if own is None:
        return []
    near = index_for(model).fresh().nearest(own, Filters(language=article.language), NEIGHBOURS)
    close = near.owners[(near.cosines >= at_least) & (near.owners != article.id)]
    ids = [int(id) for id in dict.fromkeys(close.tolist())][:limit]
    return in_order(ids)


def loaded(found: Sequence[Candidate], held: Held) -> dict[int, ReadPassage]:
    """The best passage of each candidate, and all of the first JUDGED; at most one statement."""
    return held.passages(
        {one.passage_ids[0] for one in found} | {id for one in found[:JUDGED] for id in one.passage_ids}
    )


def worded(
    shown: Sequence[tuple[Candidate, float]],
    asked: Asked,
    passages: Mapping[int, ReadPassage],
    held: Held,
    rarity: Rarity,
) -> tuple[Result, ...]:
    """What is shown of each candidate, given with its confidence; what is gone by now is left out."""
    articles = held.articles([one.article_id for one, _ in shown])
    return tuple(
        told(one, confidence, asked, passages[one.passage_ids[0]], articles[one.article_id], rarity)
        for one, confidence in shown
        if one.article_id in articles
    )


def told(
    candidate: Candidate, confidence: float, asked: Asked, passage: ReadPassage, article: Found, rarity: Rarity
) -> Result:
    text = passage.text
    common = words_in_common(asked.words, passage.whole, beginning=asked.beginning)
    common.sort(key=lambda word: -rarity.of(stem(word)))
    picked = None
    if passage.id in candidate.sentences:
        picked = pick_by_meaning(text, candidate.sentences[passage.id].cosines)
    return Result(
        article=article,
        passage=passage,
        score=candidate.score,
        confidence=confidence,
        parts=excerpt(text, picked or pick_by_words(text, asked.words)),
        reasons=tuple(reasons(candidate, article, common)),
    )


def reasons(candidate: Candidate, article: Found, common: Sequence[str]) -> list[str]:
    """Why this is shown, the strongest first. `common`: words of the question that it holds, the rarest first."""
    said = []
    if candidate.cosine >= MEANS_THE_SAME or (candidate.cosine and not common):
        said.append("Similar meaning")
    if common:
        said.append(", ".join(f"“{word}”" for word in common[:3]))
    if article.used:
        said.append(f"used in {article.used:,} interaction{'s' if article.used > 1 else ''}")
    if article.verified_at:
        said.append(f"verified {day(article.verified_at)}")
    return said


def times_used(article_ids: Sequence[int]) -> dict[int, int]:
    """In how many interactions each article was used."""
    statement = (
        select(ArticleLink.article_id, func.count())
        .where(ArticleLink.article_id.in_(article_ids))
        .group_by(ArticleLink.article_id)
    )
    return {row[0]: row[1] for row in db.session.execute(statement)}
