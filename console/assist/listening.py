"""Beside the requests, when something was said: its question is read ahead, signals are heard, and what the customer
told us before is found. One thread in a process does it, talk after talk; what comes meanwhile is taken together."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask, current_app
from sqlalchemy import or_, select

from console.assist.small_talk import says_nothing
from console.background import in_thread
from console.db import db, utc_now
from console.interactions import asked_before, hearing
from console.interactions.asked_before import Statement
from console.interactions.coding import Coder
from console.interactions.models import IS_NO_REPLAY, Interaction, Speaker, Utterance
from console.interactions.talk_signals import Ear, Earlier, Signal, said_again, sentences_of
from console.interactions.turns import last_turns, when_said
from knowledge.conversation import Line, question_of
from knowledge.embedding import Encoder, EncoderState, Vectors, encoder
from knowledge.searching import foresee
from notes.models import Note

log = logging.getLogger(__name__)

LOADS_WITHIN = 30.0  # seconds
GIVES_WAY = 0.3  # seconds; chips may come a little later than answers, and a burst is listened to once
RECENT = 30  # turns that a question is made of
MOST_AT_ONCE = 50  # turns of one talk that are listened to
REMEMBERED = 8_192  # sentences with their vectors, 12 MB
NOT_BEFORE = 2  # of their own turns ago: less is not said again but going on


class Memory:
    """Vectors of sentences that were read before, the latest; shared by threads."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def vectors(self, texts: Sequence[str], model: Encoder) -> Vectors:
        """Unit vectors of shape (len(texts), dimensions)."""
        with self._lock:
            known = {text: self._rows[text] for text in texts if text in self._rows}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= zip(missing, model.encode_briefly(missing), strict=True)
        with self._lock:
            for text in known:
                self._rows[text] = known[text]
                self._rows.move_to_end(text)
            while len(self._rows) > REMEMBERED:
                self._rows.popitem(last=False)
        return asked_before.stacked([known[text] for text in texts])


class Listener:
    """What waits to be listened to in this process, and who listens."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.threads: set[threading.Thread] = set()
        self._ear: tuple[Any, Ear] | None = None
        self._coder: tuple[str, Coder] | None = None
        self._waiting: dict[int, set[int]] = {}
        self._is_busy = False
        self._lock = threading.Lock()

    def take(self, app: Flask, interaction_id: int, ids: Iterable[int]) -> None:
        with self._lock:
            self._waiting.setdefault(interaction_id, set()).update(ids)
            if self._is_busy:
                return
            self._is_busy = True
        in_thread(app, "listening", self.work_off, self.threads)

    def work_off(self) -> None:
        """First what the help panes are about to ask, then, when they have had the processor, what takes longer."""
        while self.begin():
            for interaction_id in tuple(self._waiting):
                self.attempt(foresee_for, interaction_id)
            time.sleep(GIVES_WAY)
            with self._lock:
                taken, self._waiting = self._waiting, {}
            for interaction_id, ids in taken.items():
                self.attempt(listen, interaction_id, ids, self)

    def begin(self) -> bool:
        """Whether anything waits; if not, the next turn starts another thread."""
        with self._lock:
            self._is_busy = bool(self._waiting)
            return self._is_busy

    def attempt(self, act: Callable[..., None], interaction_id: int, *given: Any) -> None:
        try:
            act(interaction_id, *given)
        except Exception:
            log.exception("talk %d could not be listened to", interaction_id)
        finally:
            db.session.rollback()
            db.session.remove()

    def ear(self, model: Encoder) -> Ear:
        """Made anew when a supervisor has changed a kind."""
        state = (model.name, *hearing.state())
        if self._ear is None or self._ear[0] != state:
            self._ear = state, Ear([one.kind for one in hearing.kept()], model.encode_briefly)
        return self._ear[1]

    def coder(self, model: Encoder) -> Coder | None:
        """None until this process has learnt to."""
        return self._coder[1] if self._coder and self._coder[0] == model.name else None

    def learn_codes(self, model: Encoder) -> None:
        """Once in a process, a second of work."""
        if self.coder(model) is None:
            self._coder = model.name, Coder(model.encode_briefly)


def register(app: Flask) -> None:
    app.extensions["listening"] = Listener()


def listener() -> Listener:
    found: Listener = current_app.extensions["listening"]
    return found


def be_ready() -> None:
    """Learn what talks are listened to with, and which codes they end with, before the first of them: any worker may be
    asked to wrap up a talk that another one has heard."""
    model = encoder()
    if model.wait(LOADS_WITHIN):
        listener().ear(model)
        listener().learn_codes(model)


def said(interaction_id: int, ids: set[int]) -> None:
    """Something was said and is committed."""
    if encoder().state not in (EncoderState.OFF, EncoderState.FAILED) and "listening" in current_app.extensions:
        listener().take(current_app._get_current_object(), interaction_id, ids)  # type: ignore[attr-defined]


when_said.append(said)


def foresee_for(interaction_id: int) -> None:
    """Read the question that the talk's help pane is about to ask."""
    if question := asked_by(last_turns(interaction_id, RECENT)):
        foresee(question)


