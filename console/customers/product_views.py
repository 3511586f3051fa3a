"""What the shop sells: looked up while somebody asks about it."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, and_, or_, select, tuple_

from console.auth.permissions import Permission, requires
from console.customers.models import Product
from console.db import db
from console.web import id_argument

bp = Blueprint("products", __name__, url_prefix="/products")

LISTED = 50


@bp.get("")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    q = request.args.get("q", "").replace("\0", "").strip()[:120]
    after = db.session.get(Product, id_argument("after") or 0)
    products = db.session.scalars(matching(q, after).limit(LISTED + 1)).all()
    return render_template(
        "products/index.html", products=products[:LISTED], q=q, more=len(products) > LISTED, after=after
    )


@bp.get("/<int:product_id>")
@requires(Permission.SEE_CUSTOMER)
def show(product_id: int) -> ResponseReturnValue:
    return render_template("products/show.html", product=db.get_or_404(Product, product_id))


def matching(q: str, after: Product | None) -> Select[Product]:
    """By name, from `after` on; `q` is the beginning of an article number, or words of the name."""
    query = select(Product).order_by(Product.name, Product.id)
    if after:
        query = query.where(tuple_(Product.name, Product.id) > (after.name, after.id))
    if q:
        words = [Product.name.icontains(word, autoescape=True) for word in q.split()[:6]]
        query = query.where(or_(Product.sku.istartswith(q, autoescape=True), and_(*words)))
    return query
