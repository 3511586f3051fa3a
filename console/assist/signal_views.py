"""What is listened for in talks: a supervisor reads, switches, edits and tries it, or takes it away as a file."""

from __future__ import annotations

from flask import Blueprint

from console.assist.listening import listener
from console.interactions import hearing
from console.interactions.example_pages import Recognised, Words, add_pages
from console.interactions.talk_signals import Kind, shipped
from knowledge.embedding import encoder

bp = Blueprint("signals", __name__, url_prefix="/talk-signals")


def try_out(text: str) -> list[tuple[Kind, str]] | None:
    model = encoder()
    model.start()
    if not model.ready():
        return None
    kinds = {one.kind.code: one.kind for one in hearing.kept()}
    heard = listener().ear(model).try_out(text) if text else []
    return [(kinds[one.code], text[one.begins : one.ends]) for one in heard if one.code in kinds]


WORDS = Words(
    title="Talk signals",
    intro="What is listened for while customers talk.",
    examples="What customers say",
    counter_examples="What only sounds like it",
    try_it="What a customer might say",
    nothing="Nothing would be heard in this.",
    file="talk-signals.yaml",
    saved="Talks are listened to with it from now on.",
)
add_pages(bp, Recognised(hearing.kept, hearing.keep, hearing.reset, shipped, try_out, WORDS))
