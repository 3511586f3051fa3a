"""What every index of the articles answers, whichever engine keeps it: nearby passages under filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.models import ArticleState, Audience

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = np.zeros(0, np.int64)  # of passages
LISTED = 40  # languages, labels and owners that filters offer


@dataclass(frozen=True)
class Filters:
    """What a search may find; None and "" leave it open. Unless drafts are asked for, only what is published.

    `labels_any`: only articles with one of these labels, whatever their case; the empty set finds nothing.
    `state`: None finds every state. What has expired is not found as published.
    """

    language: str = ""  # en also finds en-US
    audience: Audience | None = None
    label: str = ""
    owner_id: int | None = None
    labels_any: frozenset[str] | None = None
    state: ArticleState | None = ArticleState.PUBLISHED

    def __bool__(self) -> bool:
        return self != UNFILTERED

    @property
    def primary_language(self) -> str:
        return primary(self.language)


UNFILTERED = Filters()


def primary(language: str) -> str:
    """en for en-US."""
    return language.partition("-")[0].casefold()


@dataclass(frozen=True)
class Nearby:
    """Passages, arrays of shape (n,), and what belongs to their articles, each once: arrays of shape (m,)."""

    passage_ids: Numbers
    cosines: Vectors  # of the passage to the question
    places: Numbers  # of its article below
    article_ids: Numbers
    titles: Vectors  # of the article's title to the question
    standing: Vectors  # what use says of the article, -1 to 1
    verified: Flags  # the article is verified, and not overdue

    def __len__(self) -> int:
        return len(self.passage_ids)

    @property
    def owners(self) -> Numbers:
        """The article of each passage, of shape (n,)."""
        return self.article_ids[self.places]


class Moment(Protocol):
    """The articles at one moment. A search asks one moment alone, without a lock."""

    @property
    def is_empty(self) -> bool: ...

    @property
    def dimensions(self) -> int:
        """Of the vectors; 0 while there are none."""

    @property
    def languages(self) -> Sequence[str]:
        """Of what is published, without regions: the most frequent first."""

    @property
    def labels(self) -> Sequence[str]:
        """Of what is published: the most frequent, by name."""

    @property
    def owners(self) -> Sequence[int]:
        """The users who own articles of any state: the busiest first."""

    def nearest(
        self, vector: Vectors, filters: Filters, count: int, also: Callable[[], Numbers] | None = None
    ) -> Nearby:
        """The `count` passages nearest to a unit vector of shape (dimensions,) that `filters` allow, best first.

        Behind them those of `also`, asked for late, that are there, allowed and not among them, in their order. The
        session is not used before `also` has answered, so another thread may have it until then.
        """

    def of_passages(self, passage_ids: Numbers, filters: Filters) -> Nearby:
        """Those of some passages that are there and allowed, in their order; nothing compared, all cosines 0."""

    def articles(self, filters: Filters, count: int) -> list[int]:
        """The ids of at most `count` articles that `filters` allow, the ones changed last first."""


class Index(Protocol):
    def fresh(self, seen: int | None = None) -> Moment:
        """This moment: with everything that is committed by now, and nothing that is not.

        `seen`: the revision of the articles that the caller has just read, if it has.
        """
