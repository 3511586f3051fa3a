"""What may not stand on a delivery card, and what should be looked at before it goes. Pure: facts in, reasons out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from console.card_numbers import holds_card_number
from notes.cards.handwriting import LONGEST, lacking, lay_out
from notes.cards.models import Paper
from notes.cards.turning import WORD, WORDS, listed
from notes.cards.words import PHRASES, middle_of


@dataclass(frozen=True)
class Check:
    """A reason against a card as it stands. What blocks has to be put right; the rest is for a person to judge."""

    key: str
    text: str  # a sentence that says what to do
    blocks: bool = True


@dataclass(frozen=True)
class Situation:
    """What is known about the customer and the order beside the words of the card."""

    language: str = "en"  # what the card should be written in
    gone: str = ""  # why the order no longer waits for a card, as a sentence
    complaint: str = ""  # open, in the customer's words
    broken_promise: str = ""
    no_gifts: bool = False
    as_gesture: bool = False  # the card was given as a gesture
    boundaries: tuple[str, ...] = ()  # what else they refused, in words
    near: tuple[tuple[str, str], ...] = ()  # a boundary, and the words of the card that come close to it in meaning
    unfit: tuple[str, ...] = ()  # sentences of the card that nobody may want to read there, by their meaning
    amounts: tuple[str, ...] = ()  # of the order, as its total is written: "95.00"
    known_names: tuple[str, ...] = ()  # of the customer, of us, of what was ordered: everybody who may be named
    quote: str = ""  # what is quoted from a note
    quote_allowed: str = ""  # why it may not be quoted any more, as a sentence; empty when it may
    quoted_before: tuple[str, ...] = ()  # what earlier cards to this customer quoted


# Topics of sensitive content, the words that show each, and whether that is sure.
Find = Callable[[str], Sequence[tuple[str, Sequence[str], bool]]]


def check_card(body: str, paper: Paper, situation: Situation, sensitive: Find) -> list[Check]:
    """Every reason against a card, what blocks first."""
    found = [*about_the_customer(situation), *about_the_quote(situation), *about_the_room(body, paper)]
    if body.strip() and len(body) <= LONGEST:
        found += [
            *about_content(body, situation, sensitive),
            *about_boundaries(body, situation),
            *about_names(body, situation),
            *about_language(body, situation.language),
        ]
    return sorted(found, key=lambda check: not check.blocks)


def about_the_customer(situation: Situation) -> Iterator[Check]:
    if situation.gone:
        yield Check("gone", situation.gone)
    if situation.complaint:
        yield Check("complaint", f"Not now: a complaint is open (“{situation.complaint}”). Settle that first.")
    if situation.broken_promise:
        yield Check(
            "promise", f"Not now: a promise was broken (“{situation.broken_promise}”). Keep or release it first."
        )


def about_the_quote(situation: Situation) -> Iterator[Check]:
    if situation.quote_allowed:
        yield Check("consent", situation.quote_allowed)
    quote = folded(situation.quote)
    if quote and any(one in quote or quote in one for one in map(folded, situation.quoted_before) if one):
        yield Check("again", "An earlier card already quoted these words. Take another line.")


def about_the_room(body: str, paper: Paper) -> Iterator[Check]:
    if len(body) > LONGEST:
        yield Check("length", f"{len(body):,} characters never fit on a card. Shorten them to a few lines.")
        return
    if over := lay_out(body, paper).over:
        lines = "1 line" if over == 1 else f"{over} lines"
        other = " or choose A5" if paper is Paper.A6 and not lay_out(body, Paper.A5).over else ""
        yield Check("length", f"{lines} too many for {paper.value}. Shorten it{other}.")
    if missing := lacking(body):
        named = scripts(missing) if len(missing) > FEW else ", ".join(shown(one) for one in missing)
        them = "it" if len(missing) == 1 else "them"
        text = (
            f"The handwriting font cannot write {named}. Take {them} out, or write by hand: this card is not printed."
        )
        yield Check("letters", text, blocks=False)


FEW = 3  # letters that are named one by one


def scripts(letters: Sequence[str]) -> str:
    """ "Arabic letters", or "some characters" where they are of no script."""
    first = {unicodedata.name(one, "").partition(" ")[0] for one in letters if unicodedata.category(one) == "Lo"}
    return f"{' and '.join(sorted(name.capitalize() for name in first))} letters" if first else "some characters"


def shown(letter: str) -> str:
    if letter.isprintable() and not unicodedata.combining(letter):
        return f"“{letter}”"
    return unicodedata.name(letter, f"character {ord(letter):x}").casefold()


MONEY = re.compile(
    r"[£$€¥]\s?\d(?:[\d.,]*\d)?|\d[\d.,]{0,12}\s?[£$€¥]|"
    r"\b\d[\d.,]*\s?(?:pounds?|quid|pence|p|euros?|dollars?|gbp|eur|usd|chf|pln|zł|kr)\b|\b(?:gbp|eur|usd|chf)\s?\d|"
    r"\d\s?%|\bper ?cent\b|\b(?:discount\w*|voucher\w*|coupon\w*|promo(?:tion)?s? codes?|half price|for free|free of "
    r"charge|refund\w*|rabatt\w*|gutschein\w*|remise|réduction|descuento|sconto|korting|rabat|desconto)\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    r"\S+@\S+\.\w+|https?://\S+|\bwww\.\S+|\b[\w-]+\.(?:com|net|org|info|io|shop|store|example|eu|co\.uk|uk|de|fr|es|it|nl|pl|pt)\b",
    re.IGNORECASE,
)
LONG_NUMBER = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,}")


def about_content(body: str, situation: Situation, sensitive: Find) -> Iterator[Check]:
    if not WORD.search(middle_of(body, situation.language)):
        yield Check("empty", "It says nothing yet between the greeting and the name. Write what they told us.")
    if money := MONEY.search(body) or next(filter(None, (amount_in(one, body) for one in situation.amounts)), None):
        yield Check("price", f"Never a price or a discount on a card: take “{money[0]}” out.")
    if address := ADDRESS.search(body):
        yield Check("address", f"No addresses on a card: take “{address[0]}” out.")
    if holds_card_number(body):
        yield Check("number", "This looks like a card number. Take it out.")
    elif number := LONG_NUMBER.search(body):
        yield Check("number", f"No phone or account numbers on a card: take “{number[0]}” out.")
    for topic, words, is_sure in sensitive(body):
        named = ", ".join(f"“{word}”" for word in words)
        yield Check(
            "sensitive", f"{named or 'This'} may be too private for a card ({topic}). Say it without.", blocks=is_sure
        )
    for sentence in situation.unfit:
        yield Check("unfit", f"Would they like to read “{sentence}” from us? Check it.", blocks=False)


def amount_in(amount: str, body: str) -> re.Match[str] | None:
    return re.search(rf"(?<![\d.,]){re.escape(amount)}(?![\d]|[.,]\d)", body)


NO_CARD = re.compile(
    r"\b(?:no|not|never|stop|don't|do not|without|refus\w+)\b.{0,40}\b(?:cards?|post|mail|letters?|contact\w*|personal "
    r"(?:messages?|notes?|touch\w*)|handwritten|notes?)\b",
    re.IGNORECASE,
)


def about_boundaries(body: str, situation: Situation) -> Iterator[Check]:
    against = [one for one in situation.boundaries if NO_CARD.search(one.replace("’", "'"))]
    for boundary in against:
        yield Check("boundary", f"They asked us not to: “{boundary}”. No card goes with this order.")
    if situation.no_gifts and situation.as_gesture:
        yield Check("boundary", "They asked for no gifts, and this card was given as one. Leave it out.")
    elif situation.no_gifts:
        yield Check("boundary", "They asked for no gifts: nothing else may lie beside this card.", blocks=False)
    for boundary, words in situation.near:
        if boundary not in against:
            yield Check("boundary", f"“{words}” comes close to what they refused: “{boundary}”.", blocks=False)


NAME = re.compile(r"(?<![.!?:“\"«„\n,])(?<!^)[ ]([A-ZÀ-ÖØ-Þ][^\W\d_]+)")
CAPITALS = listed("capitals")
CAPITAL_NOUNS = frozenset({"de"})  # languages that write every noun with a capital letter


def about_names(body: str, situation: Situation) -> Iterator[Check]:
    if situation.language in CAPITAL_NOUNS:
        return
    known = {part.casefold() for name in situation.known_names for part in WORD.findall(name)}
    text = " ".join(middle_of(body, situation.language).split())
    names = [
        name for name in dict.fromkeys(NAME.findall(text)) if name not in CAPITALS and name.casefold() not in known
    ]
    if names:
        yield Check("names", f"Does {', '.join(names[:3])} want to be named on a card? Check it.", blocks=False)


TELLTALE = {code: frozenset(words.split()) for code, words in WORDS["telltale"].items()}
LEAST_WORDS, CLEARLY = 4, 2


def about_language(body: str, expected: str) -> Iterator[Check]:
    found = language_of_words(middle_of(body, expected))
    if found and found != expected:
        theirs = PHRASES[expected].language if expected in PHRASES else expected
        text = f"This reads as {PHRASES[found].language}; the card should be in {theirs}. Is that meant?"
        yield Check("language", text, blocks=False)


def language_of_words(text: str) -> str:
    """The language a text is clearly in, of those we have words for; empty when it is not clear."""
    words = [word.casefold() for word in WORD.findall(text)]
    if len(words) < LEAST_WORDS:
        return ""
    hits = sorted(((sum(word in known for word in words), code) for code, known in TELLTALE.items()), reverse=True)
    (most, code), (second, _) = hits[0], hits[1]
    return code if most >= 2 and most - second >= CLEARLY else ""


def folded(text: str) -> str:
    return " ".join(word.casefold() for word in WORD.findall(text))