def listen(interaction_id: int, ids: Iterable[int], who: Listener) -> None:
    """Read, hear and write down; the database is held only to read and then to write."""
    model = encoder()
    talk = db.session.get(Interaction, interaction_id)
    if talk is None or not model.wait(LOADS_WITHIN):
        return
    turns = last_turns(interaction_id)
    wanted = [turn for turn in turns if turn.id in set(ids)][-MOST_AT_ONCE:]
    question = asked_by(turns)
    found = [signal for turn in wanted if is_theirs(turn) for signal in heard_in_turn(turn, turns, who, model)]
    if told := told_before(talk, turns, wanted, question, who.memory, model):
        found.append(told)
    db.session.rollback()
    if wanted:
        hearing.write_down(interaction_id, [turn.id for turn in wanted], found, utc_now())
        db.session.commit()
    db.session.rollback()
    who.learn_codes(model)  # where nobody was made ready: so that it is there at the wrap-up


def asked_by(turns: Sequence[Utterance]) -> str:
    """What a talk asks just now. Turns that say nothing are passed over, unless the customer has said nothing else."""
    spoken = [turn for turn in turns[-RECENT:] if not turn.is_whisper and turn.speaker is not Speaker.SYSTEM]
    lines = [Line(turn.speaker is Speaker.CUSTOMER, turn.text) for turn in spoken]
    return question_of(one for one in lines if not (one.by_customer and says_nothing(one.text))) or question_of(lines)


def is_theirs(turn: Utterance) -> bool:
    return turn.speaker is Speaker.CUSTOMER and not turn.is_whisper


def heard_in_turn(turn: Utterance, turns: Sequence[Utterance], who: Listener, model: Encoder) -> list[dict[str, Any]]:
    """Signals in one turn of the customer's, and whether it says once more what they said before."""
    sentences = sentences_of(turn.text)
    if not sentences:
        return []
    vectors = who.memory.vectors([one.text for one in sentences], model)
    ear = who.ear(model)
    signals = {one.code: one for one in ear.hear(sentences, vectors)}
    if any(kind.code == "repeats" for kind in ear.kinds):
        before = [one for one in turns if is_theirs(one) and (one.position, one.id) < (turn.position, turn.id)]
        told = [(one.id, sentence.text) for one in before[:-NOT_BEFORE] for sentence in sentences_of(one.text)]
        rows = who.memory.vectors([text for _, text in told], model)
        earlier = [Earlier(id, row) for (id, _), row in zip(told, rows, strict=True)]
        if again := said_again(sentences, vectors, earlier):
            signals[again.code] = again
    return [as_row(turn.id, one) for one in signals.values()]


def as_row(utterance_id: int, signal: Signal) -> dict[str, Any]:
    return {
        "utterance_id": utterance_id,
        "code": signal.code,
        "begins": signal.begins,
        "ends": signal.ends,
        "score": signal.score,
        "about": {"utterance": signal.again} if signal.again else {},
    }


def told_before(
    talk: Interaction,
    turns: Sequence[Utterance],
    wanted: Sequence[Utterance],
    question: str,
    memory: Memory,
    model: Encoder,
) -> dict[str, Any] | None:
    """Whether the customer has told us what the agent asks, or has spoken of what they ask now, and where."""
    spoken = [turn for turn in turns if not turn.is_whisper and turn.speaker is not Speaker.SYSTEM]
    if not spoken or spoken[-1] not in wanted:
        return None
    last = spoken[-1]
    asks = asked_before.question_in(last.text) if last.speaker is Speaker.AGENT else ""
    text, at_least = (asks, asked_before.ANSWERS) if asks else (question, asked_before.SAME_TOPIC)
    if not text or (last.speaker is Speaker.AGENT and not asks):
        return None
    statements = known_of(talk, this_talk_too=bool(asks))
    if not statements:
        return None
    vectors = memory.vectors([one.text for one in statements], model)
    found = asked_before.told_already(model.encode_question(text), statements, vectors, at_least=at_least)
    if found is None:
        return None
    statement, score = found
    begins = last.text.find(asks) if asks else 0
    about = {statement.kind: statement.id, "begins": statement.begins, "ends": statement.ends}
    return {
        "utterance_id": last.id,
        "code": hearing.ASKED_BEFORE,
        "begins": max(begins, 0),
        "ends": max(begins, 0) + len(asks or last.text),
        "score": min(score, 1.0),
        "about": about,
    }


def known_of(talk: Interaction, *, this_talk_too: bool) -> list[Statement]:
    """The latest that this customer told us, in talks and, as noted, otherwise; at most MOST of both together."""
    said = (
        select(Utterance.id, Utterance.text, Utterance.said_at)
        .join(Interaction, Interaction.id == Utterance.interaction_id)
        .where(
            Interaction.customer_id == talk.customer_id,
            # In a replay nothing is told again: neither it nor what it is made of was before.
            or_(Interaction.id == talk.id, IS_NO_REPLAY),
            Interaction.id != talk.recorded_id,
            Utterance.speaker == Speaker.CUSTOMER,
            Utterance.is_whisper.is_(False),
        )
        .order_by(Interaction.started_at.desc(), Utterance.id.desc())
        .limit(asked_before.MOST)
    )
    if not this_talk_too:
        said = said.where(Interaction.id != talk.id)
    noted = (
        select(Note.id, Note.body, Note.written_at)
        .where(Note.customer_id == talk.customer_id)
        .order_by(Note.written_at.desc())
        .limit(asked_before.MOST // 4)
    )
    found: list[Statement] = []
    for kind, query in (("utterance", said), ("note", noted)):
        for id, text, at in db.session.execute(query):
            found += asked_before.statements_of(kind, id, text, at)
    return found[: 2 * asked_before.MOST]
