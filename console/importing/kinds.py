"""Every kind of file that can be imported, in the order in which the kinds build on each other."""

from __future__ import annotations

from console.importing.memory import BOUNDARIES, EVENTS, NOTES, PREFERENCES
from console.importing.people import CUSTOMERS
from console.importing.saving import Kind
from console.importing.shop import ORDER_LINES, ORDERS, PRODUCTS
from console.importing.talk import INTERACTIONS, UTTERANCES

ALL = (
    CUSTOMERS,
    PRODUCTS,
    ORDERS,
    ORDER_LINES,
    INTERACTIONS,
    UTTERANCES,
    NOTES,
    PREFERENCES,
    BOUNDARIES,
    EVENTS,
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in ALL}
