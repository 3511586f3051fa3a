"""Articles, the passages that are embedded and found, and how they were used."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.db import Base, enum_column, utc_now


class ArticleState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class Audience(StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"  # may be told to the customer


class Article(Base):
    """A knowledge-base article. `body` is Markdown; passages are cut from it."""

    __tablename__ = "articles"
    __table_args__ = (UniqueConstraint("source", "external_id"), Index(None, "state"))

    source: Mapped[str] = mapped_column(String(80), default="")
    external_id: Mapped[str] = mapped_column(String(300))  # path or id within its source
    slug: Mapped[str] = mapped_column(String(200), unique=True)
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(16), default="en")
    audience: Mapped[Audience] = mapped_column(enum_column(Audience), default=Audience.AGENT)
    state: Mapped[ArticleState] = mapped_column(enum_column(ArticleState), default=ArticleState.PUBLISHED)
    labels: Mapped[list[str]] = mapped_column(default=list)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    url: Mapped[str | None] = mapped_column(String(500))
    content_hash: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    verified_at: Mapped[datetime | None]
    verify_by: Mapped[date | None]
    is_demo: Mapped[bool] = mapped_column(default=False)

    passages: Mapped[list[Passage]] = relationship(
        lazy="raise", order_by="Passage.position", cascade="all, delete-orphan", back_populates="article"
    )


class Passage(Base):
    """A piece of an article: never across a heading; embedded with title and heading path in front."""

    __tablename__ = "passages"
    __table_args__ = (Index(None, "article_id", "position"), Index(None, "revision"))

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    position: Mapped[int]
    heading: Mapped[str] = mapped_column(String(500), default="")  # the heading path, " > " between
    text: Mapped[str] = mapped_column(Text)
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # float32, unit length
    model: Mapped[str | None] = mapped_column(String(120))  # which model made the vector
    revision: Mapped[int] = mapped_column(default=0)  # grows over all passages; tells workers what changed

    article: Mapped[Article] = relationship(lazy="raise", back_populates="passages")


class ArticleLink(Base):
    """An article used in an interaction."""

    __tablename__ = "article_links"
    __table_args__ = (UniqueConstraint("article_id", "interaction_id"), Index(None, "interaction_id"))

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    linked_at: Mapped[datetime] = mapped_column(default=utc_now)
