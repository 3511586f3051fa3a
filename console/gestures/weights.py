"""Every number by which gestures are ranked. Change MODEL with them: each logged list names it."""

from __future__ import annotations

from datetime import timedelta

MODEL = "rules-4"
LEARNED = "learned-1"  # the same, re-ordered by what came of them

# Points of a score, of about 100.
FIT = 30
OCCASION = 20
VALUE = 20
RECOVERY = 15  # of the right size, after a failure
NOVELTY = 10
EASE = 5  # nothing more has to be known or done
FATIGUE = -15
SCARCITY = -10  # the day's budget is going faster than the day
OVERLOOKED = 3  # a customer of long standing who was never given anything

SHOWN = 3
THRESHOLD = 35  # below it a thank-you is better than something weak
NEAR = 5  # points within which two are equally good, and the smaller goes first
NAMED = 0.8  # how well a gesture answers a fact that the catalogue names for it
TIRING = 3  # gestures in 90 days
RECENT = timedelta(days=90)
CALL_AGAIN = timedelta(days=7)
SURPRISE = 8  # of 100 conversations may have something suggested for no reason, lest it be expected: to begin with
SURPRISED = timedelta(days=7)  # over which they are counted
ALWAYS = 3  # in that time, however few the conversations
BASKET_AGAIN = timedelta(days=180)
HALF_LIFE = timedelta(days=180)  # of what somebody bought, as a sign of what they like
LONG_STANDING = timedelta(days=730)

# Learning: a Beta belief for each gesture, occasion and life-cycle stage, drawn towards its kind's and the score.
BAND = 15  # points within which what was learned may change the order
STRENGTH = 15.0  # outcomes that the belief before them is worth
FLOOR = 0.05  # the share of lists whose order within the band is left to chance, so that learning never ends
ENOUGH = 300  # outcomes before anything is re-ordered
DEAREST = 1.5  # of the cost that the rules put first: nothing dearer is lifted to the top
DRAWS = 200  # by which the chance of an order is estimated

# What an outcome is worth, 0 to 1; what is not known is left out and the rest counts for more.
ACCEPTED = 0.4
SATISFIED = 0.4  # the survey gave 5 of 5
SETTLED = 0.2  # no other conversation within 14 days
