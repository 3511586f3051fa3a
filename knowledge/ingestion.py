"""Takes articles in: the same source again updates what changed, archives what is gone, and reports.

What was edited here since the last time is kept: a source never silently overwrites a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db
from console.errors import DomainError
from knowledge.addresses import RESERVED, free_address, free_slug
from knowledge.chunking import cut
from knowledge.crosslinks import Crosslinks
from knowledge.drafts import ENCODING, Draft, Included, Item, Rejected, not_understood
from knowledge.feedback import restand
from knowledge.models import Article, ArticleRevision, ArticleSlug, ArticleState, Origin, Passage
from knowledge.reading import read
from knowledge.shortening import shortened
from knowledge.sourced import DECIDED, SOURCE, Known, articles_of, facts
from knowledge.tables import Unread

BATCH = 100  # articles between two checkpoints at most
PATIENCE = 0.5  # seconds of reading between two checkpoints at most, so that a slow file holds up nobody
TRIES = 5  # addresses for one new article
SELDOM_SAID = frozenset({"owner_id", "verified_at", "verify_by", "expires_on"})
KEPT = "kept: edited here since"
KEPT_NEWER = "kept: edited here since, but the source has a newer text"
TAKEN = "somebody saved an article of this title at this very moment: bring it in once more"
SAME_ID = "the id {} stands above already"
KEPT_UNREAD = (
    "kept: part of this could not be read, so nothing was archived: {} that this source no longer names may stand "
    "there. Mend what is not taken in, and bring it in again."
)
GONE = "the source no longer has it"
KEPT_GONE = "kept: edited here since, but the source no longer has it"


def nothing(*_: object) -> None:
    """For those who want neither checkpoints nor progress."""


@dataclass(frozen=True)
class Terms:
    """How a source is taken in. `whole` says that what it does not hold is gone."""

    overwrite: bool = False  # the source's text instead of what was edited here
    allow_shrink: bool = False  # archive even if more than half of the source is gone
    whole: bool = True
    dry_run: bool = False  # count, and write nothing


@dataclass
class Report:
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: int = 0
    archived: int = 0
    included: int = 0  # read as part of other articles
    passages: int = 0  # written anew
    before: int = 0  # of all these articles, what was done before the run stopped half way and was gone on with
    missing: int = 0  # gone from the source, but so many that nothing was archived
    rejected: list[Rejected] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)  # what became of it, which article, remark

    @property
    def articles(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.kept


SET_HERE = frozenset({"owner_id", "verified_at", "verify_by", "expires_on"})


def ingest(
    path: Path,
    *,
    source: str,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    terms: Terms = Terms(),
    checkpoint: Callable[[], None] = nothing,
    progress: Callable[[int], object] = nothing,
    report: Report | None = None,
    earlier: Collection[datetime] = (),
) -> Report:
    """Take in a folder, a zip or a file. What this source held before and holds no longer is archived.

    `checkpoint` is called between batches and may commit; `progress` gets the number read since last time;
    `report` is filled while it goes on, and counts what was done at an `earlier` beginning as well. Raises
    FileNotFoundError for a path that is not there, DomainError for one without any article.
    """
    with closing(read(path, mapping)) as items:
        report = take_in(
            items, source=source, now=now, terms=terms, checkpoint=checkpoint, progress=progress, report=report,
            earlier=earlier,
        )  # fmt: skip
    if not report.articles and not report.rejected:
        raise DomainError("There is no article in it: no Markdown, HTML, text, Word, PDF, JSONL or CSV file.")
    return report


def take_in(
    items: Iterable[Item],
    *,
    source: str,
    now: datetime,
    terms: Terms = Terms(),
    is_demo: bool = False,
    checkpoint: Callable[[], None] = nothing,
    progress: Callable[[int], object] = nothing,
    report: Report | None = None,
    earlier: Collection[datetime] = (),
) -> Report:
    """Insert, update, keep or leave each article, then archive what `items` no longer names. See `ingest`."""
    intake = Intake(source, now, terms, report or Report(), is_demo, earlier)
    for batch in batches(items):
        for item in batch:
            intake.take(item)
        progress(len(batch))
        checkpoint()
    intake.link_up(checkpoint)
    intake.archive_missing()
    checkpoint()
    return intake.report


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Reading a file may take seconds, so it happens before the database is written to, not between."""
    batch: list[Item] = []
    since = monotonic()
    for item in items:
        batch.append(item)
        if len(batch) == BATCH or monotonic() - since > PATIENCE:
            yield batch
            batch, since = [], monotonic()
    if batch:
        yield batch


