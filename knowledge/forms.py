"""What the screens of articles send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from babel.core import Locale
from flask import request
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, Regexp, StopValidation, ValidationError
from wtforms.widgets import HiddenInput

from console.web import LARGEST_ID, locale, today
from knowledge.chunking import cut
from knowledge.models import Article, ArticleState, Audience
from knowledge.writing import Content, colleagues

LONGEST_BODY = 300_000  # characters: fifty thousand words
LONGEST_FIELD = 2_000  # letters of any other field that a draft keeps
LONGEST_SENT = 16 * 1024 * 1024  # bytes: what is too long for a body is still read, and shown again as typed
FURTHEST = timedelta(days=10 * 366)
LOOK_AGAIN = timedelta(days=180)  # what is proposed for a new article
LABELS = 20
LONGEST_LABEL = 60
PERIODS = {30: "in a month", 90: "in three months", 180: "in half a year", 365: "in a year"}
FIELDS = ("title", "body", "labels", "audience", "language", "owner", "verify_by", "expires_on", "state", "comment")

STATES = {
    ArticleState.DRAFT: "Draft: only knowledge owners see it",
    ArticleState.PUBLISHED: "Published: everybody finds it",
    ArticleState.ARCHIVED: "Archived: nobody finds it",
}
AUDIENCES = {Audience.AGENT: "For us only", Audience.CUSTOMER: "May be told to the customer"}


def tidy(text: str | None) -> str:
    """Without the NULs that no database takes, and with one kind of line end."""
    return (text or "").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str | None) -> str:
    return " ".join(tidy(text).split())


class DayField(DateField):
    """A day, told in a sentence when it is not one."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("This is not a day. Write it as in 2026-11-24") from None


class ChoiceField(SelectField):
    """A choice, told in a sentence when it is none of them."""

    def pre_validate(self, form: Any) -> None:
        try:
            super().pre_validate(form)
        except ValidationError:
            raise StopValidation("Choose one from the list") from None


