"""What a question is about: without greetings and pleasantries, in plain letters, with typing errors mended."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from knowledge.conversation import Line, question_of
from knowledge.keywords import STOP_WORDS, TOKEN, stem
from knowledge.likeness import Rarity

GREETING = (
    r"(?:hi+|hello+|hey+)(?: there)?|dear|greetings|good (?:morning|afternoon|evening|day)|sir|madam|ma'?am|mam|"
    r"please|pls|plz|ok|okay|thanks|thank you|(?:i )?hope you(?: are|'re) (?:doing )?(?:well|fine)|"
    r"how(?: are you| is it going|'s it going)(?: doing| today)*(?=\s*(?:[,.!?]|$))"
)
WISHES = r"have a (?:nice|good|great|lovely) (?:day|evening|weekend|one)"
OPENING = re.compile(rf"^(?:\W*(?:{GREETING})\b[\s,.!?]*)+", re.IGNORECASE)
CLOSING = re.compile(
    rf"(?:(?:^|[\s,.!]{{1,5}})(?:sir|madam|ma'?am|mam|please|pls|plz|thanks|thank you|{WISHES}))+\W*$", re.IGNORECASE
)
# A line of a pasted conversation begins with who speaks.
SPEAKER = re.compile(r"^[ \t]*(\w[\w .'-]{0,30}):[ \t]", re.MULTILINE)
CUSTOMER = frozenset(("customer", "client", "user", "visitor", "caller", "guest"))
MOST_WORDS = 48  # of a question that are looked for
MOST_HOLDING = 5_000  # passages that are ranked by words
SHORTEST_MENDED = 5  # letters; shorter words have too many neighbours
SHORTEST_KNOWN = 4
ENDINGS = ("ing", "es", "ed", "er", "ly", "s", "d")


def plain(text: str) -> str:
    """The question in ordinary letters, without the greeting before it and the thanks after it."""
    text = asked_last(unicodedata.normalize("NFKC", text).replace("\0", " ").strip())
    return CLOSING.sub("", OPENING.sub("", text)).strip()


def asked_last(text: str) -> str:
    """Of a pasted conversation what it asks, see knowledge.conversation; any other text as it is.

    A conversation has a speaker at the start of its lines, two of them at least, and one speaks again.
    """
    starts = list(SPEAKER.finditer(text))
    speakers = [start[1].casefold() for start in starts]
    if len(speakers) < 3 or not 2 <= len(set(speakers)) < len(speakers) or starts[0].start():
        return text
    customer = next((speaker for speaker in speakers if speaker in CUSTOMER), speakers[-1])
    ends = [start.start() for start in starts[1:]] + [len(text)]
    said = [text[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)]
    lines = [Line(speaker == customer, text) for speaker, text in zip(speakers, said, strict=True)]
    return question_of(lines) or text


def rarest(words: Sequence[str], rarity: Rarity, passages: int) -> list[str]:
    """Of a question's words, in order, at most MOST_WORDS, those that few enough of `passages` hold together.

    A long question would else look at half of what there is, and its frequent words say least.
    """
    held = {word: rarity.share(stem(word)) * passages for word in words}
    chosen: set[str] = set()
    total = 0.0
    for word in sorted(held, key=held.__getitem__)[:MOST_WORDS]:
        total += held[word]
        if chosen and total > MOST_HOLDING:
            break
        chosen.add(word)
    return [word for word in words if word in chosen]


class Speller:
    """Mends words that nobody writes by the ones that the articles are written in.

    `words` are the articles' own, with how often they stand there. A word is mended when neither they nor `is_known`
    (the model's dictionary) has it, and one letter more, less, other or swapped makes it one of theirs.
    """

    def __init__(self, words: Counter[str], is_known: Callable[[str], bool], *, at_least: int = 1) -> None:
        """`at_least`: how often a word must stand there to mend another."""
        self.words = words
        self.is_known = is_known
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in words:
            if words[word] >= at_least and len(word) >= SHORTEST_KNOWN and word.isalpha():
                for shorter in {word, *without_one_letter(word)}:
                    self._near[shorter].append(word)

    def mended(self, text: str, *, but_last: bool = False) -> str:
        """The text with its typing errors mended, the rest as it was. `but_last`: its last word is unfinished."""
        end = len(text.rstrip()) if but_last else -1
        return TOKEN.sub(lambda match: match[0] if match.end() == end else self.word(match[0]), text)

    def word(self, word: str) -> str:
        folded = word.casefold()
        if len(folded) < SHORTEST_MENDED or not folded.isalpha() or self.is_fine(folded):
            return word
        near = {
            candidate
            for shorter in {folded, *without_one_letter(folded)}
            for candidate in self._near.get(shorter, ())
            if abs(len(candidate) - len(folded)) <= 1 and candidate[0] == folded[0]
        }
        return max(near, key=lambda candidate: (self.words[candidate], candidate), default=word)

    def is_fine(self, folded: str) -> bool:
        stems = (folded.removesuffix(ending) for ending in ENDINGS if folded.endswith(ending))
        return any(
            word in self.words or word in STOP_WORDS or self.is_known(word)
            for word in (folded, *(stem for stem in stems if len(stem) >= 3))
        )


def without_one_letter(word: str) -> Iterable[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))
