"""Who is on the line: one lookup for names, phones, e-mails, order numbers and external ids.

Every step is an index lookup with a bound, so that a common name among a million customers costs about
what a rare one does. At most eight statements: exact and prefix keys; the typed words in the dictionary;
how common each is; customers that carry all of them, up to three; their words; when they were last heard of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import phonenumbers
from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, union_all

from console.customers.models import Customer, CustomerToken, Email, ExternalId, NameToken, NameTokenTypo, Order, Phone
from console.customers.names import SHORTEST_TYPO, Likeness, likeness, likeness_of_all, shortened, words
from console.db import db
from console.events import Event, Topic

How = Literal["phone", "email", "order", "external id", "name", "maybe"]

MOST_WORDS = 5
MOST_TOKENS = 60  # dictionary words looked at for one typed word
MOST_CARRIERS = 10_000  # customers of the rarest typed word that are looked through
MOST_COLLECTED = 20_000  # customers of any other one
MOST_CANDIDATES = 120  # of each likeness; the newest customers first
COUNTED = 5_000  # words more common than this are all the same
LAST_LETTER = "\U0010ffff"
SHORTEST_SUFFIX = 4  # digits of a phone number's end
LONGEST_TEXT = 120
PHONE_MARKS = frozenset("+()-./ \u00a0")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Hit:
    """A customer who may be on the line. `how` is "maybe" when a word had to be corrected."""

    customer_id: int
    how: How
    matched: str  # what matched, as it may be shown: contact details masked
    likeness: Likeness
    distance: int = 0  # among equals of likeness: the sum over all words


@dataclass(frozen=True)
class Word:
    """A typed word and the dictionary words that it may stand for, by likeness."""

    text: str
    tokens: dict[Likeness, list[int]]
    cut_off: bool  # more words begin like this than were looked at

    def ids(self, worst: Likeness) -> list[int]:
        return [number for grade, numbers in self.tokens.items() if grade <= worst for number in numbers]


def find(text: str, limit: int = 8) -> list[Hit]:
    """At most `limit` customers for what was typed, best first: exact, beginning like it, one typo away;
    among equals the one heard of last. Anything that cannot be looked up finds nobody."""
    typed = " ".join(text.replace("\0", "").split())[:LONGEST_TEXT]
    typed = typed.encode("utf-8", "ignore").decode()
    if not typed:
        return []
    hits = by_key(typed)
    settled = any(hit.likeness is Likeness.EXACT or "@" in typed for hit in hits)
    if not settled and not phone_digits(typed):
        hits += by_name(typed, limit)
    return ranked(hits, limit)


def by_key(typed: str) -> list[Hit]:
    """Whoever has exactly this key, or a phone that ends so, or an e-mail that begins so."""
    rows = db.session.execute(union_all(*key_queries(typed)))
    return [Hit(row.customer_id, row.how, row.matched, Likeness(row.likeness)) for row in rows]


def key_queries(typed: str) -> list[Select[Any]]:
    number = typed.lstrip("# ")
    queries = [
        keyed("order", Order.customer_id, Order.number, Order.number == number.upper()),
        keyed(
            "external id",
            ExternalId.customer_id,
            ExternalId.external_id,
            ExternalId.external_id.in_({typed, number, number.lower(), number.upper()}),
        ),
    ]
    if digits := phone_digits(typed):
        queries.append(keyed("phone", Phone.customer_id, Phone.number, Phone.number == e164(typed)))
        # As it stands for "ends in 0123"; without zeros for 0151 … of a number kept as +49151….
        for ending in {digits, digits.lstrip("0")}:
            if len(ending) >= SHORTEST_SUFFIX:
                ends = begins(Phone.reversed, ending[::-1])
                queries.append(keyed("phone", Phone.customer_id, Phone.number, ends, Likeness.PREFIX))
    elif " " not in typed and len(typed) > 1:
        address = typed.lower()
        queries += [
            keyed("email", Email.customer_id, Email.address, Email.address == address),
            keyed("email", Email.customer_id, Email.address, begins(Email.address, address), Likeness.PREFIX),
            keyed("email", Email.customer_id, Email.address, begins(Email.tail, address), Likeness.PREFIX),
        ]
    return queries


def keyed(
    how: How, customer_id: Any, matched: Any, condition: ColumnElement[bool], grade: Likeness = Likeness.EXACT
) -> Select[Any]:
    bounded = (
        select(customer_id.label("customer_id"), matched.label("matched"))
        .where(condition)
        .limit(MOST_CANDIDATES)
        .subquery()
    )
    kind = literal(how).label("how"), literal(int(grade)).label("likeness")
    return select(bounded.c.customer_id, bounded.c.matched, *kind)


def begins(column: Any, start: str) -> ColumnElement[bool]:
    """A prefix as a range: LIKE uses no index on SQLite unless case matters, nor on PostgreSQL in most collations."""
    return and_(column >= start, column < start + LAST_LETTER)


def phone_digits(typed: str) -> str:
    """The digits of what may be a phone number or the end of one; empty for anything else."""
    digits = "".join(letter for letter in typed if letter.isascii() and letter.isdigit())
    rest = set(typed) - set(digits) - PHONE_MARKS
    return digits if len(digits) >= SHORTEST_SUFFIX and not rest and "." not in typed[:1] else ""


def e164(typed: str) -> str:
    try:
        number = phonenumbers.parse(typed, current_app.config["DEFAULT_REGION"])
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked(how: How, matched: str) -> str:
    if how == "phone":
        return Phone(number=matched).masked
    return Email(address=matched).masked if how == "email" else matched


def by_name(typed: str, enough: int) -> list[Hit]:
    """Whoever carries all typed words, in any order, each whole, begun, or with one typing error.

    Less alike customers are looked for only while there are fewer than `enough` of those that are more alike.
    """
    wanted = list(dict.fromkeys(words(typed)))[:MOST_WORDS]
    found = looked_up(wanted)
    if not wanted or any(not word.tokens for word in found):
        return []
    candidates = carriers(found, enough)
    exact = [number for number, grade in candidates.items() if grade is Likeness.EXACT]
    hits = [Hit(number, "name", "", Likeness.EXACT) for number in exact]
    carried: dict[int, list[str]] = defaultdict(list)
    if less := [number for number, grade in candidates.items() if grade is not Likeness.EXACT]:
        for customer_id, token in db.session.execute(
            select(CustomerToken.customer_id, NameToken.token)
            .join(NameToken, NameToken.id == CustomerToken.token_id)
            .where(CustomerToken.customer_id.in_(less))
        ):
            carried[customer_id].append(token)
    graded = {customer_id: likeness_of_all(wanted, tokens) for customer_id, tokens in carried.items()}
    return hits + [
        Hit(customer_id, "maybe" if grade[0] is Likeness.TYPO else "name", "", *grade)
        for customer_id, grade in graded.items()
        if grade is not None
    ]


def looked_up(wanted: Sequence[str]) -> list[Word]:
    """The dictionary words near each typed one, in one statement."""
    if not wanted:
        return []
    found: dict[str, dict[int, str]] = {word: {} for word in wanted}
    rows = db.session.execute(union_all(*(query for word in wanted for query in token_queries(word))))
    begun: dict[str, int] = defaultdict(int)
    for word, number, token in rows:
        found[word][number] = token
        begun[word] += token.startswith(word)
    result = []
    for word, near in found.items():
        tokens: dict[Likeness, list[int]] = defaultdict(list)
        for number, token in near.items():
            if (grade := likeness(word, token)) is not None and len(tokens[grade]) < MOST_TOKENS:
                tokens[grade].append(number)
        result.append(Word(word, {grade: ids for grade, ids in tokens.items() if ids}, begun[word] >= MOST_TOKENS))
    return result


def token_queries(word: str) -> list[Select[Any]]:
    queries = [select(NameToken.id, NameToken.token).where(begins(NameToken.token, word)).order_by(NameToken.token)]
    if shorter := sorted(shortened(word)):
        queries.append(select(NameToken.id, NameToken.token).where(NameToken.token.in_(shorter)))
        queries.append(
            select(NameToken.id, NameToken.token)
            .join(NameTokenTypo, NameTokenTypo.token_id == NameToken.id)
            .where(NameTokenTypo.typo.in_([word, *shorter]))
        )
    bounds = (MOST_TOKENS, MOST_TOKENS, MOST_TOKENS * 5)
    bounded = [query.limit(bound).subquery() for query, bound in zip(queries, bounds, strict=False)]
    return [select(literal(word).label("word"), near.c.id, near.c.token) for near in bounded]


def carriers(found: Sequence[Word], enough: int) -> dict[int, Likeness]:
    """Customers who carry all words, by the likeness that was looked for: some of each until there are `enough`."""
    rarest = found[0] if len(found) == 1 else found[rarest_of(found)]
    others = [word for word in found if word is not rarest]
    candidates: dict[int, Likeness] = {}
    for grade in (grade for grade in Likeness if any(grade in word.tokens for word in found)):
        ids = rarest.ids(grade)
        if not ids or not all(word.ids(grade) for word in others):
            continue
        first = select(CustomerToken.customer_id)
        if others and rarest.cut_off and grade is not Likeness.EXACT:
            begun = begins(NameToken.token, rarest.text)
            first = first.join(NameToken, NameToken.id == CustomerToken.token_id).where(begun)
        else:
            first = first.where(CustomerToken.token_id.in_(ids))
        if len(ids) == 1:
            first = first.order_by(CustomerToken.customer_id.desc())  # the index's own order
        some = first.limit(MOST_CARRIERS if others else MOST_CANDIDATES).subquery()
        query = select(some.c.customer_id).where(*(carries(some.c.customer_id, word, grade) for word in others))
        candidates = dict.fromkeys(db.session.scalars(query.limit(MOST_CANDIDATES)), grade) | candidates
        if len(candidates) >= enough:
            break
    return candidates


def rarest_of(found: Sequence[Word]) -> int:
    """The place of the word that fewest customers carry; a word that was cut off counts as common."""
    counts = [
        select(func.count().label(f"word_{place}"))
        .select_from(
            select(CustomerToken.id)
            .where(CustomerToken.token_id.in_(word.ids(Likeness.TYPO)))
            .limit(COUNTED)
            .subquery()
        )
        .scalar_subquery()
        for place, word in enumerate(found)
    ]
    row = db.session.execute(select(*counts)).one()

    def commonness(place: int) -> tuple[bool, bool, int, int]:
        word = found[place]
        # Of "o smith" both are cut off, but everybody called just Smith is known.
        return (word.cut_off and Likeness.EXACT not in word.tokens, word.cut_off, row[place], -len(word.text))

    return min(range(len(found)), key=commonness)


def carries(customer_id: ColumnElement[int], word: Word, worst: Likeness) -> ColumnElement[bool]:
    """Whether a customer carries the word. As sets that are collected once: looking for each of eighty tokens of each
    of 4,000 customers takes SQLite five times as long."""
    ids = word.ids(worst)
    if len(ids) == 1 and not (word.cut_off and worst > Likeness.EXACT):
        return exists().where(CustomerToken.customer_id == customer_id, CustomerToken.token_id == ids[0])
    if not word.cut_off or worst is Likeness.EXACT:
        return customer_id.in_(carrying(CustomerToken.token_id.in_(ids)))
    begun = begins(NameToken.token, word.text)
    if len(word.text) < SHORTEST_TYPO:
        # Too many begin so to collect them, but then enough are met soon. A scalar subquery, because PostgreSQL would
        # collect them all for an EXISTS.
        own = select(literal(1)).join_from(CustomerToken, NameToken, NameToken.id == CustomerToken.token_id)
        return own.where(CustomerToken.customer_id == customer_id, begun).limit(1).scalar_subquery() == 1
    by_start = customer_id.in_(carrying(begun, NameToken.id == CustomerToken.token_id))
    typos = word.tokens.get(Likeness.TYPO, []) if worst is Likeness.TYPO else []
    return or_(by_start, customer_id.in_(carrying(CustomerToken.token_id.in_(typos)))) if typos else by_start


def carrying(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(CustomerToken.customer_id).where(*conditions).limit(MOST_COLLECTED)


def ranked(hits: Sequence[Hit], limit: int) -> list[Hit]:
    """The best hit of each customer, best first; contact details are masked, names filled in."""
    best: dict[int, Hit] = {}
    for hit in hits:
        if (known := best.get(hit.customer_id)) is None or nearness(hit) < nearness(known):
            best[hit.customer_id] = hit
    if not best:
        return []
    # When they were last heard of is asked for those alone whom it can bring among the first.
    last = sorted(map(nearness, best.values()))[:limit][-1]
    near = {number: hit for number, hit in best.items() if nearness(hit) <= last}
    people = {row.id: row for row in db.session.execute(last_heard_of(list(near)))}

    def order(hit: Hit) -> tuple[Any, ...]:
        row = people[hit.customer_id]
        heard = max(row.talk or LONG_AGO, row.order or LONG_AGO)
        return (*nearness(hit), LONG_AGO - heard, -hit.customer_id)

    chosen = sorted((hit for hit in near.values() if hit.customer_id in people), key=order)[:limit]
    return [replace(hit, matched=masked(hit.how, hit.matched) or named(people[hit.customer_id])) for hit in chosen]


def last_heard_of(customer_ids: Sequence[int]) -> Select[Any]:
    heard = last_heard(Topic.TALK), last_heard(Topic.ORDER)
    return select(Customer.id, Customer.first_name, Customer.last_name, *heard).where(Customer.id.in_(customer_ids))


def last_heard(topic: Topic) -> Any:
    newest = select(func.max(Event.at)).where(Event.customer_id == Customer.id, Event.topic == topic)
    return newest.scalar_subquery().label(topic.value)


def nearness(hit: Hit) -> tuple[int, bool, int]:
    """Lower is nearer; that somebody's name begins so says more than that the e-mail address does."""
    return (hit.likeness, hit.likeness is Likeness.PREFIX and hit.how == "email", hit.distance)


def named(row: Any) -> str:
    return f"{row.first_name} {row.last_name}".strip()