class ArticleForm(FlaskForm):
    """An article as its author types it. `revision` is the one that was opened, 0 for a new article."""

    revision = IntegerField(widget=HiddenInput(), default=0, validators=[Optional(), NumberRange(0, LARGEST_ID)])
    key = HiddenField(validators=[Regexp(r"[0-9a-f]{32}\Z|\Z", message="Reload the page")])
    title = StringField(
        "Title",
        [DataRequired("Give it a title"), Length(max=300, message="At most 300 characters")],
        filters=[one_line],
    )
    body = TextAreaField("Text", filters=[tidy])
    labels = StringField("Labels", filters=[one_line])
    audience = ChoiceField("For whom", choices=[SelectChoice(one.value, words) for one, words in AUDIENCES.items()])
    language = ChoiceField("Language", default="en")
    owner = ChoiceField("Looked after by", default="")
    verify_by = DayField("Check again by", [Optional()])
    expires_on = DayField("Expires on", [Optional()])
    state = ChoiceField("State", default="published")
    comment = StringField("What you changed", [Length(max=300, message="At most 300 characters")], filters=[one_line])

    def for_author(self, article: Article | None, *, may_publish: bool, languages: Sequence[str] = ()) -> ArticleForm:
        """Fill in what can be chosen. Somebody who may not publish hands a draft to the knowledge owners."""
        people = colleagues()
        kept = article.owner if article is not None else None
        if kept is not None and kept.id not in {person for person, _ in people}:
            people.append((kept.id, kept.name))
        self.owner.choices = [
            SelectChoice("", "Nobody yet"),
            *(SelectChoice(str(person), name) for person, name in people if may_publish),
        ]
        self.language.choices = language_choices([*languages, *([article.language] if article else [])])
        states = [ArticleState.DRAFT, ArticleState.PUBLISHED] if may_publish else [ArticleState.DRAFT]
        if article is not None:
            states.append(ArticleState.ARCHIVED)
        self.state.choices = [SelectChoice(state.value, STATES[state]) for state in states]
        self.unchanged_days = (article.verify_by, article.expires_on) if article else (None, None)
        return self

    def validate_body(self, field: TextAreaField) -> None:
        text = field.data or ""
        if len(text) > LONGEST_BODY:
            raise StopValidation(
                f"This has {len(text):,} characters, and {LONGEST_BODY:,} fit. Make several articles of it"
            )
        if not any(re.search(r"\w", piece.text) for piece in cut("", text)):
            raise StopValidation("Write the text: there are no words in it yet that could be found")

    def validate_labels(self, field: StringField) -> None:
        labels = split_labels(field.data)
        if len(labels) > LABELS:
            raise StopValidation(f"These are {len(labels)} labels; {LABELS} are the most")
        for label in labels:
            if len(label) > LONGEST_LABEL:
                raise StopValidation(f"“{label[:20]} …” is too long for a label: at most {LONGEST_LABEL} characters")

    def validate_verify_by(self, field: DayField) -> None:
        self.check_day(field, self.unchanged_days[0])

    def validate_expires_on(self, field: DayField) -> None:
        self.check_day(field, self.unchanged_days[1])

    def check_day(self, field: DayField, unchanged: date | None) -> None:
        if field.data is None or field.data == unchanged:
            return
        if field.data < today():
            raise ValidationError("This day is past. Choose one that is still to come")
        if field.data > today() + FURTHEST:
            raise ValidationError("This day is more than ten years away")

    def content(self) -> Content:
        return Content(
            title=self.title.data or "",
            body=(self.body.data or "").strip(),
            labels=split_labels(self.labels.data),
            audience=Audience(self.audience.data),
            language=self.language.data,
            state=ArticleState(self.state.data),
            owner_id=int(self.owner.data) if self.owner.data else None,
            verify_by=self.verify_by.data,
            expires_on=self.expires_on.data,
        )

    @classmethod
    def showing(cls, content: Content, *, revision: int, key: str = "") -> ArticleForm:
        """The form as a content fills it."""
        return cls(
            formdata=None,
            revision=revision,
            key=key,
            title=content.title,
            body=content.body,
            labels=", ".join(content.labels),
            audience=content.audience.value,
            language=content.language,
            owner=str(content.owner_id or ""),
            verify_by=content.verify_by,
            expires_on=content.expires_on,
            state=content.state.value,
        )


def typed_fields() -> dict[str, str]:
    """What stands in the article's form at this moment, well-formed or not."""
    most = {"body": LONGEST_BODY + 1}  # one more, so that "too long" is seen
    return {
        name: tidy(request.form[name])[: most.get(name, LONGEST_FIELD)]
        for name in (*FIELDS, "key")
        if name in request.form
    }


def split_labels(text: str | None) -> tuple[str, ...]:
    """Labels as they are typed, with commas between; the same one in another case is the same."""
    found = (one_line(label) for label in (text or "").split(","))
    return tuple({label.casefold(): label for label in found if label}.values())


def language_choices(used: Sequence[str]) -> list[SelectChoice]:
    """The languages in use first, then all others by name."""
    names = {str(code): str(name) for code, name in Locale.parse(locale()).languages.items()}
    first = list(dict.fromkeys((*used, "en")))
    others = sorted((code for code in names if len(code) == 2 and code not in first), key=lambda code: names[code])
    return [SelectChoice(code, name_of(code, names)) for code in (*first, *others)]


def name_of(code: str, names: dict[str, str]) -> str:
    language, _, region = code.partition("-")
    name = names.get(language, language)
    return f"{name} ({region.upper()})" if region else name


class AnswerForm(FlaskForm):
    """What an owner answers to a suggestion; `revision` is the article's that they had before them."""

    revision = IntegerField(widget=HiddenInput(), default=0)
    answer = StringField("Your answer", [Length(max=500, message="At most 500 characters")], filters=[one_line])


class VerificationForm(FlaskForm):
    days = SelectField(
        "Look again", coerce=int, choices=[SelectChoice(days, words) for days, words in PERIODS.items()], default=180
    )


class AddressForm(FlaskForm):
    slug = StringField("Address", [DataRequired("Write an address")], filters=[one_line])
