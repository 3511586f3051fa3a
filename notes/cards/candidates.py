"""Which sentences of a customer's notes may stand on the card for an order, the best ones first."""

from __future__ import annotations

import math
import re
from calendar import month_name
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from console.interactions.asked_before import SENSITIVE
from console.interactions.talk_signals import sentences_of
from knowledge.embedding import encoder
from notes.cards.around import Around
from notes.cards.checks import Find, Situation, about_content, folded
from notes.cards.queries import may_be_quoted, refusals
from notes.cards.turning import WORD, told
from notes.cards.words import line_to_them, middle_of
from notes.findings.pointing_out import topics
from notes.findings.proposing import reader
from notes.findings.sensitive import Remark, remarks_on
from notes.models import Note, NoteKind

READ = 40  # sentences that are looked through, the newest notes' first
MOST = 24  # of these, that are compared with the order by meaning
OFFERED = 9  # one key each
FEWEST_WORDS, LONGEST = 3, 300
# How much each says for a line; they sum to one, but for what was kept.
MEANING, RECENCY, KIND, KEPT, READY = 0.4, 0.3, 0.2, 0.1, 0.1
FITS = 0.1  # the score from which a line is offered: an example is +1, a counter-example -1
# The month in which each begins: "you are moving in spring" is past, or is another spring, once that has come.
BEGINS = {"spring": 3, "summer": 6, "autumn": 9, "winter": 12, "Christmas": 12, "Easter": 3, "new year": 1} | {
    name: number for number, name in enumerate(month_name) if name
}
SEASON = re.compile(rf"\b(?:{'|'.join(BEGINS)})\b")
LASTS = timedelta(days=120)
FADES = 45.0  # days in which a note's recency falls to 1/e
TELLS = {  # how often notes of a kind hold what somebody likes to be remembered by
    NoteKind.PREFERENCE: 1.0,
    NoteKind.VISIT: 0.8,
    NoteKind.CALL: 0.8,
    NoteKind.EMAIL: 0.7,
    NoteKind.OTHER: 0.5,
    NoteKind.FOLLOW_UP: 0.2,
}


@dataclass(frozen=True)
class Candidate:
    """A sentence of a note, as a slice of it, and the line it makes."""

    note: Note
    begins: int
    ends: int
    text: str
    line: str  # to the customer; empty where a person has to word it
    score: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.note.id}:{self.begins}:{self.ends}"


def reads_meaning() -> bool:
    """Whether this process looks at the meaning of a card, and not at its words alone."""
    return reader().ready_for_topics(encoder()) is not None


def private() -> Find:
    """What is too private for a card: what a note's writer is asked about too, and what no agent brings up unasked.

    A topic's own words are sure of it; what only means something like it is for a person to judge.
    """
    kinds = topics()
    finder = reader().ready_for_topics(encoder())

    def find(text: str) -> list[tuple[str, list[str], bool]]:
        by_words = by_topic(remarks_on(text, kinds))
        if not by_words and (unasked := list(dict.fromkeys(match[0] for match in SENSITIVE.finditer(text)))):
            by_words["private"] = unasked
        by_meaning = by_topic(remarks_on(text, kinds, finder)) if finder else {}
        found = [(topic, words, True) for topic, words in by_words.items()]
        return found + [(topic, words, False) for topic, words in by_meaning.items() if topic not in by_words]

    return find


