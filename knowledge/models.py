"""Articles, the passages that are embedded and found, and how they were used."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
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
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # of the title: float32, unit length
    model: Mapped[str | None] = mapped_column(String(120))  # which model made the vector
    is_demo: Mapped[bool] = mapped_column(default=False)

    owner: Mapped[User | None] = relationship(lazy="raise")
    passages: Mapped[list[Passage]] = relationship(
        lazy="raise", order_by="Passage.position", cascade="all, delete-orphan", back_populates="article"
    )

    def is_overdue(self, today: date) -> bool:
        return self.verify_by is not None and self.verify_by < today


class Passage(Base):
    """A piece of an article: never across a heading; embedded with title and heading path in front.

    The keyword index over title, heading and text is the database's own: see the migration passage_search.
    """

    __tablename__ = "passages"
    __table_args__ = (Index(None, "article_id", "position"),)

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(300))  # the article's, so that one row holds all that is indexed
    heading: Mapped[str] = mapped_column(String(500), default="")  # the heading path, " › " between
    text: Mapped[str] = mapped_column(Text)
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # float32, unit length
    sentence_vectors: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # int8, 127 is 1.0
    model: Mapped[str | None] = mapped_column(String(120))  # which model made the vectors

    article: Mapped[Article] = relationship(lazy="raise", back_populates="passages")


class KnowledgeRevision(Base):
    """One row, counted up by triggers at every change of an article or passage, in the changing transaction.

    Its row lock puts writers in commit order, so whoever has read revision N has seen all changes up to N.
    """

    __tablename__ = "knowledge_revisions"

    value: Mapped[int] = mapped_column(BigInteger)


class ArticleChange(Base):
    """At which revision an article changed last, deleted ones included: what each process must load anew."""

    __tablename__ = "article_changes"

    article_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    revision: Mapped[int] = mapped_column(BigInteger, index=True)


class ArticleLink(Base):
    """An article used in an interaction."""

    __tablename__ = "article_links"
    __table_args__ = (UniqueConstraint("article_id", "interaction_id"), Index(None, "interaction_id"))

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    linked_at: Mapped[datetime] = mapped_column(default=utc_now)
