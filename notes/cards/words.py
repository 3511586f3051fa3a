"""The words of a delivery card: the greeting, what the customer said turned into a line to them, the name below.

A note is written about the customer ("She loves the green one"). It is turned round ("You told us you love the green
one.") by few rules that cannot make it say something else. Where they do not reach, the customer's own words are
quoted if the note has them in quotation marks; else there is no line, and a person writes it with the note beside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

LONGEST_LINE = 220  # characters
SHORTEST_QUOTE = 3  # words
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
PIECE = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|\d+|\s+|_")
QUOTED = re.compile(r"[“„«\"]([^“”„«»\"\n]+)[”“»\"]")


@dataclass(frozen=True)
class Phrases:
    """What frames a card in one language."""

    language: str  # in English
    greeting: str
    hello: str  # to somebody whose first name is not known
    said: str
    wish: str
    closing: str


WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def listed(name: str) -> frozenset[str]:
    return frozenset(WORDS[name].split())


PHRASES = {code: Phrases(**phrases) for code, phrases in WORDS["phrases"].items()}
# How the verb after somebody reads after "you".
VERBS: dict[str, str] = {f"{verb}s": verb for verb in listed("plain_verbs")} | WORDS["other_verbs"]
UNCHANGED = frozenset(VERBS.values())
PAST, TELLING = listed("past"), listed("telling")
OF_NOBODY_NAMED, DONE, OWNED, BEING = listed("of_nobody_named"), listed("done"), listed("owned"), listed("being")
FOLLOWERS, ADVERBS, SECOND = listed("followers"), listed("adverbs"), listed("second")
GOING_ON = {
    word: FOLLOWERS if after == "any" else frozenset(after.split()) for word, after in WORDS["going_on"].items()
}
HELPING = frozenset({"is", "was", "has", "had", "are", "were", "will"})
WOULD = {"would": ("like", "love", "prefer", "rather"), "does": ("not",), "did": ("not",)}
SHORT = re.compile(r"(she|he|they)'(s|d|ll|re|ve) ([a-z]+)", re.IGNORECASE)
NO_NOUN, CAUSING = listed("no_noun"), listed("causing")
JOINING = listed("joining")
OURS, OTHERS, PASSING = listed("ours"), listed("others"), listed("passing")
PEOPLE = {
    "she": ("she", "her", "hers", "herself"),
    "he": ("he", "him", "his", "himself"),
    "they": ("they", "them", "their", "theirs", "themselves"),
}
TO_YOU = {
    "she": "you", "he": "you", "they": "you", "his": "your", "their": "your", "him": "you", "them": "you",
    "hers": "yours", "theirs": "yours", "herself": "yourself", "himself": "yourself", "themselves": "yourself",
}  # fmt: skip


def language_of(customers: str | None, shops: str) -> str:
    """Which of the languages we have words for: the customer's, else the shop's, else English."""
    for tag in (customers or "", shops):
        if (primary := re.split(r"[-_]", tag)[0].casefold()) in PHRASES:
            return primary
    return "en"


def drafted(first_name: str, line: str, writer: str, language: str) -> str:
    """A whole card. Without a line the place for it stays open."""
    words = PHRASES[language]
    name = " ".join(first_name.split())
    said = f"{line} {words.wish}" if line else ""
    parts = [words.greeting.format(name=name) if name else words.hello, said, f"{words.closing}\n{writer}".strip()]
    return "\n\n".join(parts)


def exchanged(body: str, before: str, after: str) -> str:
    """The card with another line in place of the one that stood there; what a person wrote besides stays."""
    if before and before in body:
        return re.sub(r"\n{3,}", "\n\n", body.replace(before, after, 1)).strip()
    if not after or after in body:
        return body
    head, gap, rest = body.partition("\n\n")  # after the greeting
    return f"{head}\n\n{after}\n\n{rest.strip()}" if gap else f"{body}\n\n{after}".strip()


def middle_of(body: str, language: str) -> str:
    """What a card says besides its greeting and its closing with the name."""
    words = PHRASES.get(language, PHRASES["en"])
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    opening = words.greeting.partition("{")[0].strip(" ,")
    if lines and (lines[0].startswith((opening, words.hello.rstrip(",:"))) and lines[0][-1] in ",:!"):
        lines = lines[1:]
    if words.closing in lines:
        lines = lines[: lines.index(words.closing)]
    return " ".join(lines)


def line_to_them(sentence: str, language: str, names: Sequence[str] = (), before: str = "") -> str:
    """A sentence of a note as a line to the customer; empty where a person has to write it.

    `names` are what the note may call the customer by, `before` what it says before the sentence.
    """
    if own := quoted_words(sentence):
        line = PHRASES[language].said.format(words=own.rstrip(". "))
        return line if own[-1] in "!?…" else f"{line}."
    return turned_round(sentence, names, before) if language == "en" else ""


def quoted_words(sentence: str) -> str:
    """The longest stretch in quotation marks, if it is long enough to be something that was said."""
    found = [match[1].strip() for match in QUOTED.finditer(sentence)]
    longest = max(found, key=len, default="")
    return longest if len(WORD.findall(longest)) >= SHORTEST_QUOTE and len(longest) <= LONGEST_LINE else ""


def turned_round(sentence: str, names: Sequence[str] = (), before: str = "") -> str:
    """An English sentence about the customer as one to them; empty unless it is sure to say the same."""
    whole = sentence.strip().rstrip(".!…").replace("’", "'").replace("‘", "'")
    text = re.split(r";|: ?(?=')", whole)[0].rstrip()  # what follows says something more
    text = SHORT.sub(in_full, text, count=1) if SHORT.match(text) else text
    pieces = PIECE.findall(text)
    words = [piece.casefold() for piece in pieces if WORD.fullmatch(piece)]
    if not len(words) >= 3 or len(text) > LONGEST_LINE - 20 or text.endswith("?") or set(words) & (OURS | PASSING):
        return ""
    if any(mark in text for mark in ':;()[]/&"“”*#@') or "'" in pieces:
        return ""
    if words[0] in {*PEOPLE, "her", "his", "their"} and OTHERS & {word.casefold() for word in WORD.findall(before)}:
        return ""  # "Her daughter came. She loves oak."
    if words[0] in {"her", "his", "their"}:  # "her dad turns seventy": who turns stays the same
        theirs = {word for family in PEOPLE.values() for word in family}
        return "" if theirs & set(words[1:]) else with_marks(f"You told us that your{''.join(pieces[1:])}")
    subject, rest = opened(pieces, names)
    adverb = f"{rest[0].casefold()} " if len(rest) > 2 and rest[0].casefold() in ADVERBS else ""
    rest = rest[2:] if adverb else rest
    verb = rest[0].casefold() if rest else ""
    turned = verb_to_you(verb, subject) if subject else verb_of_nobody([one.casefold() for one in rest])
    if not turned or (rest_words := rest_to_you(rest[1:], subject)) is None:
        return ""
    if verb not in TELLING:
        return with_marks(f"You told us you {adverb}{turned}{rest_words}")
    told = {"say": "said", "tell": "told", "ask": "asked", "mention": "mentioned"}.get(turned, turned)
    return "" if text != whole or adverb else with_marks(f"You {told}{rest_words}")


def in_full(match: re.Match[str]) -> str:
    """ "She's looking" as "She is looking"; as it stands where it could be two things."""
    who, short, after = match[1], match[2].casefold(), match[3].casefold()
    full = {"ll": "will", "re": "are", "ve": "have"}.get(short, "")
    if short == "s" and (after in GOING_ON or after in BEING):
        full = "is"
    elif short == "d" and after in WOULD["would"]:
        full = "would"
    return f"{who} {full} {match[3]}" if full else match[0]


def with_marks(line: str) -> str:
    return line.replace("'", "’").rstrip(" ,") + "."


def opened(pieces: Sequence[str], names: Sequence[str]) -> tuple[str, list[str]]:
    """Who the sentence is about — she, he, they, "customer", or nobody named — and what follows."""
    called = {part.casefold() for name in names for part in name.split()}
    first = pieces[0].casefold()
    rest = list(pieces[1:])
    if first == "the" and len(pieces) > 2 and pieces[2].casefold() == "customer":
        first, rest = "customer", list(pieces[3:])
    if first not in (*PEOPLE, "customer") and first not in called:
        return "", list(pieces)
    while rest and (rest[0].isspace() or rest[0].casefold() in called):  # first and last name
        rest.pop(0)
    return (first if first in PEOPLE else "customer"), rest


def verb_to_you(verb: str, subject: str) -> str:
    """How the verb after the subject reads after "you"; empty for one that is not known."""
    if subject == "they" and verb in UNCHANGED:
        return verb
    return VERBS.get(verb) or (verb if verb in PAST else "")


def verb_of_nobody(pieces: Sequence[str]) -> str:
    """How the first verb reads after "you" where nobody is named; empty unless only the customer can be meant."""
    words = [one for one in pieces if WORD.fullmatch(one)]
    verb, after, then = (*words[:3], "", "", "")[:3]
    if verb in GOING_ON:
        return f"are {verb}" if after in GOING_ON[verb] and not HELPING & set(words) else ""
    if verb in BEING:
        return f"are {verb}" if after in {"of", "on", "in"} and not HELPING & set(words) else ""
    if verb == "is":
        return "are" if after in GOING_ON and then in GOING_ON[after] else ""
    if verb == "has":
        return "have" if after in DONE or OWNED & set(words[1:6]) else ""
    if verb == "keeps":
        return "keep" if after in OWNED else ""
    if verb in WOULD:
        is_theirs = after in WOULD[verb] and (after != "not" or then in OF_NOBODY_NAMED)
        return verb_to_you(verb, "") if is_theirs else ""
    if verb in {"doesn't", "didn't"}:
        return verb_to_you(verb, "") if after in OF_NOBODY_NAMED else ""
    if verb in PAST:  # "Retired schoolmaster's humour" has no verb
        return verb if verb in OF_NOBODY_NAMED and after in FOLLOWERS | {"it"} else ""
    turned = VERBS.get(verb, "")
    return turned if turned in OF_NOBODY_NAMED else ""


def rest_to_you(pieces: Sequence[str], subject: str) -> str | None:
    """What follows the verb, its pronouns turned round; None when one of them may be somebody else's."""
    words = [piece.casefold() for piece in pieces]
    families = [name for name, family in PEOPLE.items() if set(words) & set(family)]
    theirs = subject if subject in PEOPLE else (families[0] if len(families) == 1 else "")
    mine = [word for word in words if theirs and word in PEOPLE[theirs]]
    if set(families) - {theirs} or (theirs == "they" and "them" in mine):
        return None  # somebody else is spoken of
    if set(words) & OTHERS and (len(mine) > 1 or set(mine) & PEOPLE.keys()):
        return None  # "her mother says she …"
    if subject not in PEOPLE and not all(is_possessive(words, place) for place, one in enumerate(words) if one in mine):
        return None  # "wants a lamp that doesn't wake him": who that is, the sentence does not say
    second = second_verbs(words)
    if second is None:
        return None
    said: list[str] = []
    after_you = False
    for place, (piece, word) in enumerate(zip(pieces, words, strict=True)):
        if after_you and WORD.fullmatch(piece):
            after_you = False
            if not (turned := verb_to_you(word, theirs)):
                return None
            said.append(turned)
        elif place in second:
            said.append(VERBS[word])
        elif word in mine:
            said.append("your" if is_possessive(words, place) else TO_YOU.get(word, "you"))
            after_you = word in PEOPLE
        else:
            said.append(piece)
    return None if after_you else "".join(said)


