"""A policy as one plain sentence, and what else it says in short ones. Pure: what things are called is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.empowerment.fields import CHANNELS
from console.empowerment.kinds import GestureKind
from console.empowerment.policy import WARN_AT, Approval, Body, Choice, Kind, Limit, Measure, Scope, Who
from console.empowerment.rule_words import Manner, listed, phrase, short_money, whom
from console.empowerment.rules import EVERYBODY
from console.empowerment.windows import A_DAY, Hours, Window

ROLES = {"agent": "agents", "sales": "sales staff", "supervisor": "supervisors", "administrator": "administrators"}
ONE_OF = {"agent": "an agent", "sales": "somebody in sales", "supervisor": "a supervisor"}
KINDS = {
    GestureKind.ADDON: "add-ons",
    GestureKind.UPGRADE: "upgrades",
    GestureKind.CREDIT: "credits",
    GestureKind.DISCOUNT: "discounts",
    GestureKind.FEE_WAIVER: "waived fees",
    GestureKind.SAMPLE: "samples",
    GestureKind.HANDWRITTEN_CARD: "handwritten cards",
    GestureKind.EXPEDITED_SHIPPING: "faster deliveries",
    GestureKind.DONATION: "donations",
    GestureKind.EXTENDED_TERM: "longer terms",
    GestureKind.PRIORITY_ACCESS: "places first in line",
    GestureKind.HUMAN_FOLLOWUP: "calls back",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PERIODS = {Window.DAY: "a day", Window.WEEK: "a week", Window.MONTH: "a month"}
WHERE = {
    Scope.GESTURE: "of any one gesture",
    Scope.INTERACTION: "in one conversation",
    Scope.CUSTOMER: "to one customer",
    Scope.HOUSEHOLD: "to one household",
    Scope.AGENT: "",  # the rule is about people who give: "£60 a day"
    Scope.TEAM: "for a whole team",
    Scope.POOL: "for everybody together",
}


@dataclass(frozen=True)
class Names:
    """What teams, people and gestures are called, by id; `locale` is how amounts are written."""

    teams: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)
    gestures: Mapping[int, str] = field(default_factory=dict)
    locale: str = "en_GB"

    def amount(self, minor: int, currency: str) -> str:
        """£15, or £12.50."""
        return short_money(minor, Manner(currency, self.locale))


@dataclass(frozen=True)
class Part:
    """A stretch of the sentence; what somebody chose is strong."""

    text: str
    strong: bool = False


def sentence(kind: Kind, body: Body, names: Names) -> list[Part]:
    """What the policy says of who, what, how much and to whom; its parts joined read as one sentence."""
    return guardrail_sentence(body, names) if kind is Kind.GUARDRAIL else grant_sentence(body, names)


def plain(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts)


def grant_sentence(body: Body, names: Names) -> list[Part]:
    caps = [limit_words(limit, body.currency, names) for limit in body.limits]
    parts = [Part(capital(who_words(body.who, names)), strong=True), Part(" may offer ")]
    parts.append(Part(what_words(body.gestures, names), strong=True))
    parts += [Part(" up to "), *(strong(caps, "and") or [Part("…")])]
    rest = circumstances(body, names)
    return [*parts, *rest, Part("." if caps or rest else "")]


def guardrail_sentence(body: Body, names: Names) -> list[Part]:
    caps = [limit_words(limit, body.currency, names) for limit in body.limits if not forbids(limit)]
    subject = "nobody" if body.who == Who() else who_words(body.who, names)
    may = " may ever give " if body.who == Who() else " may never give "
    parts = [Part(capital(subject), strong=True), Part(may)]
    is_ban = any(forbids(limit) for limit in body.limits)
    if is_ban or body.gestures != Choice():
        parts.append(Part(what_words(body.gestures, names), strong=True))
    if not is_ban:
        parts += [Part("more than " if body.gestures == Choice() else " beyond "), *(strong(caps, "or") or [Part("…")])]
    return [*parts, *circumstances(body, names), Part(", not even with approval.")]


def circumstances(body: Body, names: Names) -> list[Part]:
    """To whom, when and over which channels; nothing where anything goes."""
    parts: list[Part] = []
    if body.customers != EVERYBODY:
        parts += [Part(" to "), Part(whom(body.customers, body.currency, names.locale), strong=True)]
    if body.interaction != EVERYBODY:
        parts += [Part(" when "), Part(phrase(body.interaction, body.currency, names.locale), strong=True)]
    if body.channels:
        parts += [Part(" by "), Part(channel_words(body.channels), strong=True)]
    if body.hours:
        parts += [Part(" "), Part(hours_words(body.hours), strong=True)]
    return parts


def forbids(limit: Limit) -> bool:
    """Nothing at all may be given."""
    return limit.cap == 0 and limit.measure is Measure.COUNT and limit.window is Window.EACH


def terms(kind: Kind, body: Body, names: Names) -> list[str]:
    """The rest, in short sentences: who may allow more, how long an offer is held, what has to be said."""
    clock = [f"Its hours are on the clock of {zone_words(body.zone)}."] if body.hours else []
    if kind is Kind.GUARDRAIL:
        return [*clock, *filter(None, (reversal_words(limit, body.currency, names) for limit in body.limits))]
    said = [
        *clock,
        *approval_words(body, names),
        *(words for limit in body.limits for words in limit_terms(limit, body.currency, names) if words),
        f"An offer is held for {number(body.hold_minutes, 'minute')}.",
    ]
    if body.reason_codes:
        said.append(f"A reason has to be named: {listed(body.reason_codes, 'or')}.")
    if body.note_over_minor is not None:
        said.append(f"Above {names.amount(body.note_over_minor, body.currency)} a note has to say why.")
    return said


def approval_words(body: Body, names: Names) -> list[str]:
    more = [limit for limit in body.limits if limit.overridable]
    fixed = [limit_words(limit, body.currency, names) for limit in body.limits if not limit.overridable]
    if not body.limits:
        return []
    if not more or not body.approval.roles:
        return ["Nobody may allow more."]
    said = [f"{capital(approver_words(body.approval))} may allow more, {how_far(body.approval.most_over_percent)}."]
    if fixed:
        said.append(f"Nobody may allow more than {listed(fixed, 'or')}.")
    if body.approval.second_over_minor is not None:
        said.append(
            f"From {names.amount(body.approval.second_over_minor, body.currency)} on two of them have to agree."
        )
    if body.approval.budget_minor is not None:
        said.append(f"Each of them may allow {names.amount(body.approval.budget_minor, body.currency)} a day.")
    return said


def approver_words(approval: Approval) -> str:
    return listed([ONE_OF.get(role, f"a {role}") for role in approval.roles], "or")


def how_far(percent: int) -> str:
    return "up to twice the limit" if percent == 100 else f"up to {percent}% over the limit"


def who_words(who: Who, names: Names) -> str:
    groups = [ROLES.get(role, role) for role in who.roles]
    teams = [names.teams.get(team, "a team that is gone") for team in who.teams]
    people = [names.people.get(one, "somebody who is gone") for one in who.agents]
    if groups or teams:
        said = listed(groups, "and") if groups else "everybody"
        said += f" in {listed(teams, 'or')}" if teams else ""
        said += f", and also {listed(people, 'and')}" if people else ""
    else:
        said = listed(people, "and") if people else "everybody"
    if who.except_agents:
        out = [names.people.get(one, "somebody who is gone") for one in who.except_agents]
        said += f", but not {listed(out, 'and')},"
    return said


def what_words(choice: Choice, names: Names) -> str:
    kinds = [KINDS.get(GestureKind(kind), kind) for kind in choice.kinds]
    single = [f"“{names.gestures.get(one, 'a gesture that is gone')}”" for one in choice.gestures]
    said = listed([*kinds, *single], "and") if kinds or single else "any gesture"
    if choice.cash_like is not None:
        said += " that is as good as money" if choice.cash_like else " that is not as good as money"
        said = said if not (kinds or single) else said.replace(" that is ", " that are ")
    if choice.without:
        out = [f"“{names.gestures.get(one, 'a gesture that is gone')}”" for one in choice.without]
        said += f" except {listed(out, 'and')}"
    return said


def limit_terms(limit: Limit, currency: str, names: Names) -> tuple[str, str]:
    """What is unusual about it; empty what is not."""
    words = limit_words(limit, currency, names)
    warns = f"“{words}” shows as nearly used up from {limit.warn_at}% on." if limit.warn_at != WARN_AT else ""
    return reversal_words(limit, currency, names), warns


def reversal_words(limit: Limit, currency: str, names: Names) -> str:
    if limit.restores is replace(limit, reversal_restores=None).restores or limit.window is Window.EACH:
        return ""
    words = limit_words(limit, currency, names)
    return f"What is taken back {'no longer counts' if limit.restores else 'still counts'} towards “{words}”."


def zone_words(zone: str) -> str:
    """Europe/London is London, America/New_York New York."""
    return zone.rpartition("/")[2].replace("_", " ")


def hours_words(hours: Hours) -> str:
    """on Monday to Friday from 09:00 to 18:00"""
    days = f"on {days_words(hours.days)}" if hours.days else ""
    if (hours.opens, hours.closes) == (0, A_DAY):
        return days or "at any hour"
    times = f"from {clock_words(hours.opens)} to {clock_words(hours.closes)}"
    return " ".join(word for word in (days, times if days else f"{times} every day") if word)


def days_words(days: Sequence[int]) -> str:
    """Neighbours as a span: Monday to Friday; Monday, Tuesday and Saturday."""
    if len(days) > 2 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"
    return listed([WEEKDAYS[day] for day in days], "and")


def clock_words(minutes: int) -> str:
    """09:00; the end of the day is 24:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def channel_words(channels: Iterable[str]) -> str:
    return listed([CHANNELS.get(channel, channel) for channel in channels], "or")


def limit_words(limit: Limit, currency: str, names: Names) -> str:
    """£15 each; £60 a day; 3 gestures to one customer in 90 days; £50 of face value in one conversation."""
    if limit.measure is Measure.COUNT:
        amount = number(limit.cap, "gesture")
    else:
        amount = names.amount(limit.cap, currency) + (" of face value" if limit.measure is Measure.FACE else "")
    if limit.window is Window.EACH:
        return f"{amount} each"
    span = f"in {number(limit.days, 'day')}" if limit.window is Window.ROLLING else PERIODS.get(limit.window, "")
    return " ".join(word for word in (amount, WHERE[limit.scope], span) if word)


def strong(words: Sequence[str], last: str) -> list[Part]:
    """As `listed`, each word strong."""
    parts: list[Part] = []
    for at, word in enumerate(words):
        if at:
            parts.append(Part(f" {last} " if at == len(words) - 1 else ", "))
        parts.append(Part(word, strong=True))
    return parts


def number(count: int, one: str) -> str:
    return f"{count:,} {one if count == 1 else one + 's'}"


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]
