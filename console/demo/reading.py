"""The demo shop as its files tell it: tables in YAML, articles in Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from console.demo.days import Days
from knowledge.drafts import Draft
from knowledge.models import ArticleState, Audience

SHOP = Path(__file__).parent / "shop"
DOMAIN = "larchandlantern.example"
SOURCE = "larch-and-lantern"  # where customers, products, orders and conversations say they come from
FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n(.*)", re.DOTALL)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there


@dataclass(frozen=True)
class Ware:
    """One thing that is sold. `said` is what people call it."""

    sku: str
    name: str
    said: str
    price: int  # pence
    category: str

    @property
    def goes_by_van(self) -> bool:
        return self.category == "Furniture" and self.sku != "FU-SWAT"

    @property
    def is_service(self) -> bool:
        return self.category == "Services"


@cache
def table(name: str) -> Any:
    """One file of the shop, parsed."""
    return parsed((SHOP / f"{name}.yaml").read_text(encoding="utf-8"))


def parsed(text: str) -> Any:
    return yaml.load(text, LOADER)  # noqa: S506  a safe loader either way


def wares() -> dict[str, Ware]:
    return {sku: Ware(sku, *values) for sku, values in table("products").items()}


@cache
def conversations() -> list[dict[str, Any]]:
    """The conversations written out in full, by key."""
    files = sorted((SHOP / "conversations").glob("*.yaml"))
    return [parsed(file.read_text(encoding="utf-8")) for file in files]


def articles(days: Days) -> list[Draft]:
    """The knowledge base, its days counted back from today. The file's name is the external id."""
    return [article(file, days) for file in sorted((SHOP / "articles").glob("*.md"))]


def article(file: Path, days: Days) -> Draft:
    match = FRONT_MATTER.match(file.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{file.name} has no front matter")
    meta, body = parsed(match[1]), match[2].strip()
    verified = meta.get("verified_days_ago")
    return Draft(
        external_id=file.stem,
        title=meta["title"],
        body=body,
        language=meta["language"],
        audience=Audience(meta["audience"]),
        state=ArticleState(meta["state"]),
        labels=tuple(meta["labels"]),
        owner=f"{meta['owner']}@{DOMAIN}",
        updated_at=days.at(meta["updated_days_ago"], "09:40"),
        verified_at=days.at(verified, "10:15") if verified is not None else None,
        verify_by=days.today + timedelta(days=meta["verify_by_days"])
        if meta.get("verify_by_days") is not None
        else None,
    )
