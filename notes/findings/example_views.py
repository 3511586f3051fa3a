"""What is looked for in notes: worth keeping, or sensitive. A supervisor edits the examples it is known by."""

from __future__ import annotations

from flask import Blueprint

from console.interactions.example_pages import Recognised, Words, add_pages
from console.interactions.talk_signals import Kind
from knowledge.embedding import encoder
from notes.findings import examples as finding_examples
from notes.findings.pointing_out import remarks_about
from notes.findings.proposing import reader, start

bp = Blueprint("note_findings", __name__, url_prefix="/note-findings")


def try_out(text: str) -> list[tuple[Kind, str]] | None:
    model = encoder()
    model.start()
    finder = reader().ready(model)
    if finder is None:
        start()
        return None
    kinds = {one.kind.code: one.kind for one in finding_examples.examples()}
    labels = {kind.label: kind for kind in kinds.values()}
    found = [(kinds[one.kind], one.piece.text) for one in finder.find(text)]
    return found + [(labels[one.topic], one.words) for one in remarks_about(text) if one.topic in labels]


WORDS = Words(
    title="What is looked for in notes",
    intro="What is proposed for keeping when a note is saved, and what is pointed out before it is.",
    examples="What people write in notes",
    counter_examples="What only sounds like it",
    try_it="What somebody might write",
    nothing="Nothing would be proposed or pointed out.",
    file="note-findings.yaml",
    saved="Notes are looked through with it from now on.",
)
add_pages(
    bp,
    Recognised(
        finding_examples.examples,
        finding_examples.keep,
        finding_examples.reset,
        finding_examples.shipped,
        try_out,
        WORDS,
        is_named=False,
    ),
)
