"""How well talk signals are heard: python -m bench.hearing [--json] [--asked]

The sentences of tests/data/talk_signals.yaml, none of them an example, are heard with the shipped examples and the
shipped model, as the server's workers read them. Precision and recall are counted over signals, not sentences.
`--thresholds` prints how RIDGE and FROM were chosen: on the examples alone, each heard with itself left out.
`--asked` measures instead what was told before: questions against statements, of which one answers or none.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import yaml

from console.config import ROOT
from console.interactions.asked_before import ANSWERS
from console.interactions.talk_signals import BIAS, Ear, ordinary, shipped
from knowledge.embedding import Encoder

LABELLED = ROOT / "tests" / "data" / "talk_signals.yaml"
ASKED = [ROOT / "tests" / "data" / name for name in ("asked_before.yaml", "asked_before_2.yaml")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hearing", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--thresholds", action="store_true")
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("--asked", action="store_true")
    options = parser.parse_args()
    model = Encoder("", ROOT / "var")
    if not model.load():
        raise SystemExit("The embedding model cannot be loaded.")
    model.export()
    if options.thresholds:
        left_out(model)
        return
    for line in asked(model) if options.asked else measure(model, options.mistakes):
        print(json.dumps(line) if options.json else "  ".join(f"{name} {value}" for name, value in line.items()))


def measure(model: Encoder, mistakes: bool) -> list[dict[str, Any]]:
    given: dict[str, list[str]] = yaml.safe_load(LABELLED.read_text(encoding="utf-8"))
    ear = Ear(shipped(), model.encode_briefly)
    rows = [(kind, text, {one.code for one in ear.try_out(text)}) for kind, texts in given.items() for text in texts]
    lines = []
    for code in [kind.code for kind in shipped()]:
        right = sum(kind == code and code in heard for kind, _, heard in rows)
        wrong = sum(kind != code and code in heard for kind, _, heard in rows)
        lines.append(line_of(code, right, wrong, len(given[code])))
    right = sum(kind in heard for kind, _, heard in rows)
    total = sum(len(heard) for _, _, heard in rows)
    lines.append(line_of("all", right, total - right, sum(kind != "nothing" for kind, _, _ in rows)))
    if mistakes:
        for kind, text, heard in rows:
            if heard != ({kind} - {"nothing"}):
                print(kind, sorted(heard), text)
    return lines


def asked(model: Encoder) -> list[dict[str, Any]]:
    lines = []
    for file in ASKED:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
        cosines = (
            model.encode_briefly([question for question, _ in given["asked"]]) @ model.encode_briefly(given["said"]).T
        )
        found = [(int(row.argmax()), place) for row, (_, place) in zip(cosines, given["asked"], strict=True)
                 if row.max() >= ANSWERS]  # fmt: skip
        right = sum(best == place for best, place in found)
        there = sum(place is not None for _, place in given["asked"])
        lines.append({"list": file.stem, "precision": right / max(len(found), 1), "recall": round(right / there, 3)})
    return lines


def line_of(code: str, right: int, wrong: int, there: int) -> dict[str, Any]:
    found = right + wrong
    return {
        "signal": code,
        "sentences": there,
        "precision": round(right / found, 3) if found else None,
        "recall": round(right / there, 3),
    }


def left_out(model: Encoder) -> None:
    """Each sentence of the shipped file heard by the others: what is left of it, over 1 minus its leverage (PRESS)."""
    kinds = shipped()
    texts = [text for kind in kinds for text in (*kind.examples, *kind.counter_examples)] + list(ordinary())
    vectors = np.asarray(model.encode_briefly(texts), np.float64)
    truth = np.array([[text in kind.examples for kind in kinds] for text in texts])
    wanted = np.where(truth, 1.0, -1.0)
    for ridge in (0.03, 0.1, 0.2, 0.3, 0.5, 1.0):
        inverse = np.linalg.inv(vectors @ vectors.T + BIAS + ridge * np.eye(len(texts)))
        scores = wanted - (inverse @ wanted) / np.diag(inverse)[:, None]
        for least in (-0.1, 0.0, 0.1, 0.2):
            heard = scores >= least
            precision, recall = (heard & truth).sum() / heard.sum(), (heard & truth).sum() / truth.sum()
            print(f"ridge {ridge:.2f} from {least:+.2f} precision {precision:.3f} recall {recall:.3f}")


if __name__ == "__main__":
    main()
