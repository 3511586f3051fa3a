"""Articles and their history, the passages that are embedded and found, what people did with them, what is missing."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
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
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "state"),
        Index(None, "updated_at", "id"),  # the owners' list
        Index(None, "owner_id", "verify_by"),  # what somebody is to check again
    )

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
    expires_on: Mapped[date | None]  # from this day on it is not found any more
    revision: Mapped[int] = mapped_column(default=1, server_default="1")  # the number of its newest ArticleRevision
    standing: Mapped[float] = mapped_column(default=0.0, server_default="0")  # what use says of it, -1 to 1
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # of the title: float32, unit length
    model: Mapped[str | None] = mapped_column(String(120))  # which model made the vector
    is_demo: Mapped[bool] = mapped_column(default=False)

    owner: Mapped[User | None] = relationship(lazy="raise")
    passages: Mapped[list[Passage]] = relationship(
        lazy="raise", order_by="Passage.position", cascade="all, delete-orphan", back_populates="article"
    )

    def is_overdue(self, today: date) -> bool:
        return self.verify_by is not None and self.verify_by < today

    def is_expired(self, today: date) -> bool:
        return self.expires_on is not None and self.expires_on <= today


class Origin(StrEnum):
    """How a revision came about."""

    INGESTED = "ingested"
    EDITED = "edited"
    SUGGESTED = "suggested"  # a colleague's suggestion that the owner took over
    RESTORED = "restored"


class ArticleRevision(Base):
    """An article as it was after one change. Never changed itself: restoring makes a new one."""

    __tablename__ = "article_revisions"
    __table_args__ = (UniqueConstraint("article_id", "number"),)

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    number: Mapped[int]  # from 1
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # state, labels, audience, language, …: plain JSON
    origin: Mapped[Origin] = mapped_column(enum_column(Origin))
    comment: Mapped[str] = mapped_column(String(300), default="")
    editor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime] = mapped_column(default=utc_now)

    editor: Mapped[User | None] = relationship(lazy="raise")


class ArticleSlug(Base):
    """An address that an article had once; it leads to today's."""

    __tablename__ = "article_slugs"

    slug: Mapped[str] = mapped_column(String(200), unique=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)


class ArticleDraft(Base):
    """What somebody is writing and has not saved yet, kept while they type."""

    __tablename__ = "article_drafts"
    __table_args__ = (Index(None, "user_id", "saved_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)
    base_revision: Mapped[int] = mapped_column(default=0)  # the revision that was opened; 0 for a new article
    gap_id: Mapped[int | None] = mapped_column(ForeignKey("knowledge_gaps.id", ondelete="SET NULL"))  # that it closes
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))  # that it was written from
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as typed, by the form's names
    saved_at: Mapped[datetime] = mapped_column(default=utc_now)


class SuggestionState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class ArticleSuggestion(Base):
    """A better wording that somebody without the right to edit proposes, against the revision they read."""

    __tablename__ = "article_suggestions"
    __table_args__ = (Index(None, "article_id", "state"), Index(None, "state", "suggested_at"))

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    base_revision: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[SuggestionState] = mapped_column(enum_column(SuggestionState), default=SuggestionState.OPEN)
    suggested_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    suggested_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(500), default="")

    article: Mapped[Article] = relationship(lazy="raise")
    suggested_by: Mapped[User] = relationship(lazy="raise", foreign_keys=[suggested_by_id])
    decided_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[decided_by_id])


class FlagReason(StrEnum):
    WRONG = "wrong"
    OUTDATED = "outdated"
    UNCLEAR = "unclear"
    INCOMPLETE = "incomplete"
    DUPLICATE = "duplicate"


class FlagState(StrEnum):
    OPEN = "open"
    FIXED = "fixed"
    DISMISSED = "dismissed"


class ArticleFlag(Base):
    """Somebody says what is the matter with an article; its owner answers."""

    __tablename__ = "article_flags"
    __table_args__ = (Index(None, "article_id", "state"), Index(None, "state", "flagged_at"))

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    reason: Mapped[FlagReason] = mapped_column(enum_column(FlagReason))
    comment: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[FlagState] = mapped_column(enum_column(FlagState), default=FlagState.OPEN)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))
    flagged_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    flagged_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(500), default="")

    article: Mapped[Article] = relationship(lazy="raise")
    flagged_by: Mapped[User] = relationship(lazy="raise", foreign_keys=[flagged_by_id])
    decided_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[decided_by_id])


