"""The kinds of gesture and the two reasons for one. Plain, so that pure modules can use them."""

from __future__ import annotations

from enum import StrEnum


class GestureKind(StrEnum):
    ADDON = "addon"
    UPGRADE = "upgrade"
    CREDIT = "credit"
    DISCOUNT = "discount"
    FEE_WAIVER = "fee_waiver"
    SAMPLE = "sample"
    HANDWRITTEN_CARD = "handwritten_card"
    EXPEDITED_SHIPPING = "expedited_shipping"
    DONATION = "donation"
    EXTENDED_TERM = "extended_term"
    PRIORITY_ACCESS = "priority_access"
    HUMAN_FOLLOWUP = "human_followup"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    GestureKind.ADDON: "Add-on",
    GestureKind.UPGRADE: "Upgrade",
    GestureKind.CREDIT: "Credit",
    GestureKind.DISCOUNT: "Discount",
    GestureKind.FEE_WAIVER: "Fee waived",
    GestureKind.SAMPLE: "Sample",
    GestureKind.HANDWRITTEN_CARD: "Handwritten card",
    GestureKind.EXPEDITED_SHIPPING: "Faster delivery",
    GestureKind.DONATION: "Donation",
    GestureKind.EXTENDED_TERM: "Longer term",
    GestureKind.PRIORITY_ACCESS: "First in line",
    GestureKind.HUMAN_FOLLOWUP: "Call back",
}


class Occasion(StrEnum):
    RECOVERY = "recovery"  # after a failure
    DELIGHT = "delight"  # for no reason

    @property
    def label(self) -> str:
        return "After a failure" if self is Occasion.RECOVERY else "For no reason"