def second_verbs(words: Sequence[str]) -> frozenset[int] | None:
    """Where the customer's second verb stands ("… and needs one chair"); None when it is not sure whose a verb is.

    "wants a lamp that lasts, looks for oak": the lamp may look so. A verb of somebody else before it makes it unsure.
    """
    places = [place for place, word in enumerate(words) if not word.isspace()]
    others = [b for a, b in pairwise(places) if words[a] in {",", "and", "but", "or"}]
    verbs = [place for place in others if words[place] in VERBS]
    if not verbs:
        return frozenset()
    before = {words[place] for place in places if place < verbs[-1] and place not in verbs}
    is_sure = all(words[place] in SECOND and words[place - 2] in {"and", "but"} for place in verbs)
    return frozenset(verbs) if is_sure and not before & (VERBS.keys() | OTHERS | JOINING | PEOPLE.keys()) else None


def is_possessive(words: Sequence[str], place: int) -> bool:
    """Whether the pronoun there stands before what is theirs: "her garden", and not "suits her"."""
    before = [word for word in words[:place] if not word.isspace()]
    after = next((word for word in words[place + 1 :] if not word.isspace()), "")
    if words[place] in {"his", "their"}:
        return True
    if words[place] != "her" or (before and before[-1] in CAUSING):
        return False
    return bool(WORD.fullmatch(after)) and after not in NO_NOUN
