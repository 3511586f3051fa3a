"""How the use of an article reads on the timeline; the knowledge base itself knows of no customers."""

from __future__ import annotations

from flask import url_for

from console.customers.timeline import Line, describes
from console.events import Event
from knowledge.models import Article


@describes(Article)
def article_line(event: Event, article: Article) -> Line | None:
    titles = {"article.linked": "Article used", "article.unlinked": "Article not used after all"}
    if event.kind not in titles:
        return None
    url = url_for("knowledge.article", slug=article.slug)
    return Line("book-open", titles[event.kind], article.title, url, "talk")
