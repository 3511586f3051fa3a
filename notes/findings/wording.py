"""A promise as it is kept: "I'll send her the samples by Friday." is "Send her the samples", its day beside. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from notes.findings.due_dates import CLOCK, best, clock_in, days_in, due_in

DOING = re.compile(
    r"(?:(?:i|we)(?:'ll| will| shall)|will) (?P<what>(?:add|answer|arrange|ask|book|bring|call|chase|check|confirm|"
    r"contact|e-?mail|find|follow|forward|get|give|hold|inform|keep|let|look|make|measure|message|order|pack|pass|phone|"
    r"pick|post|prepare|put|refund|remind|replace|reply|report|request|resend|reserve|return|ring|send|share|ship|sort|"
    r"speak|talk|tell|text|update|wrap|write)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
INTRODUCED = re.compile(r"\b(?:by|before|no later than)(?: on| the)? $", re.IGNORECASE)
DEADLINE = re.compile(r"(?:by|before|within|in|no later than|today|tomorrow)\b", re.IGNORECASE)
AT_THE_END = re.compile(rf",? (?:(?:at|by|before) )?{CLOCK.pattern}|", re.IGNORECASE)
# With one of these the day may be another thing's: "ask about a delivery by Friday", "hold it until tomorrow".
ANOTHERS = re.compile(
    r"\b(?:about|and|as|because|but|for|from|hold|if|keep|or|since|so|that|until|till|unless|when|where|whether|which|who)\b",
    re.IGNORECASE,
)


def promise_words(text: str, written_at: datetime, zone: ZoneInfo, *, month_first: bool = False) -> str:
    """What was promised, without who does it and by when; as it stands unless that is sure to say the same."""
    match = DOING.fullmatch(text.replace("’", "'").strip().rstrip(".!"))
    if match is None or re.search(r"[?!;]|\. ", match["what"]):
        return text
    what = match["what"]
    what = what[: day_at_end(what, written_at, zone, month_first)].rstrip(" ,")
    return what[0].upper() + what[1:]


def day_at_end(what: str, written_at: datetime, zone: ZoneInfo, month_first: bool) -> int:
    """Where the deadline begins that ends these words; their length when they end with none."""
    found = days_in(what, written_at.astimezone(zone), month_first)
    if len(found) != 1 or due_in(what, written_at, zone, month_first=month_first) is None:
        return len(what)
    day = best(what, found)
    rest = what[day.ends :]
    introduced = INTRODUCED.search(what[: day.begins])
    begins = introduced.start() if introduced else day.begins
    at_the_end = AT_THE_END.fullmatch(rest)
    is_sure = (
        at_the_end is not None
        and not at_the_end["name"]
        and (bool(rest) or clock_in(what) is None)
        and DEADLINE.match(what, begins)
        and not ANOTHERS.search(what[:begins])
        and len(what[:begins].split()) > 1
    )
    return begins if is_sure else len(what)
