"""How often a note has a line for a delivery card: python -m bench.card_lines [FILE] [--part final] [--lines] [--words]

FILE holds one note a line: {"text": …, "could": whether a person would find something to quote in it, "fits": [lines
that a person read and found fitting], "language": the card's, else "en", "names": what it may call them by}. Without
FILE it is bench/data/card_notes.jsonl; of its parts "final" was written last and measured once before anything was read
off it. Prints, of notes that could and of the others, how many get fitting lines only, none, or another one: "bad" is
a line that stands in no "fits", so that somebody has to read it and add it there, or mend the rule that made it. All
lines of a note count, not only the drafted one. --words: by words alone, as where no model is installed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console.config import ROOT
from console.interactions.talk_signals import sentences_of, shipped_in
from knowledge.embedding import Encoder
from notes.cards.candidates import FITS, by_topic
from notes.cards.checks import Situation, about_content
from notes.cards.turning import told
from notes.cards.words import line_to_them
from notes.findings.proposing import FITTING
from notes.findings.recognising import Finder
from notes.findings.sensitive import remarks_on, shipped

LABELLED = ROOT / "bench" / "data" / "card_notes.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.card_lines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=LABELLED)
    parser.add_argument("--part", help="only the notes whose “part” is this")
    parser.add_argument("--lines", action="store_true", help="also print every note with its lines")
    parser.add_argument("--words", action="store_true", help="without the model")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines() if line.strip()]
    finder = None if options.words else finder_of_shipped()
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for row in rows:
        if options.part and row.get("part") != options.part:
            continue
        lines = [line for line in lines_of(row) if fits(line, finder)]
        bad = [line for line in lines if line not in row.get("fits", [])]
        verdict = "none" if not lines else "bad" if bad else "fitting"
        counts[row["could"]][verdict] += 1
        if options.lines or bad:
            print(json.dumps({"note": row["text"], "could": row["could"], verdict: lines}, ensure_ascii=False))
    for could, found in counts.items():
        shares = {name: found[name] for name in ("fitting", "none", "bad")}
        print(json.dumps({"could": could, "notes": found.total(), **shares}))


def finder_of_shipped() -> Finder:
    model = Encoder("", ROOT / "var")
    if not model.load():
        raise SystemExit("The embedding model cannot be loaded.")
    model.export()
    return Finder(shipped_in(FITTING).kinds, (), model.encode)


def fits(line: str, finder: Finder | None) -> bool:
    text = told(line)
    return not text or finder is None or bool(finder.scores([text])[0, 0] >= FITS)


def lines_of(row: dict[str, Any]) -> Iterator[str]:
    """The lines that words make of a note, in the order written."""
    language = row.get("language", "en")
    for sentence in sentences_of(row["text"]):
        if not any(check.blocks for check in about_content(sentence.text, Situation(language=language), by_words)):
            line = line_to_them(sentence.text, language, row.get("names", ()), row["text"][: sentence.begins])
            if line:
                yield line


def by_words(text: str) -> list[tuple[str, list[str], bool]]:
    return [(topic, words, True) for topic, words in by_topic(remarks_on(text, shipped())).items()]


if __name__ == "__main__":
    main()
