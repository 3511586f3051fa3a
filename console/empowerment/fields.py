"""The facts that rules may speak of, each with what a person calls it, where it comes from and how it reads."""

from __future__ import annotations

from console.empowerment.rules import Field, Type

STAGES = {
    "prospect": "prospect",
    "new": "new",
    "developing": "developing",
    "loyal": "loyal",
    "champion": "champion",
    "at_risk": "at risk",
    "lapsed": "lapsed",
    "won_back": "won back",
}
TIERS = {"standard": "standard", "silver": "silver", "gold": "gold"}
BANDS = {"low": "low", "middle": "middle", "high": "high", "top": "top"}
OCCASIONS = {"recovery": "after a failure", "delight": "for no reason"}
CHANNELS = {"phone": "phone", "chat": "chat", "email": "e-mail", "visit": "visit", "web": "web"}


def registry(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


def how_many(name: str, label: str, source: str, unit: str, one: str) -> Field:
    """A count: "orders in 12 months", of which one is an "order in 12 months"."""
    return Field(name, Type.NUMBER, label, source, unit, says=f"with {{}} {label}", one=one)


def last_of(name: str, one: str, source: str) -> Field:
    """The moment of the last order: how long it is past, and whether there was one lately."""
    return Field(
        name,
        Type.DAYS_SINCE,
        f"last {one}",
        source,
        "days",
        says=f"whose last {one} was {{}} ago",
        one=one,
        happens=True,
    )


def rank(name: str, what: str) -> Field:
    """One to five among all customers with an order."""
    source = "orders, against all customers"
    return Field(name, Type.NUMBER, f"{what}, 1 to 5", source, freshness="daily", says=f"with a {what} of {{}}")


# Columns of customer_facts.
CUSTOMER = registry(
    Field(
        "tier",
        Type.CHOICE,
        "loyalty tier",
        "the customer's page",
        choices=TIERS,
        says="with tier {}",
        no="with a tier other than {}",
    ),
    Field(
        "stage",
        Type.CHOICE,
        "life-cycle stage",
        "orders and their dates",
        choices=STAGES,
        freshness="daily",
        says="at the stage {}",
        no="at a stage other than {}",
    ),
    Field(
        "country",
        Type.TEXT,
        "country",
        "the customer's page",
        says="with the country {}",
        no="with a country other than {}",
    ),
    Field(
        "language",
        Type.TEXT,
        "language",
        "the customer's page",
        says="speaking {}",
        no="speaking another language than {}",
    ),
    Field(
        "is_business",
        Type.FLAG,
        "business customer",
        "belongs to an account",
        says="who buy for a business",
        no="who buy for themselves",
    ),
    Field(
        "marketing_consent",
        Type.FLAG,
        "agreed to marketing",
        "the customer's consents",
        says="who agreed to marketing",
        no="who refused marketing",
    ),
    Field(
        "no_gifts",
        Type.FLAG,
        "asked for no gifts",
        "boundaries",
        says="who asked for no gifts",
        no="who did not ask for no gifts",
    ),
    Field(
        "customer_since",
        Type.DAYS_SINCE,
        "time as a customer",
        "the customer's page, or the first order",
        "days",
        says="who have been customers for {}",
    ),
    Field(
        "first_order_at",
        Type.DAYS_SINCE,
        "first order",
        "orders",
        "days",
        says="whose first order was {} ago",
        one="first order",
        happens=True,
    ),
    last_of("last_order_at", "order", "orders"),
    how_many("orders_all", "orders ever", "orders", "orders", "order ever"),
    how_many("orders_12m", "orders in 12 months", "orders", "orders", "order in 12 months"),
    how_many("orders_90d", "orders in 90 days", "orders", "orders", "order in 90 days"),
    Field("spent_12m", Type.MONEY, "spent in 12 months", "orders", says="with {} spent in 12 months"),
    Field("spent_all", Type.MONEY, "spent ever", "orders", says="with {} spent ever"),
    Field("average_order", Type.MONEY, "average order", "orders", says="with an average order of {}"),
    how_many("returns_12m", "orders sent back in 12 months", "orders", "orders", "order sent back in 12 months"),
    how_many("late_90d", "late deliveries in 90 days", "deliveries", "deliveries", "late delivery in 90 days"),
    Field(
        "worst_delay_days",
        Type.NUMBER,
        "worst delay in 90 days",
        "deliveries",
        "days",
        says="with a delivery {} late in 90 days",
        no="without a late delivery in 90 days",
    ),
    how_many("open_complaints", "open complaints", "complaints", "complaints", "open complaint"),
    how_many("complaints_12m", "complaints in 12 months", "complaints", "complaints", "complaint in 12 months"),
    last_of("last_complaint_at", "complaint", "complaints"),
    how_many(
        "interactions_14d", "conversations in 14 days", "conversations", "conversations", "conversation in 14 days"
    ),
    how_many(
        "unresolved_14d",
        "unsolved conversations in 14 days",
        "wrap-ups",
        "conversations",
        "unsolved conversation in 14 days",
    ),
    how_many(
        "interactions_90d", "conversations in 90 days", "conversations", "conversations", "conversation in 90 days"
    ),
    last_of("last_interaction_at", "conversation", "conversations"),
    how_many("broken_promises", "broken promises", "promises", "promises", "broken promise"),
    Field(
        "open_basket",
        Type.FLAG,
        "left a basket in the last 14 days",
        "the shop's site",
        says="who left a basket in the last 14 days",
        no="who left no basket in the last 14 days",
    ),
    Field("csat_last", Type.NUMBER, "last survey score", "surveys", "of 5", says="with a last survey score of {}"),
    Field(
        "csat_average",
        Type.NUMBER,
        "average survey score",
        "surveys",
        "of 5",
        says="with an average survey score of {}",
        decimals=2,
    ),
    last_of("last_gesture_at", "gesture", "the ledger"),
    how_many("gestures_90d", "gestures in 90 days", "the ledger", "gestures", "gesture in 90 days"),
    how_many("gestures_12m", "gestures in 12 months", "the ledger", "gestures", "gesture in 12 months"),
    Field(
        "gesture_cost_12m",
        Type.MONEY,
        "cost of gestures in 12 months",
        "the ledger",
        says="with gestures for {} in 12 months",
    ),
    how_many(
        "gestures_declined_12m",
        "gestures declined in 12 months",
        "the ledger",
        "gestures",
        "gesture declined in 12 months",
    ),
    how_many(
        "reversals_12m", "gestures taken back in 12 months", "the ledger", "gestures", "gesture taken back in 12 months"
    ),
    rank("rfm_recency", "recency"),
    rank("rfm_frequency", "frequency"),
    rank("rfm_monetary", "spending"),
    Field(
        "is_drifting",
        Type.FLAG,
        "orders less often than usual",
        "orders and their dates",
        freshness="daily",
        says="who order less often than usual",
        no="who order as often as usual",
    ),
    Field(
        "value_band",
        Type.CHOICE,
        "expected value",
        "orders and tier",
        choices=BANDS,
        freshness="daily",
        is_sensitive=True,
    ),
)

# What is known of the conversation going on; how it reads follows "when".
INTERACTION = registry(
    Field("occasion", Type.CHOICE, "occasion", choices=OCCASIONS, says="the gesture is {}", no="the gesture is not {}"),
    Field("minutes", Type.NUMBER, "minutes so far", unit="minutes", says="they have talked for {}"),
    Field(
        "worst_delay_days",
        Type.NUMBER,
        "days a delivery is late",
        unit="days",
        says="a delivery is {} late",
        no="no delivery is late",
    ),
    Field(
        "talks_14d",
        Type.NUMBER,
        "conversations in 14 days, this one included",
        unit="conversations",
        says="there were {} in 14 days, this one included",
    ),
)
# What a rule about eligibility may ask.
ASKABLE = {name: field for name, field in CUSTOMER.items() if not field.is_sensitive}