class Intake:
    """One taking in of one source: what is there already, and what has been seen so far."""

    def __init__(
        self, source: str, now: datetime, terms: Terms, report: Report, is_demo: bool, earlier: Collection[datetime]
    ) -> None:
        self.source, self.now, self.terms, self.report, self.is_demo = source, now, terms, report, is_demo
        self.earlier = earlier
        self.known = articles_of(source)
        self.slugs = {
            *RESERVED,
            *db.session.scalars(select(Article.slug)),
            *db.session.scalars(select(ArticleSlug.slug)),
        }
        self.owners = {email.casefold(): user for email, user in db.session.execute(select(User.email, User.id))}
        self.seen: set[str] = set()
        self.unread: dict[str, None] = {}  # tables that were not read whole, in their order
        self.links = Crosslinks()

    def take(self, item: Item) -> None:
        if isinstance(item, Included):
            self.report.included += 1
            self.say("included", item.where, f"stands in {item.number:,} other article{'s' if item.number > 1 else ''}")
            return
        if isinstance(item, Draft) and item.external_id in self.seen:
            item = Rejected(item.where or item.external_id, SAME_ID.format(item.external_id), item.external_id)
        if item.external_id:
            self.seen.add(item.external_id)
        if isinstance(item, Rejected):
            if isinstance(item, Unread):
                self.unread[item.file] = None
            self.report.rejected.append(item)
            return
        self.links.note(item)
        known = self.known.get(item.external_id)
        if known is None:
            self.insert(item)
        elif remark := self.reason_to_keep(item, known):
            self.report.kept += 1
            self.say("kept", item.external_id, remark)
        elif self.is_unchanged(item, known) and not (known.is_edited and self.terms.overwrite):
            self.pass_over(item, known)
            self.links.wrote(item, known.id, known.slug)
        else:
            self.update(item, known)

    def pass_over(self, draft: Draft, known: Known) -> None:
        """It stays as it is; what this run did to it before it was stopped, it did."""
        if known.taken_in_at not in self.earlier:
            self.report.unchanged += 1
            return
        self.report.before += 1
        if known.is_new:
            self.report.inserted += 1
        else:
            self.report.updated += 1
        self.say("inserted" if known.is_new else "updated", draft.external_id, remark_on(draft, self.now.date()))

    def reason_to_keep(self, draft: Draft, known: Known) -> str:
        if not known.is_edited or self.terms.overwrite:
            return ""
        return KEPT if known.content_hash == draft.content_hash else KEPT_NEWER

    def is_unchanged(self, draft: Draft, known: Known) -> bool:
        is_archived = draft.state is ArticleState.ARCHIVED
        stands = "state" in known.set_here or known.is_archived == is_archived
        return known.content_hash == draft.content_hash and stands

    def insert(self, draft: Draft) -> None:
        placed = None if self.terms.dry_run else self.place(draft)
        if placed is None and not self.terms.dry_run:
            self.report.rejected.append(Rejected(draft.external_id, TAKEN, draft.external_id))
            return
        self.report.inserted += 1
        self.say("inserted", draft.external_id, remark_on(draft, self.now.date()))
        if placed is None:
            return
        self.write_down(placed.id, 1, draft, facts(self.values(draft)))
        self.links.wrote(draft, placed.id, placed.slug)

    def place(self, draft: Draft) -> Any:
        """The new row's id and slug; none when somebody was faster each time."""
        where = {"source": self.source, "external_id": draft.external_id}
        values = {**where, **self.values(draft), "is_demo": self.is_demo}
        slug = free_slug(draft.title, self.slugs)
        for _ in range(TRIES):
            try:
                with db.session.begin_nested():
                    new = insert(Article).values(**values, slug=slug).returning(Article.id, Article.slug)
                    return db.session.execute(new).one()
            except IntegrityError:  # a colleague gave an article this address since we began
                slug = free_address(draft.title)
        return None

    def update(self, draft: Draft, known: Known) -> None:
        self.report.updated += 1
        over = "over what was edited here" if known.is_edited else remark_on(draft, self.now.date())
        self.say("updated", draft.external_id, over)
        if self.terms.dry_run:
            return
        number, stays = known.revision + 1, {} if self.terms.overwrite else known.set_here
        values = {**self.values(draft), "revision": number, "vector": None, "model": None}
        # What somebody decided here stays, and so does what the source does not speak of.
        said = {
            name: value
            for name, value in values.items()
            if name not in stays and (value is not None or name not in SELDOM_SAID)
        }
        db.session.execute(update(Article).where(Article.id == known.id).values(**said))
        if known.standing:
            restand(known.id)
        source = facts(values)
        otherwise = {SOURCE: {name: source[name] for name in stays}} if stays else {}
        self.write_down(known.id, number, draft, {**source, **stays, **otherwise})
        self.links.wrote(draft, known.id, known.slug)

    def write_down(self, article_id: int, number: int, draft: Draft, decided: Mapping[str, Any]) -> None:
        revision = {"article_id": article_id, "number": number, "title": draft.title, "body": draft.body}
        origin = {"origin": Origin.INGESTED, "made_at": self.now, "facts": decided}
        db.session.execute(insert(ArticleRevision), [{**revision, **origin}])
        self.report.passages += write_passages(article_id, draft)

    def values(self, draft: Draft) -> dict[str, Any]:
        return {
            "title": draft.title,
            "body": draft.body,
            "language": draft.language,
            "audience": draft.audience,
            "state": draft.state,
            "labels": list(draft.labels),
            "owner_id": self.owners.get(draft.owner.casefold()),
            "url": draft.url,
            "content_hash": draft.content_hash,
            "updated_at": draft.updated_at or self.now,
            "verified_at": draft.verified_at,
            "verify_by": draft.verify_by,
            "expires_on": draft.expires_on,
        }

    def link_up(self, checkpoint: Callable[[], None]) -> None:
        """Links from one file to another lead to the article that the other has become. Passages hold no addresses.

        An article whose run was stopped half way is unchanged in the next one, but still says what its file says.
        """
        if self.terms.dry_run:
            return
        slugs = {external_id: known.slug for external_id, known in self.known.items()}
        changes = iter(self.links.resolved(slugs))
        while some := list(islice(changes, BATCH)):
            stored = select(Article.id, Article.body).where(Article.id.in_([row.id for row in some]))
            now = {row.id: row.body for row in db.session.execute(stored)}
            for change in some:
                if now.get(change.id) == change.before:
                    relink(change.id, change.before, change.after)
            checkpoint()

    def archive_missing(self) -> None:
        """What the source no longer names. Nothing when it named nothing, or suddenly less than half of before.

        Nothing either when a table was not read whole: an article does not say which of a source's files it is from.
        """
        if not self.terms.whole:
            return
        for external_id, known in self.known.items():
            if known.is_archived and known.taken_in_at in self.earlier and external_id not in self.seen:
                self.report.archived += 1
                self.report.before += 1
                self.say("archived", external_id, GONE)
        live = {external_id: known for external_id, known in self.known.items() if not known.is_archived}
        gone = {external_id: known for external_id, known in live.items() if external_id not in self.seen}
        if gone and self.unread:
            number = "1 article" if len(gone) == 1 else f"{len(gone):,} articles"
            self.say("kept", shortened(", ".join(self.unread), 300), KEPT_UNREAD.format(number))
            return
        if not self.seen:
            return
        if len(gone) * 2 > len(live) and not self.terms.allow_shrink:
            self.report.missing = len(gone)
            return
        going = []
        for external_id, known in gone.items():
            if known.is_edited and not self.terms.overwrite:
                self.report.kept += 1
                self.say("kept", external_id, KEPT_GONE)
            else:
                going.append(known.id)
                self.say("archived", external_id, GONE)
        self.report.archived += len(going)
        if not self.terms.dry_run:
            archive(going, self.now)

    def say(self, what: str, external_id: str, remark: str = "") -> None:
        self.report.lines.append((what, external_id, remark))


