"""Which gestures suit this person now, and why: plain values in, at most three of different kinds out.

A fixed recipe of visible parts; learning.py may re-order what comes out. Nothing here reads a clock or a table, so the
same situation always gives the same list. Amounts are in one currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from math import log2

from console.customers.signals import Signal, SignalKind
from console.empowerment.kinds import GestureKind, Occasion
from console.gestures import weights
from console.gestures.situation import Advice, Candidate, Clause, Given, Liking, Refused, Silence, Situation, Suggested
from console.gestures.weights import BASKET_AGAIN, CALL_AGAIN, NAMED, NEAR, RECENT, SHOWN, THRESHOLD, TIRING
from console.money import Money

MORNING = time(8)  # a refusal of late calls ends here

# How well a kind answers a fact, 0 to 1. An abandoned basket little: rewarding it teaches it (see is_worth_a_gesture).
K, S = GestureKind, SignalKind
ANSWERS: dict[SignalKind, dict[GestureKind, float]] = {
    S.OPEN_COMPLAINT: {
        K.CREDIT: 0.8, K.HUMAN_FOLLOWUP: 0.8, K.FEE_WAIVER: 0.8, K.DISCOUNT: 0.6, K.UPGRADE: 0.5,
        K.ADDON: 0.4, K.HANDWRITTEN_CARD: 0.4, K.EXTENDED_TERM: 0.3,
    },
    S.LATE_DELIVERY: {
        K.EXPEDITED_SHIPPING: 1.0, K.FEE_WAIVER: 0.7, K.CREDIT: 0.6, K.HUMAN_FOLLOWUP: 0.5,
        K.HANDWRITTEN_CARD: 0.4, K.EXTENDED_TERM: 0.3, K.SAMPLE: 0.3,
    },
    S.REPEAT_INTERACTION: {
        K.HUMAN_FOLLOWUP: 0.9, K.CREDIT: 0.7, K.PRIORITY_ACCESS: 0.6, K.FEE_WAIVER: 0.5, K.HANDWRITTEN_CARD: 0.3,
    },
    S.BROKEN_PROMISE: {
        K.HUMAN_FOLLOWUP: 0.9, K.CREDIT: 0.7, K.HANDWRITTEN_CARD: 0.5, K.PRIORITY_ACCESS: 0.5,
        K.EXPEDITED_SHIPPING: 0.4,
    },
    S.BIRTHDAY: {K.HANDWRITTEN_CARD: 0.9, K.ADDON: 0.7, K.SAMPLE: 0.7, K.UPGRADE: 0.5},
    S.ANNIVERSARY: {K.HANDWRITTEN_CARD: 0.9, K.ADDON: 0.7, K.SAMPLE: 0.7, K.UPGRADE: 0.5, K.DONATION: 0.4},
    S.FIRST_ORDER: {K.SAMPLE: 0.9, K.HANDWRITTEN_CARD: 0.8},
    S.MILESTONE_ORDER: {K.UPGRADE: 0.9, K.ADDON: 0.8, K.HANDWRITTEN_CARD: 0.7, K.SAMPLE: 0.6, K.DONATION: 0.5},
    S.ABANDONED_CART: {K.EXPEDITED_SHIPPING: 0.6, K.SAMPLE: 0.3},
}  # fmt: skip
AT_ONCE = frozenset({K.CREDIT, K.HUMAN_FOLLOWUP, K.FEE_WAIVER})
THINGS = frozenset({K.ADDON, K.SAMPLE, K.UPGRADE})
PROVENANCE = {"stated": 1.0, "observed": 0.8, "bought": 0.6, "inferred": 0.5}
SAID = {"inferred": "seems to like", "bought": "bought"}  # the others: likes
NO_NEED = "No gesture needed; a sincere thank-you fits."
FACTS = frozenset(kind.value for kind in SignalKind)
REFUSING = re.compile(r"\b(no|not|never|don't|dislikes?|hates?|avoids?|without|allerg\w*|asthma\w*|intoleran\w*)\b")
ABOUT_CALLS = re.compile(r"\b(calls?|calling|phone|phoning|ring|ringing|telephone)\b")
# They stand in many gestures' names and preferences and say nothing about either.
EMPTY_WORDS = frozenset({
    "about", "account", "after", "all", "and", "any", "back", "before", "charge", "customer", "day", "for",
    "free", "from", "her", "his", "more", "name", "new", "next", "not", "our", "order", "please", "post",
    "posted", "said", "small", "the", "their", "them", "they", "today", "when", "with", "you", "your",
})  # fmt: skip


def suggest(candidates: Iterable[Candidate], situation: Situation) -> Advice:
    """At most three gestures of different kinds, the smallest adequate one first; or a reason for none."""
    occasion = situation.occasion
    quiet = reason_for_silence(situation)
    if quiet and quiet is not Silence.NO_GIFTS:
        return Advice(occasion, silence=quiet, sentence=sentence_for(quiet, situation))
    suitable = (candidate for candidate in candidates if suits_the_moment(candidate, situation))
    scored = [scored_candidate(one, situation) for one in suitable if has_a_reason(one, situation)]
    items = ordered(one_of_each_kind(item for item in scored if item.score >= THRESHOLD))
    if quiet is None and not items:
        quiet = Silence.NOTHING_FITS
    return Advice(occasion, items, quiet, sentence_for(quiet, situation) if quiet else "")


def reason_for_silence(situation: Situation) -> Silence | None:
    if any(refusal.kind == "no_gifts" for refusal in situation.refusals):
        return Silence.NO_GIFTS
    if situation.failures:
        return None
    if not occasions_of(situation):
        return Silence.NO_REASON
    return Silence.TIRED if len(recent(situation)) >= TIRING else None


def occasions_of(situation: Situation) -> list[Signal]:
    """What is worth a gesture without anything having gone wrong."""
    return [signal for signal in situation.signals if not signal.is_failure and is_worth_a_gesture(signal, situation)]


def is_worth_a_gesture(signal: Signal, situation: Situation) -> bool:
    """A basket left behind only of somebody who was given nothing in half a year, so that leaving one never pays."""
    if signal.kind is SignalKind.ABANDONED_CART:
        since = situation.now - BASKET_AGAIN
        return not any(given.at > since and not given.was_declined for given in situation.history)
    return signal.kind in ANSWERS


def has_a_reason(candidate: Candidate, situation: Situation) -> bool:
    """It answers what happened, or they like it and something good did; a basket left behind is only answered."""
    if situation.failures or best_answer(candidate, situation)[0]:
        return True
    is_good = any(signal.kind is not SignalKind.ABANDONED_CART for signal in occasions_of(situation))
    return is_good and best_liking(candidate, situation)[1] is not None


def sentence_for(silence: Silence, situation: Situation) -> str:
    name = situation.called
    return {
        Silence.NO_GIFTS: f"{name} asked for no gifts; a sincere thank-you fits.",
        Silence.NO_REASON: NO_NEED,
        Silence.TIRED: f"{name} had {len(recent(situation))} gestures in the last 90 days; a sincere thank-you fits.",
        Silence.NOTHING_FITS: "Nothing in the catalogue suits and fits inside your limits now; a sincere word does.",
    }[silence]


def suits_the_moment(candidate: Candidate, situation: Situation) -> bool:
    """Not refused, inside the limits, not given or declined lately, not disliked."""
    against = objection(
        candidate.kind,
        candidate.cost,
        candidate.occasions,
        refusals=situation.refusals,
        is_recovery=situation.occasion is Occasion.RECOVERY,
        has_complaint=bool(situation.failures),
    )
    return (
        against is None
        and situation.occasion.value in candidate.occasions
        and candidate.cost <= situation.room
        and not (candidate.kind is GestureKind.HUMAN_FOLLOWUP and calls_are_refused(situation))
        and not had_lately(candidate, situation)
        and not is_disliked(candidate, situation)
        and not is_for_somebody_else(candidate, situation)
    )


def objection(
    kind: GestureKind,
    cost: Money,
    occasions: Iterable[str],
    *,
    refusals: Iterable[Refused],
    is_recovery: bool,
    has_complaint: bool,
) -> str | None:
    """Why this may not be offered to this customer at all, as a sentence; the ledger asks the same."""
    is_amends = is_recovery and kind is GestureKind.HUMAN_FOLLOWUP and not cost
    if not is_amends and any(refusal.kind == "no_gifts" for refusal in refusals):
        return "This customer asked for no gifts. A sincere thank-you fits."
    if has_complaint and Occasion.RECOVERY.value not in occasions:
        return "Something went wrong and is not settled yet. Put that right first; this gesture is for better days."
    return None


def calls_are_refused(situation: Situation) -> bool:
    """It is past the hour they named and not yet morning, on their clock, or they wrote that they want no calls."""
    return any(
        (refusal.after is not None and (situation.local_time >= refusal.after or situation.local_time < MORNING))
        or (refusal.kind == "other" and ABOUT_CALLS.search(refusal.text.lower()) and is_a_no(refusal.text))
        for refusal in situation.refusals
    )


def is_a_no(text: str) -> bool:
    return REFUSING.search(text.lower()) is not None


def had_lately(candidate: Candidate, situation: Situation) -> bool:
    """Given or declined within 90 days; a free call back may be promised again after a week."""
    is_free_call = candidate.kind is GestureKind.HUMAN_FOLLOWUP and not candidate.cost
    since = situation.now - (CALL_AGAIN if is_free_call else RECENT)
    return any(given.gesture_id == candidate.gesture_id and given.at > since for given in situation.history)


def is_for_somebody_else(candidate: Candidate, situation: Situation) -> bool:
    """A thing that the catalogue says suits people who like or bought certain things, and they do not."""
    if candidate.kind not in THINGS or FACTS.issuperset(candidate.suits):
        return False
    return best_liking(candidate, situation)[1] is None


def is_disliked(candidate: Candidate, situation: Situation) -> bool:
    named = words(candidate.name, *candidate.suits)
    refused = [refusal.text for refusal in situation.refusals if refusal.kind == "other"]
    refused += [liking.text for liking in situation.likings if is_a_no(liking.text)]
    return any(named & words(text) for text in refused)


def scored_candidate(candidate: Candidate, situation: Situation) -> Suggested:
    """Each part in points, and their sum, never below nothing."""
    fit, liking = best_liking(candidate, situation)
    answer, signal = best_answer(candidate, situation)
    last = latest(situation, candidate)
    paid = not is_free(candidate)
    parts = {
        "fit": weights.FIT * max(fit, answer if situation.failures else 0.0),  # after a failure, what answers it fits
        "occasion": weights.OCCASION * answer,
        "value": weights.VALUE * value(candidate),
        "recovery": weights.RECOVERY * (right_size(candidate, situation) if situation.failures else answer),
        "novelty": weights.NOVELTY * novelty(candidate, situation, last),
        "ease": weights.EASE * (candidate.kind in AT_ONCE),
        "fatigue": weights.FATIGUE * min(len(recent(situation)) / TIRING, 1) * paid,
        "scarcity": weights.SCARCITY * situation.scarcity * paid,
        "overlooked": weights.OVERLOOKED * situation.is_overlooked,
    }
    score = max(round(sum(parts.values())), 0)
    rounded = {name: round(points, 1) for name, points in parts.items()}
    return Suggested(candidate, score, clauses(situation, signal, liking, last), parts=rounded)


def clauses(
    situation: Situation, signal: Signal | None, liking: Liking | None, last: Given | None
) -> tuple[Clause, ...]:
    """Why this one: what happened, what they like, what they had before."""
    said: list[Clause] = []
    if signal:
        said.append(Clause(signal.clause, {"signal": signal.kind.value} | signal.evidence))
        said += [
            Clause(other.clause, {"signal": other.kind.value} | other.evidence)
            for other in situation.failures
            if other is not signal
        ][:1]
    if liking:
        verb = SAID.get(liking.provenance, "likes")
        evidence = {"order_line" if liking.provenance == "bought" else "preference": liking.id}
        said.append(Clause(f"{situation.called} {verb}: {liking.text.rstrip('.')}", evidence))
    if last and (months := (situation.now - last.at).days // 30):
        ago = f"{months} months ago" if months > 1 else "a month ago"
        said.append(Clause(f"{situation.called} last had this {ago}", {"ledger_entry": last.id}))
    elif not recent(situation):
        said.append(Clause(f"{situation.called} had no gesture in the last 90 days"))
    return tuple(said[:4])


def best_liking(candidate: Candidate, situation: Situation) -> tuple[float, Liking | None]:
    """How far a preference or a purchase speaks for it, 0 to 1: by where it is known from and how long ago, when it has
    a word that the gesture suits."""
    named = words(*(word for word in candidate.suits if word not in FACTS))
    likings = [
        (PROVENANCE.get(liking.provenance, 0.5) * liking.weight, liking)
        for liking in situation.likings
        if named & words(liking.text) and not is_a_no(liking.text)
    ]
    return max(likings, key=lambda pair: pair[0], default=(0.0, None))


def best_answer(candidate: Candidate, situation: Situation) -> tuple[float, Signal | None]:
    """How well it answers what happened, 0 to 1, and the fact it answers best.

    Half of it is that best answer, half how well it answers everything that went wrong: a candle may make up for
    a late parcel, but not for a late parcel, a broken promise and a complaint.
    """
    relevant = situation.failures or occasions_of(situation)
    answers = [(answer_to(signal, candidate), signal) for signal in relevant]
    best, signal = max(answers, key=lambda pair: pair[0], default=(0.0, None))
    if not best:
        return 0.0, None
    if not situation.failures:
        return best, signal
    return (best + sum(answer for answer, _ in answers) / len(answers)) / 2, signal


def answer_to(signal: Signal, candidate: Candidate) -> float:
    """From the table; a gesture that the catalogue says suits this very fact answers it well."""
    return max(ANSWERS[signal.kind].get(candidate.kind, 0.0), NAMED if signal.kind.value in candidate.suits else 0.0)


def value(candidate: Candidate) -> float:
    """What it is worth to them for what it costs us, 0 to 1: 1/3 when they are equal."""
    if is_free(candidate):
        return 1.0
    return min(log2(1 + candidate.perceived.minor / candidate.cost.minor) / 3, 1.0)


def right_size(candidate: Candidate, situation: Situation) -> float:
    """1 when the cost is between half and one and a half of what the failures call for, falling off outside."""
    if candidate.kind is GestureKind.HUMAN_FOLLOWUP:
        return 1.0
    share = {1: 0.6, 2: 1.0}.get(len(situation.failures), 1.5)
    wanted = max(situation.typical.minor * share, 1)
    ratio = candidate.cost.minor / wanted
    return min(1.0, 2 * ratio) if ratio < 1 else max(0.0, 1 - max(ratio - 1.5, 0.0))


def novelty(candidate: Candidate, situation: Situation, last: Given | None) -> float:
    """1 for something new, rising again with the months; 0 for the same kind twice running."""
    ordered_history = sorted(situation.history, key=lambda given: given.at)
    if ordered_history and ordered_history[-1].kind is candidate.kind and not is_free(candidate):
        return 0.0
    return 1.0 if last is None else 1 - 0.5 ** ((situation.now - last.at).days / 30)


def latest(situation: Situation, candidate: Candidate) -> Given | None:
    same = [given for given in situation.history if given.gesture_id == candidate.gesture_id and not given.was_declined]
    return max(same, key=lambda given: given.at, default=None)


def recent(situation: Situation) -> list[Given]:
    since = situation.now - RECENT
    return [given for given in situation.history if given.at > since and not given.was_declined]


def is_free(candidate: Candidate) -> bool:
    return candidate.cost.minor == 0


def one_of_each_kind(items: Iterable[Suggested]) -> list[Suggested]:
    """The three best of different kinds; of one kind the smallest that is nearly as good as its best."""
    kinds: dict[GestureKind, list[Suggested]] = {}
    for item in items:
        kinds.setdefault(item.candidate.kind, []).append(item)
    return sorted((smallest_adequate(group) for group in kinds.values()), key=by_score)[:SHOWN]


def ordered(items: list[Suggested]) -> tuple[Suggested, ...]:
    """The smallest adequate first: those within a few points of the best by cost, the others by score."""
    if not items:
        return ()
    bar = max(item.score for item in items) - NEAR
    near = sorted((item for item in items if item.score >= bar), key=by_cost)
    return (*near, *sorted((item for item in items if item.score < bar), key=by_score))


def smallest_adequate(items: list[Suggested]) -> Suggested:
    bar = max(item.score for item in items) - NEAR
    return min((item for item in items if item.score >= bar), key=by_cost)


def by_cost(item: Suggested) -> tuple[int, int, int]:
    return item.candidate.cost.minor, -item.score, item.candidate.version_id


def by_score(item: Suggested) -> tuple[int, int, int]:
    return -item.score, item.candidate.cost.minor, item.candidate.version_id


def words(*texts: str) -> set[str]:
    """Their content words, lower case, without a plural's s."""
    found = re.findall(r"[^\W\d_]{3,}", " ".join(texts).lower().replace("_", " "))
    return {word.removesuffix("s") for word in found if word not in EMPTY_WORDS}