class ArticlePin(Base):
    """An article that somebody keeps at hand above the search box."""

    __tablename__ = "article_pins"
    __table_args__ = (UniqueConstraint("user_id", "article_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)
    pinned_at: Mapped[datetime] = mapped_column(default=utc_now)


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


class AskedIn(StrEnum):
    SEARCH = "search"  # the agent's own box
    TALK = "talk"  # what the customer said


class AskedQuestion(Base):
    """What the knowledge base was asked, and how sure its best answer was. What came of it: ArticleFeedback."""

    __tablename__ = "asked_questions"
    __table_args__ = (
        Index(None, "asked_at", "id"),
        Index(None, "user_id", "asked_at"),
        Index(None, "gap_id", "asked_at"),
        Index(None, "interaction_id"),
    )

    text: Mapped[str] = mapped_column(Text)
    asked_in: Mapped[AskedIn] = mapped_column(enum_column(AskedIn))
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # float32, unit length
    model: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(16), default="")
    confidence: Mapped[float] = mapped_column(default=0.0)  # of the surest article, shown or not; 0 to 1
    best_article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id", ondelete="SET NULL"), index=True)
    shown: Mapped[int] = mapped_column(default=0)  # how many articles were shown
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))
    gap_id: Mapped[int | None] = mapped_column(ForeignKey("knowledge_gaps.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(default=utc_now)


class FeedbackKind(StrEnum):
    DISPLAYED = "displayed"
    OPENED = "opened"
    COPIED = "copied"
    LINKED = "linked"
    HELPFUL = "helpful"
    NOT_HELPFUL = "not_helpful"
    DISMISSED = "dismissed"  # does not fit this question; on similar ones it goes down


class ArticleFeedback(Base):
    """One thing that one person did with one article, perhaps in answer to a question."""

    __tablename__ = "article_feedback"
    __table_args__ = (
        Index(None, "article_id", "kind", "at"),
        Index(None, "question_id", "kind"),
        Index(None, "user_id", "kind", "at"),
        Index(None, "at", "id"),
        Index(  # every search asks it, see knowledge.held
            "ix_article_feedback_dismissed",
            "article_id",
            sqlite_where=text("kind = 'dismissed'"),
            postgresql_where=text("kind = 'dismissed'"),
        ),
    )

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    kind: Mapped[FeedbackKind] = mapped_column(enum_column(FeedbackKind))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("asked_questions.id", ondelete="CASCADE"))
    position: Mapped[int | None]  # among what was shown, from 1
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)


class GapState(StrEnum):
    OPEN = "open"
    ASSIGNED = "assigned"
    SOLVED = "solved"
    IGNORED = "ignored"


class KnowledgeGap(Base):
    """Questions of one meaning that found nothing good: work for the knowledge owners."""

    __tablename__ = "knowledge_gaps"
    __table_args__ = (Index(None, "state", "last_asked_at"),)

    question: Mapped[str] = mapped_column(Text)  # the one asked first, or the owner's better wording
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # the questions' mean, unit length
    model: Mapped[str | None] = mapped_column(String(120))
    state: Mapped[GapState] = mapped_column(enum_column(GapState), default=GapState.OPEN)
    asked: Mapped[int] = mapped_column(default=0)  # times
    first_asked_at: Mapped[datetime]
    last_asked_at: Mapped[datetime]
    assigned_to_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id", ondelete="SET NULL"), index=True)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]

    assigned_to: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[assigned_to_id])
    article: Mapped[Article | None] = relationship(lazy="raise")


class IngestionState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class IngestionRun(Base):
    """One taking in of a folder, an archive or a file: how far it is, and what became of each file."""

    __tablename__ = "ingestion_runs"
    __table_args__ = (Index(None, "started_at"),)

    source: Mapped[str] = mapped_column(String(80))
    file_name: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[IngestionState] = mapped_column(enum_column(IngestionState), default=IngestionState.WAITING)
    total: Mapped[int] = mapped_column(default=0)  # files and lines, as counted before
    done: Mapped[int] = mapped_column(default=0)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)  # inserted, updated, …; rejected: [[where, reason]]
    problem: Mapped[str] = mapped_column(String(500), default="")  # why it failed
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)  # the last sign of life
    finished_at: Mapped[datetime | None]


class KnowledgeSetting(Base):
    """What the knowledge owners have set: one row, or none while nobody has."""

    __tablename__ = "knowledge_settings"

    show_from: Mapped[float]  # confidence, 0 to 1: below it nothing is shown
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
