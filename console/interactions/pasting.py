"""A pasted conversation, taken apart into who said what. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from console.interactions.models import Speaker

LABELLED = re.compile(  # "Isla:", "[10:32] Isla Mercer:", "10:32:05 pm Agent - "
    r"\W*(?:\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[ap]m)?\W*)?([^\W\d_][^:\n]{0,60}?)\s*(?::|\s[-–—])\s+(?=\S)",
    re.IGNORECASE,
)
CUSTOMER = frozenset({"customer", "client", "caller", "visitor", "guest", "user", "buyer"})
AGENT = frozenset({"agent", "advisor", "adviser", "operator", "support", "me", "i", "us"})


def dialogue(text: str, customer: Collection[str], agent: Collection[str]) -> list[tuple[Speaker, str]]:
    """Who said what, in order; nothing where the text is not a conversation of two with a name before each turn.

    `customer` and `agent`: what each may be called. Lines without a name go with the turn above them.
    """
    who = dict.fromkeys(CUSTOMER | plain(customer), Speaker.CUSTOMER) | dict.fromkeys(
        AGENT | plain(agent), Speaker.AGENT
    )
    turns: list[tuple[Speaker, list[str]]] = []
    for line in text.splitlines():
        label = LABELLED.match(line)
        speaker = who.get(label[1].casefold().strip()) if label else None
        if label and speaker:
            turns.append((speaker, [line[label.end() :]]))
        elif turns:
            turns[-1][1].append(line)
        elif line.strip():
            return []
    if len({speaker for speaker, _ in turns}) < 2:
        return []
    return [(speaker, "\n".join(lines).strip()) for speaker, lines in turns]


def plain(names: Collection[str]) -> set[str]:
    return {name.casefold().strip() for name in names if name.strip()}