def by_topic(remarks: Sequence[Remark]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for remark in remarks:
        found.setdefault(remark.topic.casefold(), []).append(remark.words)
    return found


def candidates(around: Around, language: str, now: datetime) -> tuple[list[Candidate], int]:
    """The lines to choose from, best first, and how many were left out because no card may say them."""
    before = {folded(card.quote) for card in around.earlier if card.quote}
    names = (around.customer.first_name, around.customer.name)
    found: list[Candidate] = []
    left_out = 0
    find = private()
    for note, sentence in islice(sentences(around.notes), READ):
        if any(quoted in folded(sentence.text) or folded(sentence.text) in quoted for quoted in before):
            continue
        if any(check.blocks for check in about_content(sentence.text, Situation(language=language), find)):
            left_out += 1
            continue
        line = line_to_them(sentence.text, language, names, note.body[: sentence.begins])
        if has_passed(line, note.written_at, now):
            line = ""
        found.append(Candidate(note, sentence.begins, sentence.ends, sentence.text, line))
    return ranked(that_fit(found[:MOST]), around, now)[:OFFERED], left_out


def has_passed(line: str, written: datetime, now: datetime) -> bool:
    """Whether a season or a month that a line names has begun, or gone by, since it was written down."""
    for match in SEASON.finditer(line):
        begins = BEGINS[match[0]]
        year = written.year + (begins <= written.month)
        if (now.year, now.month) >= (year, begins) or now - written > LASTS:
            return True
    return False


def that_fit(found: Sequence[Candidate]) -> list[Candidate]:
    """The same sentences, without the lines that rules made of something nobody wants to read on a card.

    By meaning, so that nothing is taken away before the model is loaded and the examples are read.
    """
    unwanted = set(unfit(one.line for one in found))
    return [replace(one, line="") if one.line in unwanted else one for one in found]


def unfit(lines: Iterable[str]) -> list[str]:
    """Those that say "You told us you …" of something nobody wants to read on a card; none while there is no model."""
    finder = reader().ready_for_cards(encoder())
    said = [(line, text) for line in lines if (text := told(line))]
    if finder is None or not said:
        return []
    scores = finder.scores([text for _, text in said])[:, 0]
    return [line for (line, _), score in zip(said, scores, strict=True) if score < FITS]


def sentences(notes: Sequence[Note]) -> Iterator[tuple[Note, Any]]:
    for note in notes:
        for sentence in sentences_of(note.body):
            if len(WORD.findall(sentence.text)) >= FEWEST_WORDS and len(sentence.text) <= LONGEST:
                yield note, sentence


def ranked(found: Sequence[Candidate], around: Around, now: datetime) -> list[Candidate]:
    items = "; ".join(line.name for line in around.items)
    near = likeness(items, [one.text for one in found])
    scored = [
        Candidate(one.note, one.begins, one.ends, one.text, one.line, score_of(one, alike, around, now))
        for one, alike in zip(found, near, strict=True)
    ]
    return sorted(scored, key=lambda one: (-one.score, -one.note.id, one.begins))


def score_of(one: Candidate, alike: float, around: Around, now: datetime) -> float:
    days = max((now - one.note.written_at).total_seconds() / 86_400, 0.0)
    score = MEANING * alike + RECENCY * math.exp(-days / FADES) + KIND * TELLS.get(one.note.kind, 0.5)
    return score + KEPT * (one.note.id in around.kept) + READY * bool(one.line)


def likeness(text: str, others: Sequence[str]) -> list[float]:
    """The cosine of each to `text`, at least 0; all 0 while there is no model."""
    model = encoder()
    if not text or not model.ready():
        return [0.0] * len(others)
    whole = model.encode_question(text)
    return [max(float(model.encode_question(other) @ whole), 0.0) for other in others]


LONGEST_BODY = 2_000  # characters of a card that are compared
COMES_CLOSE = 0.5  # cosine from which a sentence of the card is about what they refused
SHORTEST_SHARED = 4  # letters of a word that a card and a boundary share, while there is no model


def close_to_boundaries(body: str, boundaries: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Each boundary with the sentence of the card that comes close to it."""
    said = [
        sentence.text
        for sentence in sentences_of(body[:LONGEST_BODY])
        if len(WORD.findall(sentence.text)) >= FEWEST_WORDS
    ]
    model_is_ready = encoder().ready()
    found = []
    for boundary in boundaries:
        near = likeness(boundary, said) if model_is_ready else [shares_a_word(boundary, one) for one in said]
        best = max(zip(near, said, strict=True), default=(0.0, ""))
        if best[0] >= COMES_CLOSE:
            found.append((boundary, best[1]))
    return tuple(found)


def shares_a_word(boundary: str, sentence: str) -> float:
    words = {word for word in folded(boundary).split() if len(word) >= SHORTEST_SHARED} - {
        "please",
        "never",
        "anything",
    }
    return float(bool(words & set(folded(sentence).split())))


def situation_of(
    around: Around, body: str, quote: str, note: Note | None, *, as_gesture: bool, gone: str, language: str, us: str
) -> Situation:
    """What the checks have to know; `us` is who signs, `language` the card's."""
    order, customer = around.order, around.customer
    no_gifts, refused = refusals(around.boundaries)
    total = abs(order.total_minor)
    return Situation(
        language=language,
        gone=gone,
        complaint=around.complaint,
        broken_promise=around.broken_promise,
        no_gifts=no_gifts,
        as_gesture=as_gesture,
        boundaries=refused,
        near=close_to_boundaries(body, refused),
        unfit=tuple(unfit(sentence.text for sentence in sentences_of(middle_of(body[:LONGEST_BODY], language)))),
        amounts=(f"{total // 100}.{total % 100:02}", f"{total // 100},{total % 100:02}") if total else (),
        known_names=(customer.name, us, *(line.name for line in order.lines)),
        quote=quote,
        quote_allowed=fault_in_quote(around, quote, note),
        quoted_before=tuple(card.quote for card in around.earlier),
    )


def fault_in_quote(around: Around, quote: str, note: Note | None) -> str:
    """Why what a card quotes may not be quoted any more, as a sentence; empty when it may."""
    if not quote:
        return ""
    if not may_be_quoted(around.customer):
        return "They do not want to be quoted from notes. Take no line from one."
    if note is None:
        return "The note these words are from is gone. Take another line."
    if not note.quotable:
        return "The note these words are from may no longer be quoted. Take another line."
    if quote not in note.body:
        return "The note was amended and no longer says these words. Take another line."
    return ""