def relink(article_id: int, before: str, after: str) -> None:
    """In the article, and in every revision that says the same."""
    same = and_(ArticleRevision.article_id == article_id, ArticleRevision.body == before)
    db.session.execute(
        update(ArticleRevision).where(same).values(body=after).execution_options(synchronize_session=False)
    )
    db.session.execute(update(Article).where(Article.id == article_id).values(body=after))


def remark_on(draft: Draft, today: date) -> str:
    encoding, unknown = draft.meta.get(ENCODING), not_understood(draft.meta)
    remarks = [f"read as {encoding}: look whether its accents are right"] if encoding else []
    remarks += [f"not understood: {', '.join(unknown)}"] if unknown else []
    remarks += ["expired already, so nobody finds it"] if draft.expires_on and draft.expires_on <= today else []
    return "; ".join(remarks)


def write_passages(article_id: int, text: Draft | Article) -> int:
    """Cut the article anew, keeping passages that did not change, and with them their vectors."""
    rows = db.session.execute(
        select(Passage.id, Passage.position, Passage.title, Passage.heading, Passage.text).where(
            Passage.article_id == article_id
        )
    )
    gone = {(row.position, row.title, row.heading, row.text): row.id for row in rows}
    fresh = []
    for position, piece in enumerate(cut(text.title, text.body)):
        if gone.pop((position, text.title, piece.heading, piece.text), None) is None:
            values = {"article_id": article_id, "position": position, "title": text.title}
            fresh.append({**values, "heading": piece.heading, "text": piece.text})
    if gone:
        db.session.execute(delete(Passage).where(Passage.id.in_(gone.values())))
    if fresh:
        db.session.execute(insert(Passage), fresh)
    return len(fresh)


def archive(ids: list[int], now: datetime) -> None:
    """Take articles out of the search, as a revision of their own; they stay readable where they were used."""
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        values = {"state": ArticleState.ARCHIVED, "revision": Article.revision + 1}
        db.session.execute(
            update(Article).where(Article.id.in_(some)).values(**values).execution_options(synchronize_session=False)
        )
        rows = db.session.execute(
            select(Article.id, Article.revision, Article.title, Article.body, *DECIDED)
            .where(Article.id.in_(some))
            .order_by(Article.id)
        ).mappings()
        said = {"origin": Origin.INGESTED, "comment": "The source no longer has it.", "made_at": now}
        revisions = [
            {
                "article_id": row["id"],
                "number": row["revision"],
                "title": row["title"],
                "body": row["body"],
                "facts": facts(row),
                **said,
            }
            for row in rows
        ]
        db.session.execute(insert(ArticleRevision), revisions)
