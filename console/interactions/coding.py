"""Which wrap-up code fits a talk; silent where unsure. Pure: turns in, a code and the sentence that suggests it out.

Each code's sentences in wrapping.yaml are told from all others', from chatter and from ordinary ones by a line, as
signals are (talk_signals.line_between). A talk scores by the customer's first words and by the sentences that say it
most clearly; the articles used in it add what they were used for before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from console.interactions.talk_signals import line_between, ordinary
from console.interactions.wrapping import Embed, Sentence, Spoken, examples, sentences

# Chosen on 64 transcripts of another shop, see bench/RESULTS.md.
RIDGE = 1.0
CLEAREST = 3  # sentences
FIRST_TURNS, LONGEST = 2, 1_000  # of the customer's; characters
ARTICLES = 0.6  # what an article adds that was used for this code alone
ENOUGH = -0.3  # the least score: an example is +1, anything else -1
AHEAD = 0.12  # and how far it has to be before the next code
DOUBT = 2  # uses of an article that count for no code, so that one use proves little


class Coder:
    """Proposes codes. It learns from the examples when it is made. `embed` makes a unit vector of each text, a row."""

    def __init__(self, embed: Embed) -> None:
        kinds = {code: (one["about"], *one["examples"]) for code, one in examples()["codes"].items()}
        self.codes = list(kinds)
        texts = list(
            dict.fromkeys(text for known in (*kinds.values(), examples()["chatter"], ordinary()) for text in known)
        )
        wanted = np.array([[1.0 if text in own else -1.0 for own in kinds.values()] for text in texts])
        self._weights, self._constants = line_between(np.asarray(embed(texts), np.float64), wanted, RIDGE)

    def likely(
        self, turns: Sequence[Spoken], used_for: Mapping[str, float], embed: Embed
    ) -> tuple[str, Sentence] | None:
        """The code, and what of the customer's words suggests it. `used_for`: see `shares`."""
        theirs = [one for one in sentences(turns) if one.by_customer]
        if not theirs:
            return None
        first = [one.text for one in turns if one.by_customer][:FIRST_TURNS]
        *said, opening = embed([*(one.text for one in theirs), " ".join(first)[:LONGEST]]) @ self._weights
        scores = np.sort(said, axis=0)[-CLEAREST:].mean(axis=0) / 2 + opening / 2 + self._constants
        scores += [ARTICLES * used_for.get(code, 0.0) for code in self.codes]
        second, best = np.argsort(scores)[-2:].tolist()
        if scores[best] < ENOUGH or scores[best] - scores[second] < AHEAD:
            return None
        return self.codes[best], theirs[int(np.argmax([one[best] for one in said]))]


def shares(uses: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """How much the articles used in a talk speak for each code; `uses`: how often each was used in talks of which."""
    found: dict[str, float] = {}
    for one in uses:
        for code, number in one.items():
            found[code] = found.get(code, 0.0) + number / (sum(one.values()) + DOUBT)
    return found
