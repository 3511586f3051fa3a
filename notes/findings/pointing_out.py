"""Sensitive content is pointed out to the person who writes, before it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from console.interactions.talk_signals import Kind
from knowledge.embedding import encoder
from notes.findings.examples import examples
from notes.findings.proposing import reader
from notes.findings.sensitive import Remark, mark_of, remarks_on, shipped
from notes.forms import NoteForm


def remarks_about(text: str) -> list[Remark]:
    """What in a text is sensitive: by meaning when this process is ready to, otherwise by words and numbers alone."""
    return remarks_on(text, topics(), reader().ready_for_topics(encoder()))


def topics() -> list[Kind]:
    """The sensitive ones among what is looked for, as they are now."""
    codes = {topic.code for topic in shipped()}
    return [one.kind for one in examples() if one.kind.code in codes]


def points_out(form: NoteForm, text: str, *, before: str = "") -> bool:
    """Whether something has to be looked at again; it then stands in `form.remarks`.

    What stood in the words `before` is not pointed out again, nor what was just confirmed.
    """
    remarks = remarks_about(text)
    if remarks and before:
        known = set(remarks_about(before))
        remarks = [one for one in remarks if one not in known]
    if remarks and form.anyway.data != mark_of(remarks):
        form.remarks = remarks
    return bool(form.remarks)


def sentences(remarks: Sequence[Remark]) -> list[str]:
    return [
        f"{one.topic}: “{one.words}”. The customer may read this one day; change it, or save it anyway."
        for one in remarks
    ]
