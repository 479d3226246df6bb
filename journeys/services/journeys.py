"""Journeys: drafts that are edited, versions that are published and never change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from journeys.errors import Conflict, Invalid
from journeys.language.errors import DefinitionInvalid
from journeys.language.passages import MAX_DAYS
from journeys.models import Journey, Vendor, Version
from journeys.services.audit import record
from journeys.services.other_journeys import problems_with_others
from journeys.signals import version_published
from journeys.validation import checked_draft, graph_of

_LONGEST_NAME = 200


def first_draft() -> dict[str, Any]:
    """Give the definition that an empty journey begins with: started by hand, nothing in between."""
    return {
        "schema_version": 1,
        "parameters": {},
        "variables": {},
        "nodes": [
            {
                "id": "start",
                "type": "start",
                "name": "Started by hand",
                "settings": {"trigger": {"type": "manual", "settings": {}}},
            },
            {"id": "done", "type": "end", "name": "End", "settings": {}},
        ],
        "edges": [{"from": "start", "port": "next", "to": "done"}],
    }


@transaction.atomic
def journey_create(
    *,
    vendor: Vendor,
    name: str,
    definition: Mapping[str, Any] | None = None,
    description: str = "",
    re_entry: str = Journey.ReEntry.ONCE,
    re_entry_days: int | None = None,
    now: datetime,
    actor: str,
) -> Journey:
    """Begin a journey as a draft, which may be unfinished; a second call begins a second one.

    Raises:
        Invalid: name, re-entry rule or the draft's shape can not be used; the code names which.
    """
    journey = Journey.objects.create(
        vendor=vendor,
        name=_name(name),
        description=description,
        re_entry=_re_entry(re_entry),
        re_entry_days=_re_entry_days(re_entry, re_entry_days),
        draft=first_draft() if definition is None else checked_draft(definition),
        created_at=now,
        updated_at=now,
    )
    record(vendor, actor, "journey.created", journey, now)
    return journey


@transaction.atomic
def journey_change_draft(
    *,
    journey: Journey,
    expected_revision: int,
    definition: Mapping[str, Any] | None = None,
    name: str | None = None,
    description: str | None = None,
    re_entry: str | None = None,
    re_entry_days: int | None = None,
    now: datetime,
    actor: str,
) -> Journey:
    """Change what is given and leave the rest (None); couples inside keep the version they are in.

    Raises:
        Invalid: something can not be used; the code names what.
        Conflict: code `revision_conflict` when somebody changed it since `expected_revision`, `archived`.
    """
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update())
    refuse_archived(journey)
    if journey.draft_revision != expected_revision:
        raise Conflict(
            "Somebody changed this journey meanwhile: read it again and repeat the change.",
            code="revision_conflict",
            details={"expected": expected_revision, "current": journey.draft_revision},
        )
    wanted: dict[str, Any] = {
        "draft": None if definition is None else checked_draft(definition),
        "name": None if name is None else _name(name),
        "description": description,
        "re_entry": None if re_entry is None else _re_entry(re_entry),
    }
    changed = [key for key, value in wanted.items() if value is not None and value != getattr(journey, key)]
    if re_entry is not None or re_entry_days is not None:
        wanted["re_entry_days"] = _re_entry_days(
            re_entry or journey.re_entry,
            journey.re_entry_days
            if re_entry_days is None and re_entry == journey.re_entry
            else re_entry_days,
        )
        changed += ["re_entry_days"] if wanted["re_entry_days"] != journey.re_entry_days else []
    if not changed:
        return journey
    for key in changed:
        setattr(journey, key, wanted[key])
    journey.draft_revision += 1
    journey.updated_at = now
    journey.save(update_fields=[*changed, "draft_revision", "updated_at"])
    record(
        journey.vendor,
        actor,
        "journey.changed",
        journey,
        now,
        fields=changed,
        revision=journey.draft_revision,
    )
    return journey


@transaction.atomic
def journey_publish(*, journey: Journey, now: datetime, actor: str) -> Version:
    """Freeze the draft as the version that new couples enter, and switch the journey on.

    A draft that says the same as the current version makes no new one: that version is returned.

    Raises:
        DefinitionInvalid: the draft has problems; all of them are named.
        Conflict: code `archived`.
    """
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update())
    refuse_archived(journey)
    return freeze(journey, journey.draft, now=now, actor=actor)


def freeze(
    journey: Journey,
    definition: Mapping[str, Any],
    *,
    repeats: Version | None = None,
    now: datetime,
    actor: str,
) -> Version:
    """Make a definition the version that new couples enter, inside the transaction that locked the journey.

    A definition that says the same as the current version makes no new one: that version is returned.

    Raises:
        DefinitionInvalid: the definition has problems; all of them are named.
    """
    graph = graph_of(definition)
    problems = problems_with_others(vendor=journey.vendor, graph=graph, own=journey.public_id)
    if problems:
        raise DefinitionInvalid(problems)
    current = journey.current_version
    if current is not None and current.digest == graph.digest:
        if journey.status != Journey.Status.ACTIVE:
            _enter_by(journey, current, now=now)
        return current
    start_settings: Any = graph.start.settings
    # Numbers are never used twice, not even of a version that was taken back.
    newest = Version.objects.filter(journey=journey).aggregate(number=Max("number"))["number"] or 0
    version = Version.objects.create(
        vendor_id=journey.vendor_id,
        journey=journey,
        number=newest + 1,
        definition=definition,
        digest=graph.digest,
        trigger_type=start_settings.trigger.type,
        repeats=repeats.number if repeats else None,
        published_at=now,
        published_by=actor,
    )
    _enter_by(journey, version, now=now)
    said = {"repeats": repeats.number} if repeats else {}
    record(
        journey.vendor,
        actor,
        "journey.published",
        journey,
        now,
        version=version.public_id,
        number=version.number,
        digest=version.digest,
        **said,
    )
    version_published.send(sender=Version, journey=journey, version=version, now=now, actor=actor)
    return version


def _enter_by(journey: Journey, version: Version, *, now: datetime) -> None:
    journey.current_version = version
    journey.status = Journey.Status.ACTIVE
    journey.updated_at = now
    journey.save(update_fields=["current_version", "status", "updated_at"])


@transaction.atomic
def journey_duplicate(*, journey: Journey, name: str | None = None, now: datetime, actor: str) -> Journey:
    """Begin a new draft with what the journey's draft says; a second call begins another.

    Raises:
        Invalid: code `bad_name`.
    """
    copy = Journey.objects.create(
        vendor_id=journey.vendor_id,
        name=_name(f"{journey.name[: _LONGEST_NAME - 7]} (copy)" if name is None else name),
        description=journey.description,
        re_entry=journey.re_entry,
        re_entry_days=journey.re_entry_days,
        template_key=journey.template_key,
        template_digest=journey.template_digest,
        draft=journey.draft,
        created_at=now,
        updated_at=now,
    )
    record(journey.vendor, actor, "journey.duplicated", copy, now, of=journey.public_id)
    return copy


@transaction.atomic
def journey_archive(*, journey: Journey, now: datetime, actor: str) -> Journey:
    """Let nobody new enter a journey; couples inside go on. A second call changes nothing."""
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update())
    if journey.status != Journey.Status.ARCHIVED:
        journey.status = Journey.Status.ARCHIVED
        journey.updated_at = now
        journey.save(update_fields=["status", "updated_at"])
        record(journey.vendor, actor, "journey.archived", journey, now)
    return journey


def refuse_archived(journey: Journey) -> None:
    """Raise Conflict when the journey is archived."""
    if journey.status == Journey.Status.ARCHIVED:
        raise Conflict("This journey is archived: duplicate it to begin anew.", code="archived")


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Invalid(f"Give the journey a name of 1 to {_LONGEST_NAME} characters.", code="bad_name")
    return name


def _re_entry(text: str) -> str:
    if text not in Journey.ReEntry.values:
        raise Invalid(
            f"There is no re-entry rule {text!r}. Choose one of {', '.join(Journey.ReEntry.values)}.",
            code="bad_re_entry",
        )
    return text


def _re_entry_days(rule: str, days: int | None) -> int | None:
    if rule != Journey.ReEntry.AFTER_DAYS:
        if days is not None:
            raise Invalid("Days belong to the rule after_days: leave them out.", code="bad_re_entry")
        return None
    if days is None or not 1 <= days <= MAX_DAYS:
        raise Invalid(
            f"The rule after_days needs re_entry_days, from 1 to {MAX_DAYS:,}.", code="bad_re_entry"
        )
    return days
