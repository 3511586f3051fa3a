"""How orders, web events, preferences and complaints read on the timeline."""

from __future__ import annotations

from flask import url_for
from sqlalchemy import func, select

from console.customers.models import Boundary, Complaint, Customer, Order, OrderLine, Preference, WebEvent
from console.customers.timeline import Line, describes
from console.events import Event
from console.web import count, money

FIRST_LINE = (
    select(OrderLine.name)
    .where(OrderLine.order_id == Order.id)
    .order_by(OrderLine.id)
    .limit(1)
    .correlate(Order)
    .scalar_subquery()
)
LINE_COUNT = select(func.count(OrderLine.id)).where(OrderLine.order_id == Order.id).correlate(Order).scalar_subquery()
STEPS = {
    "order.placed": ("shopping-bag", "placed", ""),
    "order.shipped": ("truck", "on its way", ""),
    "order.delivered": ("package", "delivered", ""),
    "order.cancelled": ("circle-x", "cancelled", ""),
    "order.returned": ("undo-2", "returned", ""),
    "order.refunded": ("undo-2", "refunded", ""),
}


@describes(Order, FIRST_LINE, LINE_COUNT)
def order_line(event: Event, order: Order, first: str | None, lines: int) -> Line:
    icon, step, tone = STEPS.get(event.kind, ("package", event.kind.partition(".")[2].replace("_", " "), ""))
    late = int(event.data.get("late_days") or 0)
    what = f"{first} and {count(lines - 1, 'other item')}" if first and lines > 1 else first
    return Line(
        icon,
        f"Order {order.number} {step}" + (f", {count(late, 'day')} late" if late else ""),
        " · ".join(part for part in (what, money(order.total)) if part),
        url_for("customers.order", customer_id=order.customer_id, order_id=order.id),
        "broken" if late else tone,
    )


WEB = {"cart_abandoned": ("shopping-cart", "Basket left"), "review": ("star", "Review"), "survey": ("gauge", "Survey")}


@describes(WebEvent)
def web_line(event: Event, seen: WebEvent) -> Line:
    icon, name = WEB.get(seen.kind, ("globe", seen.kind.replace("_", " ").capitalize()))
    title = f"{name}: {seen.title}" if seen.title else name
    return Line(icon, title, str(seen.data.get("detail") or ""), tone="signal")


CHANGES = {"added": "Noted", "confirmed": "Confirmed", "corrected": "Corrected", "removed": "Removed"}


@describes(Preference)
def preference_line(event: Event, preference: Preference) -> Line:
    change = CHANGES[event.kind.partition(".")[2]]
    return Line("heart", f"{change}: {preference.text}", f"preference, {preference.provenance}")


@describes(Boundary)
def boundary_line(event: Event, boundary: Boundary) -> Line:
    change = CHANGES[event.kind.partition(".")[2]]
    return Line("hand", f"{change}: {boundary.title}", boundary.text if boundary.text != boundary.title else "boundary")


@describes(Complaint)
def complaint_line(event: Event, complaint: Complaint) -> Line:
    if event.kind == "complaint.settled":
        return Line("circle-check", "Complaint settled", complaint.text, tone="good")
    return Line("triangle-alert", "Complaint", complaint.text, tone="complaint")


@describes(Customer)
def customer_line(event: Event, customer: Customer) -> Line | None:
    return Line("user-plus", "Became known to us") if event.kind == "customer.created" else None
