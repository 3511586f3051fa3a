"""How well the proposed wrap-up code fits: python -m bench.wrap_up [--demo DATABASE_URL] [--transcripts FILE] [--json]

Talks of a demo shop (`flask demo load`) against the code that its makers gave them, none of which the proposal has
learned from: articles count by their uses in other talks. Transcripts against bench/data/wrap_up_codes.yaml, labelled
by hand from what the customer asks for. Right, wrong and silent; `--mistakes` names them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from sqlalchemy import exists, select

from console.app import create_app
from console.assist.wrap_up_views import uses_of_articles
from console.config import ROOT, Settings
from console.db import db
from console.interactions.coding import Coder, shares
from console.interactions.models import IS_NO_REPLAY, Interaction, Speaker, Utterance
from console.interactions.turns import turns_after
from console.interactions.wrapping import Embed, Spoken
from knowledge.embedding import Encoder

LABELS = Path(__file__).with_name("data") / "wrap_up_codes.yaml"

Labelled = tuple[str, str, Sequence[Spoken], dict[str, float]]  # its name, its code, what was said, what articles say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.wrap_up", description=__doc__)
    parser.add_argument("--demo", default="")
    parser.add_argument("--transcripts", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mistakes", action="store_true")
    options = parser.parse_args()
    model = Encoder("", ROOT / "var")
    if not model.load():
        raise SystemExit("The embedding model cannot be loaded.")
    model.export()
    coder = Coder(model.encode_briefly)
    sets: dict[str, list[Labelled]] = {}
    if options.demo:
        sets["demo shop"] = list(demo_talks(options.demo))
        sets["demo shop, no articles"] = [(*talk[:3], {}) for talk in sets["demo shop"]]
    if options.transcripts:
        sets["transcripts"] = list(transcripts(options.transcripts))
    for name, talks in sets.items():
        line = {"talks": name} | measured(coder, model.encode_briefly, talks, options.mistakes)
        print(json.dumps(line) if options.json else "  ".join(f"{key} {value}" for key, value in line.items()))


def measured(coder: Coder, embed: Embed, talks: Sequence[Labelled], mistakes: bool) -> dict[str, int]:
    found = Counter[str]()
    for name, code, turns, used_for in talks:
        likely = coder.likely(turns, used_for, embed)
        outcome = "silent" if likely is None else "right" if likely[0] == code else "wrong"
        found[outcome] += 1
        if mistakes and likely is not None and outcome == "wrong":
            print(f"{name}: {code}, proposed {likely[0]} for “{likely[1].text}”")
    return {outcome: found[outcome] for outcome in ("right", "wrong", "silent")}


def demo_talks(database: str) -> Iterator[Labelled]:
    settings = Settings.from_environment({"DATABASE_URL": database, "EMBEDDING_MODEL": "none"})
    with create_app(settings).app_context():
        said = exists().where(Utterance.interaction_id == Interaction.id)
        coded = select(Interaction).where(Interaction.wrap_up_code.is_not(None), IS_NO_REPLAY, said)
        for talk in db.session.scalars(coded.order_by(Interaction.id)):
            turns = [
                Spoken(turn.id, turn.speaker is Speaker.CUSTOMER, turn.text)
                for turn in turns_after(talk.id, 0, limit=200)
                if not turn.is_whisper and turn.speaker is not Speaker.SYSTEM
            ]
            yield talk.external_id or str(talk.id), str(talk.wrap_up_code), turns, shares(uses_of_articles(talk))


def transcripts(file: Path) -> Iterator[Labelled]:
    labels: dict[str, str] = yaml.safe_load(LABELS.read_text(encoding="utf-8"))
    for line in file.read_text(encoding="utf-8").splitlines():
        talk = json.loads(line)
        if code := labels.get(talk["id"]):
            turns = [
                Spoken(place, speaker == "customer", text)
                for place, (speaker, text) in enumerate(talk["turns"])
                if speaker != "system"
            ]
            yield talk["id"], code, turns, {}


if __name__ == "__main__":
    main()
