"""Turns in which a customer says nothing that an article could answer: they thank, wait, spell their name. Pure.

Passed over, what was asked before stays asked: the help pane does not change because somebody looks for a pen.
Where it is not plain that a turn says nothing, it counts.
"""

from __future__ import annotations

import re

from knowledge.conversation import telling

LONGEST = 200  # characters; whoever says more says something
# Said of anything, and never the name of something that a shop sells: "the glasses" may answer what was asked.
COMMON = """
again let lets see look looking get getting got gonna gotta go going come came coming back here there still while now
then one two three few bit sec secs second seconds minutes know knew think thought guess suppose mean means say saying
said tell told heard hear hearing listening speaking talking sound sounds appreciate appreciated grateful really very
much nice brilliant super wonderful excellent amazing grand happy glad kind helpful helped sweet love bear patient
patience rush hurry worries bother yourself thing something anything everything way bless ta cheerio hang grab fetch
find finding ready take took taking give giving want wanted try trying put make sense fair enough agreed course
absolutely definitely certainly indeed quite yup yeh ya aye mhm mm uh um er erm lol haha
"""
SAYS_NOTHING = frozenset(COMMON.split())
DENIES = re.compile(r"\b(not|never|no longer|cannot)\b|n['’]t\b", re.IGNORECASE)
UNSURE = re.compile(r"\b(do not|don['’]?t) (know|think so|worry|mind)\b", re.IGNORECASE)
# What an agent asks of everybody: the order's number, a name, a postcode.
TELLS_WHO = re.compile(
    r"\b((order|account|customer|reference|phone|mobile|tracking) (number|no|code|id)|(first|last|full|sur)?\s?name"
    r"|post ?code|e-?mail( address)?|date of birth)\s*('s|’s|is|was|:)\s",
    re.IGNORECASE,
)
DATA = re.compile(r"\S*[\d@]\S*")  # numbers, addresses
SPELT = re.compile(r"(\b\w\b[\s.,-]+){3,}\b\w\b")  # M E R C E R


def says_nothing(text: str) -> bool:
    """Whether no article can be about it: nothing is asked, denied or named in it."""
    if len(text) > LONGEST or "?" in text:
        return False
    said = UNSURE.sub(" ", text)
    if DENIES.search(said):
        return False
    if SPELT.search(said) or TELLS_WHO.search(said):
        return True
    return telling(DATA.sub(" ", said)) <= SAYS_NOTHING
