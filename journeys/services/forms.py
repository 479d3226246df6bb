"""Forms and pages of a vendor: what couples are asked, and what they can read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from pydantic import ValidationError

from journeys.contacts import normal_email, normal_phone
from journeys.errors import Conflict, Invalid
from journeys.language.errors import TextError
from journeys.language.facts import Declared, check_path
from journeys.language.forms import FormField, FormFields, Reading, read_answers
from journeys.language.texts import compile_text
from journeys.models import Form, InfoPage, Vendor
from journeys.services.audit import record

RowT = TypeVar("RowT", Form, InfoPage)

LONGEST_TITLE, LONGEST_TEXT, LONGEST_BODY = 200, 10_000, 100_000
_KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")


@transaction.atomic
def form_add(
    *,
    vendor: Vendor,
    key: str,
    title: str,
    fields: Sequence[Mapping[str, Any]],
    intro: str = "",
    thanks: str = "",
    now: datetime,
    actor: str,
) -> Form:
    """Add a form; its key is what journeys name it by, and never changes.

    Raises:
        Invalid: a field can not be used; the details name it.
        Conflict: code `key_taken`.
    """
    form = Form(
        vendor=vendor,
        key=_checked_key(key),
        title=_checked_text("title", title, LONGEST_TITLE, needed=True),
        intro=_checked_text("intro", intro, LONGEST_TEXT),
        thanks=_checked_text("thanks", thanks, LONGEST_TEXT),
        fields=checked_fields(fields),
        created_at=now,
        updated_at=now,
    )
    _save_new(form)
    record(vendor, actor, "form.added", form, now, key=form.key)
    return form


@transaction.atomic
def form_change(
    *,
    form: Form,
    title: str | None = None,
    fields: Sequence[Mapping[str, Any]] | None = None,
    intro: str | None = None,
    thanks: str | None = None,
    is_archived: bool | None = None,
    now: datetime,
    actor: str,
) -> Form:
    """Change what is given and leave the rest (None); answers that were given keep the questions they belong to.

    Raises:
        Invalid: a field can not be used; the details name it.
    """
    form.refresh_from_db(from_queryset=Form.objects.select_for_update())
    wanted = {
        "title": None if title is None else _checked_text("title", title, LONGEST_TITLE, needed=True),
        "intro": None if intro is None else _checked_text("intro", intro, LONGEST_TEXT),
        "thanks": None if thanks is None else _checked_text("thanks", thanks, LONGEST_TEXT),
        "fields": None if fields is None else checked_fields(fields),
        "is_archived": is_archived,
    }
    return _change(form, wanted, "form.changed", now=now, actor=actor)


@transaction.atomic
def info_page_add(*, vendor: Vendor, key: str, title: str, body: str, now: datetime, actor: str) -> InfoPage:
    """Add a page; its key is what journeys name it by, and never changes.

    Raises:
        Invalid: a field can not be used; the details name it.
        Conflict: code `key_taken`.
    """
    page = InfoPage(
        vendor=vendor,
        key=_checked_key(key),
        title=_checked_text("title", title, LONGEST_TITLE, needed=True),
        body=checked_body(body),
        created_at=now,
        updated_at=now,
    )
    _save_new(page)
    record(vendor, actor, "info_page.added", page, now, key=page.key)
    return page


@transaction.atomic
def info_page_change(
    *,
    page: InfoPage,
    title: str | None = None,
    body: str | None = None,
    is_archived: bool | None = None,
    now: datetime,
    actor: str,
) -> InfoPage:
    """Change what is given and leave the rest (None); couples see it so from now on.

    Raises:
        Invalid: a field can not be used; the details name it.
    """
    page.refresh_from_db(from_queryset=InfoPage.objects.select_for_update())
    wanted = {
        "title": None if title is None else _checked_text("title", title, LONGEST_TITLE, needed=True),
        "body": None if body is None else checked_body(body),
        "is_archived": is_archived,
    }
    return _change(page, wanted, "info_page.changed", now=now, actor=actor)


def fields_of(form: Form) -> tuple[FormField, ...]:
    """Give the questions of a form."""
    return FormFields.model_validate({"fields": form.fields}).fields


def answers_read(*, form: Form, raw: Mapping[str, Sequence[str]]) -> Reading:
    """Check what somebody wrote into a form; addresses and numbers come back in their one form."""
    region = form.vendor.region

    def email(text: str) -> str:
        return _sentence(lambda: normal_email(text), "Write an address such as ana@example.com.")

    def phone(text: str) -> str:
        return _sentence(lambda: normal_phone(text, region=region), "")

    return read_answers(fields_of(form), raw, email=email, phone=phone)


def checked_fields(fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give questions as they are kept.

    Raises:
        Invalid: code `bad_fields`; the details name each by its path.
    """
    try:
        read = FormFields.model_validate({"fields": list(fields)})
    except ValidationError as error:
        details = {".".join(str(part) for part in one["loc"]): one["msg"] for one in error.errors()}
        raise Invalid(
            "Some questions can not be used: see each.", code="bad_fields", details=details
        ) from error
    return [field.model_dump(mode="json") for field in read.fields]


def _sentence(read: Any, instead: str) -> str:
    """Turn a refusal of an address into a sentence beside the field."""
    try:
        return str(read())
    except Invalid as error:
        raise ValueError(instead or error.message) from error


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        message = "Write the key with small letters, digits and _, beginning with a letter: headcount."
        raise Invalid(message, code="bad_key", details={"key": message})
    return key


def _checked_text(name: str, text: str, longest: int, *, needed: bool = False) -> str:
    plain = text.strip()
    if needed and not plain:
        message = f"Write the {name}."
        raise Invalid(message, code=f"bad_{name}", details={name: message})
    if len(plain) > longest:
        message = f"The {name} has {len(plain):,} characters; {longest:,} is the most. Shorten it."
        raise Invalid(message, code=f"bad_{name}", details={name: message})
    return plain


def checked_body(body: str) -> str:
    """Give the text of a page as it is kept.

    Raises:
        Invalid: code `bad_body`; it can not be read, or would show nothing for some couples.
    """
    plain = _checked_text("body", body, LONGEST_BODY, needed=True)
    try:
        reads = compile_text(plain).reads
    except TextError as error:
        message = f"The text can not be read: {error}"
        raise Invalid(message, code="bad_body", details={"body": message}) from error
    for read in reads:
        access = check_path(read.path, declared=Declared(recipient=True))
        message = access.unknown or ""
        if not message and access.may_be_empty and not read.guarded:
            message = f'{read.name} may be empty. Write {{{{ {read.name} | default: "…" }}}} with words to use instead.'
        if message:
            raise Invalid(message, code="bad_body", details={"body": message})
    return plain


def _save_new(row: Form | InfoPage) -> None:
    """Save it in a savepoint, so that a key that is taken leaves the caller's transaction usable."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        message = f"The key {row.key!r} is taken: choose another, or change the one that has it."
        raise Conflict(message, code="key_taken", details={"key": message}) from error


def _change(row: RowT, wanted: Mapping[str, Any], action: str, *, now: datetime, actor: str) -> RowT:
    changed: list[str] = [
        name for name, value in wanted.items() if value is not None and value != getattr(row, name)
    ]
    if changed:
        for name in changed:
            setattr(row, name, wanted[name])
        row.updated_at = now
        row.save(update_fields=[*changed, "updated_at"])
        record(row.vendor, actor, action, row, now, fields=changed)
    return row
