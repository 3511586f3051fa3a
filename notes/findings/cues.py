"""What the wording of a sentence in a note tells beside its meaning: who does what, when, and whether it is refused.

Vectors of meaning hardly tell "I'll send it" from "she'll send it" and "I sent it"; a few words do. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WEIGHT = 0.5  # of one cue beside a unit vector, see bench/RESULTS.md

DAY = r"(?:mon|tues?|wed(?:nes)?|thurs?|thu|fri|sat(?:ur)?|sun)(?:day)?s?"
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
WHEN = (
    rf"\b(?:(?:by|on|before|until|till|next|this) (?:the )?(?:{DAY}|{MONTH}|end|week|month|noon|\d)|{DAY}\b"
    rf"|today|tonight|tomorrow|tmrw|tmr|tomo|this (?:afternoon|morning|evening|week)|next (?:week|month)"
    r"|in (?:a|an|one|two|three|\d+) (?:days?|weeks?|hours?|months?)|end of (?:the )?(?:day|week|month)"
    r"|eod|eow|asap|later|soon)\b"
)
US = (
    r"(?:i|we|somebody from (?:us|the team)|someone from (?:us|the team)|(?:my|our|a|the) (?:colleague"
    r"|fitter|technician"
    r"|team|workshop|joiner|driver|shop|boss|manager)s?(?: (?:of ours|\w+))?)"
)
THEM = (
    r"(?:she|he|they|(?:the |our )?(?:customer|client|carrier|courier|supplier|manufacturer|bank|insurer"
    r"|insurance|dhl|ups"
    r"|fedex|dpd|hermes|royal mail|tracking|site|website|system)|(?:mr|mrs|ms|dr)\.? \w+"
    r"|(?:her|his|their) [\w-]+(?: [\w-]+)?)"
)
DO = (
    r"(?:send|call|ring|phone|mail|e-?mail|write|post|check|ask|find|look|bring|drop|get|let|follow"
    r"|replace|refund|credit"
    r"|waive|hold|keep|put|collect|pick|book|rebook|repair|fix|cover|pay|confirm|deliver|sort|see|arrange"
    r"|reserve|tell|text"
    r"|forward|order|cancel|engrave|come|be|have|make|give|give|speak|talk|chase|report|update|prepare"
    r"|return|reply|answer"
    r"|throw|take|meet|visit|drive|remind|add|swap|exchange|lend|source|print|wrap|schedule|organi[sz]e"
    r"|measure|quote|ship|fwd|overnight|apply|loop|circle|expedite|escalate|knock|hand|carry|deal|do|try"
    r"|match|upgrade|mount|install|fetch|help|review|process|issue|transfer|work|start|double.?check)"
)
DOING = (
    r"(?:sending|calling|ringing|phoning|mailing|e-?mailing|writing|posting|checking|asking|getting|bringing|dropping"
    r"|meeting|booking|collecting|following|delivering|refunding|replacing|arranging|chasing|visiting"
    r"|texting|picking)"
)
AFFECTED = (
    r"(?:call|phone|ring|text|mail|e-?mail|contact|visit|news ?letter|catalogue|gift|present|freebie|sample|survey)"
)
KIN = (
    r"(?:son|daughter|child|children|kids?|boys?|girls?|twins|baby|toddler|husband|wife|partner"
    r"|fianc[ée]+e?|mother|mum|mom|father"
    r"|dad|parents?|brother|sister|grand(?:son|daughter|child|children|ma|pa|mother|father)|niece|nephew"
    r"|aunt|uncle|cousin"
    r"|family|dogs?|cats?|puppy|kitten|horses?|hens|pets?)"
)
POLITE = r"(?:pls|plz|please|kindly|important[:,]?|nb[:,]?|note[:,]?|but|and|so|also)"

CUES: dict[str, str] = {
    # Promises: who will do it, or did it already.
    "we will": (
        rf"\b{US}(?:['’]?ll| will| shall| am going to| are going to| is going to| want to)\b(?! (?:need|you"
        rf"|they)\b)|\b(?:i['’]?m|we['’]?re) (?:going to|to|{DOING})\b"
    ),
    "we said": (
        r"\b(?:i|we)(?: have|['’]ve)? (?:promise[ds]?|undert(?:ook|ake|aken)|guaranteed?|assured?|agreed"
        r"|committed|pledged?|owe|offered)\b|\b(?:i|we) (?:said|told)\b|\b(?:i|we) gave \w+ (?:my|our) word\b"
        r"|\bmy word\b"
    ),
    "we would": r"\b(?:that )?(?:i|we)(?:['’]d| would)\b",
    "said, by the writer": (
        r"^(?:have |i |we )?(?:promised|promise|told|let \w+ know|pledged|undertook|said|assured|agreed"
        r"|guaranteed|committed|offered|confirmed|gave)\b(?! (?:by|delivery date|date|us|me)\b)"
    ),
    "will, without a name": (
        rf"^(?:[\w ]{{1,18}}[:,–-] )?(?:will|shall|'ll|to|going to|need to|must|have to|remember to|got to"
        rf"|gotta) {DO}\b"
    ),
    "told to do": rf"^{DO}\b(?! (?:was|is|were|did|on hold|number|placed)\b)",
    "doing": rf"^{DOING}\b",
    "they will": (
        rf"(?:^|\b(?:said|says|that|and|but|told (?:me|us)) ){THEM}(?:['’]?ll| will| shall|['’]d| would| may"
        rf"| might| is going to| are going to|['’]s going to| should)\b"
    ),
    "they said": rf"^{THEM} (?:promise[sd]?|agreed|offered|guarantees?d?|said|says|claims?|told (?:me|us)|told us)\b",
    "it will": r"\b(?:it|this|that|replacement|parcel|order|delivery)(?:['’]?ll| will| should)\b",
    "by us": (
        r"\bby us\b|\bfrom (?:us|me)\b|\bour side\b|\bon (?:us|me)\b|\bhear from\b|\bfor free\b"
        r"|\bfree of charge\b|\bat no (?:cost|charge)\b|\bfor nothing\b"
    ),
    "was promised": (
        r"\b(?:was|were|been|be) (?:promised|told|assured)\b|\bpromises?\b(?! (?:her|him|them|to)\b)"
        r"|\bpromised (?:delivery|date)\b"
    ),
    "when": WHEN,
    "done": (
        r"\b(?:yesterday|last (?:week|month|year|time|night)|ago|already|has been|have been|was|were|had|did"
        r"|went|came)\b|^(?:sent|called|rang|refunded|replaced|paid|ordered|returned|received|delivered|asked"
        r"|explained|showed|gave|got|tried|left|spoke|cancelled|checked|wanted|complained|forgot|bought|took"
        r"|picked|updated)\b|\b(?:i|we) (?:\w+ed|sent|kept|rang|did|went|took|got|made|had)\b"
    ),
    "as promised": r"\bas (?:promised|agreed|announced)\b",
    "nothing sure": (
        r"\b(?:if|whether|maybe|perhaps|might|could|would|hopes?|wishes we|expects?|wonder(?:s|ed)?|doubts?"
        r"|unsure|not sure)\b"
    ),
    # Boundaries: what is refused.
    "do not": (
        rf"^(?:\w+ ?[:,] )?(?:{POLITE} )?(?:do not|don['’]?t|dont|never|stop|quit|no more|zero|under no"
        rf"|by no means|avoid|refrain|remove|take \w+ off|unsubscribe|leave \w+ (?:alone|in peace)|not to be"
        rf"|must not|may not)\b"
    ),
    "no": rf"^(?:\w+ ?[:,] )?(?:{POLITE} )?no [\w-]+|\bnothing\b|\bwithout\b",
    "wants none": (
        r"\b(?:(?:does|do|did|would|will)(?: not|n['’]?t)|won['’]?t|doesnt|dont|never|not|no longer) (?:want"
        r"|wish|accept|like|care|take|be|to be|have|agree|consent|allow|call|ring|send|phone|contact"
        r"|tolerate)\b"
    ),
    "asked us not to": (
        r"\b(?:asked?|told|said|asks|tells|says|requests?(?:ed)?|insists?|prefers?|wants?|begged"
        r"|wrote)\b.{0,25}\b(?:not to|never|to stop|stop|that we (?:don['’]?t|do not|stop|never)|no (?:more"
        r"|longer)|should stop|be left alone|be left in peace)\b"
    ),
    "refuses": (
        r"\b(?:refuses?|declines?|objects?|forbids?|forbidden|forbade|opts? out|opted out|withdr[ae]w"
        r"|unwelcome|off limits|taboo|not allowed|embarrass\w*|uncomfortable|private|confidential|secret)\b"
    ),
    "from now on": (
        r"\b(?:any ?more|ever|again|from now on|in (?:the )?future|at all|any longer|under any circumstances"
        r"|on principle|until|after \d|before \d|after (?:six|seven|eight|nine|ten|five|four)|before (?:six"
        r"|seven|eight|nine|ten|noon))\b"
    ),
    "contact or gift": (
        rf"\b{AFFECTED}s?\b|\b(?:calling|ringing|phoning|texting|mailing|marketing|advertising|promotions?"
        rf"|upsell\w*|cross-?sell\w*|up-?sold|deliver(?:y|ies)|parcels?|visits?|bell)\b"
    ),
    "no contact or gift": (
        rf"\b(?:no|not|never|don['’]?t|dont|doesn['’]?t|stop(?:ped)?|without|zero|nobody"
        rf"|nothing)\b.{{0,30}}\b{AFFECTED}(?:s|ed|ing)?\b"
    ),
    # Preferences: what is liked, as a habit.
    "likes": (
        r"\b(?:prefers?|preferred|pref|likes?|loves?|enjoys?|favou?rs?|favou?rite|fav|rather|sooner|fond|keen"
        r"|fan|taste|appreciates?|values?|suits?|ideal|best|adores?|crazy|mad about|into|partial|weakness"
        r"|soft spot|goes for|opts? for|swears by|insists?|hates?|dislikes?|can['’]?t stand|not keen"
        r"|happy (?:with|to)|fine with|ok with|okay with|leans?|tends?|picky|sweet tooth)\b"
    ),
    "always": (
        r"\b(?:always|usually|mostly|only|every time|each time|whenever|as a rule|normally|regularly|often"
        r"|if possible|typically|by default)\b"
    ),
    "liked once": (
        r"\b(?:used to|back then|in the past|in earlier years|formerly|once (?:liked|preferred)|no longer"
        r"|liked|loved|had preferred)\b"
    ),
    "this time": (
        r"\b(?:this (?:time|once|one)|ordered|bought|chose|took|the (?:last|first|second|quick|driver"
        r"|replacement))\b"
    ),
    "nobody's taste": (
        r"^(?:i|we|our|my|many|most|some|the (?:store|shop|carrier|neighbour|driver|manager)|carrier|(?:her"
        r"|his|their) (?:sister|brother|husband|wife|neighbour|mother|friend|son|daughter|colleague)[\w-]*"
        r"|people|customers) (?:\w+ )?(?:prefers?|likes?|loves?|would rather|always|never)\b"
    ),
    # Facts: somebody's life.
    "kin": rf"\b{KIN}\b",
    "kin first": rf"^(?:(?:her|his|their|the|a|two|three|new|first|has|got) )*{KIN}\b",
    "life": (
        r"\b(?:birthday|bday|b-day|born|wedding|married|marry|marrying|engaged|anniversary|divorced?|widow\w*"
        r"|pregnant|expecting|adopted|promoted|promotion|rescued|surgery|passed away|hospital|retire[ds]?"
        r"|retirement|retiring|pension\w*|moving|moved|moves|holidays?|trip|travels?|vacation|school"
        r"|university|uni|college|exams?|studies|studying|teaches|teacher|nurse|doctor|engineer|job|works as"
        r"|hobby|hobbies|plays?|sings?|choir|marathon|football|garden\w*|allotment|house|flat|cottage|grew up"
        r"|originally|comes from|owns|runs a|bakery|café|volunteers?|collects|learning|training for|lives)\b"
    ),
    "goods": (
        r"\b(?:order(?:ed|s)?|parcel|deliver(?:y|ed|ies)|invoice|refund(?:ed)?|return(?:ed)?|payment|paid"
        r"|voucher|discount|account|stock|price|quote|warranty|guarantee|shipped|carrier|courier|driver|sofa"
        r"|lamp|chair|table|bed|box|sample|fitting|fitter|replacement|tracking|damaged|scratch|broken|sold out"
        r"|system)\b"
    ),
    "ours": r"^(?:my|our|the|their|a|we|i)\b",
    "please do": (
        rf"^(?:{POLITE} )(?:\w+)\b|^(?:use|leave|put|address|deliver|write|text|reach|contact|parcels?"
        rf"|letters?) "
    ),
    "their words": (
        r"[\"“”]|,? (?:she|he|they|customer) (?:said|says|wrote|told|tells)\b|^(?:she|he|they) (?:said|says"
        r"|told)"
    ),
    # What is none of them.
    "question": (
        r"\?\s*[\"”']?\w{0,4}|^(?:did|does|do|is|are|was|were|can|could|will|would|shall|should|who|what|which"
        r"|when|where|why|how|may|has|have) (?:he|she|they|we|i|you|it|the|her|his)\b"
    ),
    "asks": r"\b(?:asked|asks|wanted|wants) (?:to know|whether|if|about|how|for|me|why)\b|\bfind out\b|\bquestion\b",
    "neighbour": (
        r"\b(?:neighbou?rs?|sister(?:-in-law)?|friend|colleagues?|somebody else|other customers?"
        r"|another customer|courier|driver)\b"
    ),
    "happened": r"^(?:\w+ ){0,3}(?:was|were|had|did|got|came|went|called|rang|arrived|asked|ordered|complained)\b",
}
COMPILED = tuple(re.compile(pattern, re.IGNORECASE) for pattern in CUES.values())


def cues(texts: Sequence[str]) -> NDArray[np.float64]:
    """Which cues each text has: shape (len(texts), number of cues), WEIGHT or 0."""
    return WEIGHT * np.array([[bool(cue.search(text)) for cue in COMPILED] for text in texts], np.float64)
