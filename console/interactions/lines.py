"""How interactions read on the timeline."""

from __future__ import annotations

from textwrap import shorten

from flask import url_for

from console.customers.timeline import Line, describes
from console.events import Event
from console.interactions.models import Interaction

LONGEST = 200  # characters of what a customer wrote beside a score


@describes(Interaction)
def interaction_line(event: Event, interaction: Interaction) -> Line:
    channel = interaction.channel.label
    more_url = url_for("interactions.show", interaction_id=interaction.id)
    title = f"{channel}: {interaction.subject}" if interaction.subject else channel
    if interaction.is_replay:
        title = f"Replay. {title}"
    ending = {True: "solved", False: "not solved", None: ""}[interaction.resolved]
    score = f"score {interaction.csat} of 5" if interaction.csat else ""
    if event.kind == "survey.answered":
        given = event.data.get("score", interaction.csat)
        words = shorten(interaction.csat_words, LONGEST, placeholder=" …") if given == interaction.csat else ""
        said = " · ".join(part for part in (words and f"“{words}”", title) if part)
        return Line("gauge", f"Score {given} of 5", said, more_url, "signal")
    detail = " · ".join(part for part in (interaction.result or interaction.resolution, ending, score) if part)
    tone = "broken" if interaction.resolved is False else "talk"
    return Line(interaction.channel.icon, title, detail, more_url, tone)
