"""An English sentence of a note as one to the customer: "Loves oak" is "You told us you love oak".

Few rules, which cannot make it say something else. What they do not reach, or what nobody wants to read on a card
(deliveries, money, trouble), makes no line. Where only its end is in the way, what a sentence says first is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

LONGEST_LINE = 220  # characters
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
PIECE = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|\d+|\s+|_")
WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))


def listed(name: str) -> frozenset[str]:
    return frozenset(WORDS[name].split())


# How the verb after somebody reads after "you".
VERBS: dict[str, str] = {f"{verb}s": verb for verb in listed("plain_verbs")} | WORDS["other_verbs"]
UNCHANGED = frozenset(VERBS.values())
PAST, TELLING = listed("past"), listed("telling")
OF_NOBODY_NAMED, DONE, OWNED, BEING = listed("of_nobody_named"), listed("done"), listed("owned"), listed("being")
ONLY_BEFORE = {verb: frozenset(after.split()) for verb, after in WORDS["only_before"].items()}
NOT_AFTER, GOES = listed("not_after"), listed("goes")
AFTER_VERBS = listed("followers") | {"at", "by", "into", "nothing", "of", "on", "them"}
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
ANIMALS, UNFIT, TITLES, TAKES_BACK = listed("animals"), listed("unfit"), listed("titles"), listed("takes_back")
UNWANTED = re.compile(
    r"\b(?:(?:wants?|likes?|needs?) to (?:know|see if)|(?:not|n't) (?:want|need)|wants? no|rather not|would like h\w+"
    r"|never\b.*\bagain|(?:speak|talk)s? to a|send it back|wants? it back"
    r"|(?:is|was|were|been|being|got) (?:told|asked|promised|assured|answered|informed|warned))\b"
)
PEOPLE = {
    "she": ("she", "her", "hers", "herself"),
    "he": ("he", "him", "his", "himself"),
    "they": ("they", "them", "their", "theirs", "themselves"),
}
TO_YOU = {
    "she": "you", "he": "you", "they": "you", "his": "your", "their": "your", "him": "you", "them": "you",
    "hers": "yours", "theirs": "yours", "herself": "yourself", "himself": "yourself", "themselves": "yourself",
}  # fmt: skip
THEIRS = frozenset(word for family in PEOPLE.values() for word in family)
NOT = frozenset({"not", "never", "cannot", "no"})
ENDS = re.compile(r"[,;:] | (?:and|&|who|which|[–—-]) | ?\(")  # where what a sentence says first may end


def turned_round(sentence: str, names: Sequence[str] = (), before: str = "") -> str:
    """The sentence as a line to the customer; empty unless it is sure to say the same, and fit to be read."""
    whole = sentence.strip().rstrip(".!…").replace("’", "'").replace("‘", "'")
    whole = SHORT.sub(in_full, whole, count=1) if SHORT.match(whole) else whole
    if whole.endswith("?") or is_somebody_else(whole, before) or is_unfit(whole):
        return ""
    return next((line for text in beginnings(whole) if (line := line_of(text, names, is_whole=text == whole))), "")


def beginnings(whole: str) -> Iterator[str]:
    """The sentence, then what it says first, ever shorter; nothing that its end may take back."""
    yield whole
    for match in reversed(list(ENDS.finditer(whole))):
        rest = [word.casefold() for word in WORD.findall(whole[match.end() :])]
        if match[0] == " and " and not does_something(rest):
            continue
        if not TAKES_BACK & set(rest) and not any(word.endswith("n't") for word in rest):
            yield whole[: match.start()].rstrip(" ,;:")


def does_something(words: Sequence[str]) -> bool:
    """Whether a verb comes first: "offered me six", "sits on nothing else", "still draws"."""
    first, then = (*words[:2], "", "")[:2]
    if first in ADVERBS | PASSING:
        return does_something(words[1:])
    return first in VERBS or first in PAST or first.endswith("ed") or (first.endswith("s") and then in AFTER_VERBS)


def is_somebody_else(text: str, before: str) -> bool:
    """Whether what the note said before may be about another subject: "Her daughter came. She loves oak."."""
    first = text.split(maxsplit=1)[0].casefold() if text else ""
    earlier = [[word.casefold() for word in WORD.findall(one)] for one in re.split(r"[.!?;\n]", before)]
    if first == "they":
        return any(words and words[0] != "they" for words in earlier)
    if first in {*PEOPLE, "her", "his", "their"}:
        return any((OTHERS | ANIMALS) & {word.removesuffix("'s") for word in words} for words in earlier)
    return any(OTHERS & set(words[:3]) for words in earlier)


def line_of(text: str, names: Sequence[str], *, is_whole: bool) -> str:
    pieces = PIECE.findall(text)
    words = [piece.casefold() for piece in pieces if WORD.fullmatch(piece)]
    if not is_fit(text, words) or any(mark in text for mark in ':;()[]/&"“”*#@') or "'" in pieces:
        return ""
    if words[0] in {"her", "his", "their"}:  # "her dad turns seventy": who turns stays the same
        does = any(word in VERBS or word in PAST or word == "turns" for word in words[2:5])
        is_plain = does and not THEIRS & set(words[1:]) and not any(word in NOT or "n't" in word for word in words)
        return with_marks(f"You told us that your{''.join(pieces[1:])}") if is_plain else ""
    subject, rest = opened(pieces, names)
    adverb = f"{rest[0].casefold()} " if len(rest) > 2 and rest[0].casefold() in ADVERBS else ""
    rest = rest[2:] if adverb else rest
    verb = rest[0].casefold() if rest else ""
    turned = verb_to_you(verb, subject) if subject else verb_of_nobody([one.casefold() for one in rest])
    if not turned or (rest_words := rest_to_you(rest[1:], subject)) is None:
        return ""
    if not is_whole and second_verbs([one.casefold() for one in rest[1:]]):
        return ""  # "Wants a cat and loves tuna, eats nothing else."
    if verb not in TELLING:
        return with_marks(f"You told us you {adverb}{turned}{rest_words}")
    told = {"say": "said", "tell": "told", "ask": "asked", "mention": "mentioned"}.get(turned, turned)
    return "" if not is_whole or adverb else with_marks(f"You {told}{rest_words}")


def is_fit(text: str, words: Sequence[str]) -> bool:
    """Whether a card may say this at all: long enough, of them and not of us, of no passing day, no business."""
    if not len(words) >= 3 or len(text) > LONGEST_LINE - 20:
        return False
    if set(words) & (OURS | PASSING):
        return False
    return not any(runs_on(text[match.end() :]) for match in re.finditer(r", ?", text))


def is_unfit(text: str) -> bool:
    """Whether it speaks of what nobody wants to read on a card: our business with them, trouble, a secret."""
    words = {word.casefold().replace("’", "'").removesuffix("'s") for word in WORD.findall(text)}
    return bool(words & UNFIT or UNWANTED.search(text.casefold()))


def runs_on(rest: str) -> bool:
    """Whether something new is said after a comma: "hates plastic", "the walls will be blue"."""
    words = [word.casefold() for word in WORD.findall(rest)[:3]]
    new = VERBS.keys() | PAST | HELPING | {"so", "only", "which", "who"}
    return bool(words) and (
        words[0] in THEIRS | (UNCHANGED - {"like"}) | {"it", "the", "please", "allow", "answer", "ask"}
        or any(word in new or word.endswith(("ed", "ing")) for word in words[:2])
    )


def told(line: str) -> str:
    """What a line says they told, without "you told us you", for a look at its meaning. Empty for a quotation."""
    match = re.match(r"You (?:told us|said|mentioned|asked) ?(?:that )?(?:you |that )?([^:“].*)", line)
    return match[1].capitalize() if match and "“" not in line else ""


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
    if first in TITLES:  # "Mrs Adeyemi", "Mr. Ito"
        named = [one for one in rest if not one.isspace() and one != "."]
        first, rest = (named[0].casefold(), rest[rest.index(named[0]) + 1 :]) if named else ("", rest)
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
        return "have" if after in DONE or (after, then) == ("been", "to") or OWNED & set(words[1:6]) else ""
    if verb == "goes":
        return "go" if after in GOES else ""
    if after in NOT_AFTER:
        return ""
    if verb in ONLY_BEFORE:
        needed = ONLY_BEFORE[verb]
        somewhere = needed & {f"…{word}" for word in words[1:8]} or ("…s" in needed and are_several(words[1:3]))
        is_person = after in needed or bool(somewhere)
        return VERBS.get(verb, verb) if is_person else ""
    if verb in WOULD:
        is_theirs = after in WOULD[verb] and (after != "not" or then in OF_NOBODY_NAMED)
        return verb_to_you(verb, "") if is_theirs else ""
    if verb in {"doesn't", "didn't"}:
        return verb_to_you(verb, "") if after in OF_NOBODY_NAMED else ""
    if verb in PAST:  # "Retired schoolmaster's humour" has no verb
        is_person = after in FOLLOWERS | {"it"} or (verb == "finished" and after.endswith("ing"))
        return verb if verb in OF_NOBODY_NAMED and is_person else ""
    turned = VERBS.get(verb, "")
    return turned if turned in OF_NOBODY_NAMED else ""


def are_several(words: Sequence[str]) -> bool:
    """Whether things are meant, as of what somebody grows or collects: "stamps", "sweet peas"."""
    return any(word.endswith("s") and not word.endswith("ss") and len(word) > 3 for word in words)


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
