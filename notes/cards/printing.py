"""Which cards go onto paper now: approved ones whose parcel can still take them, in the packers' order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from console.db import db, utc_now
from notes.cards.models import CardState, DeliveryCard, Paper
from notes.cards.packing_queue import LEAVES, SLIP, TO_DO, Slip, slip_of
from notes.cards.sheets import Layout, Sheet, Written, by_hand, pdf_of, sheets

AT_ONCE = 200  # cards that are printed together


@dataclass(frozen=True)
class Stack:
    """A stack to print."""

    cards: Sequence[Written]
    hindered: Sequence[tuple[str, str]]  # an order's number, and why its card does not go
    is_cut_off: bool  # there are more than are printed at once
    made_at: datetime  # the last approval, so that the same stack makes the same file

    @property
    def papers(self) -> dict[Paper, int]:
        """How many cards there are of each size. Each is printed by itself, as its paper lies in the printer."""
        return {paper: number for paper in Paper if (number := sum(card.paper is paper for card in self.cards))}

    def only(self, paper: Paper) -> Stack:
        return replace(self, cards=[card for card in self.cards if card.paper is paper])

    def pages(self, layout: Layout) -> list[Sheet]:
        return sheets(self.cards, layout)

    @property
    def by_hand(self) -> list[Written]:
        return by_hand(self.cards)

    def pdf(self, layout: Layout, title: str) -> bytes:
        return pdf_of(self.pages(layout), title, self.made_at, with_key=layout is Layout.A4)


def stack(card_ids: Sequence[int] = ()) -> Stack:
    """These cards, or every approved one, what leaves first first; written ones only when they are asked for."""
    wanted = DeliveryCard.id.in_(card_ids[:AT_ONCE]) if card_ids else DeliveryCard.state == CardState.APPROVED
    query = SLIP.where(wanted, DeliveryCard.state.in_(TO_DO)).order_by(LEAVES, DeliveryCard.id).limit(AT_ONCE + 1)
    slips = [slip_of(row) for row in db.session.execute(query)]
    ready = [slip for slip in slips[:AT_ONCE] if not slip.hindrance]
    return Stack(
        cards=[
            Written(
                slip.card.id, slip.card.order.number, slip.name, slip.card.body, slip.card.paper, slip.card.language
            )
            for slip in ready
        ],
        hindered=[(slip.card.order.number, slip.hindrance) for slip in slips[:AT_ONCE] if slip.hindrance],
        is_cut_off=len(slips) > AT_ONCE or len(card_ids) > AT_ONCE,
        made_at=max((slip.card.approved_at for slip in ready if slip.card.approved_at), default=utc_now()),
    )


def written_on(slip: Slip) -> Written:
    card = slip.card
    return Written(card.id, card.order.number, slip.name, card.body, card.paper, card.language)
