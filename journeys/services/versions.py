"""Versions after they were published: say an old one again, take the newest back, compare any two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from journeys.errors import Conflict, NotFound
from journeys.language.diff import Diff, diff
from journeys.language.diff_words import sentences
from journeys.language.registry import node_types
from journeys.models import Journey, Version
from journeys.services.audit import record
from journeys.services.journeys import freeze, refuse_archived


def version_of(journey: Journey, number: int) -> Version:
    """Give a journey's version by its number.

    Raises:
        NotFound: it has none of this number.
    """
    found = Version.objects.filter(journey=journey, number=number).first()
    if found is None:
        raise NotFound(f"This journey has no version {number}.", code="no_version")
    return found


@transaction.atomic
def version_repeat(
    *, journey: Journey, number: int, replace_draft: bool = False, now: datetime, actor: str
) -> Version:
    """Publish what an older version says as a new one, which names it; the draft is kept unless asked otherwise.

    Repeating the current version publishes nothing: it is returned.

    Raises:
        NotFound: there is no version of this number.
        DefinitionInvalid: the step types of today do not take it any more; all problems are named.
        Conflict: code `archived`.
    """
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update())
    refuse_archived(journey)
    older = version_of(journey, number)
    version = freeze(journey, older.definition, repeats=older, now=now, actor=actor)
    if replace_draft and journey.draft != older.definition:
        journey.draft = older.definition
        journey.draft_revision += 1
        journey.updated_at = now
        journey.save(update_fields=["draft", "draft_revision", "updated_at"])
        record(
            journey.vendor,
            actor,
            "journey.changed",
            journey,
            now,
            fields=["draft"],
            revision=journey.draft_revision,
            from_version=number,
        )
    return version


@transaction.atomic
def version_withdraw(
    *, journey: Journey, version: Version, previous: Version | None, now: datetime, actor: str
) -> None:
    """Let new couples enter the version before again; the version that is taken back stays, for those inside it.

    Without a version before, the journey is a draft again. A second call changes nothing.

    Raises:
        Conflict: another version was published since (`newer_publishing`), or the journey is archived (`archived`).
    """
    # Not as strong a lock as publishing takes: steps that are being written may go on meanwhile.
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update(no_key=True))
    refuse_archived(journey)
    if journey.current_version_id == (previous.id if previous else None):
        return
    if journey.current_version_id != version.id:
        raise Conflict(
            "Another version was published since: take that one back first.", code="newer_publishing"
        )
    journey.current_version = previous
    journey.status = Journey.Status.ACTIVE if previous else Journey.Status.DRAFT
    journey.updated_at = now
    journey.save(update_fields=["current_version", "status", "updated_at"])
    record(
        journey.vendor,
        actor,
        "journey.publishing_undone",
        journey,
        now,
        number=version.number,
        current=previous.number if previous else None,
    )


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Diff, list[str]]:
    """Give what differs between two definitions, and the same as plain sentences."""
    found = diff(before, after)
    return found, sentences(found, titles={one.type: one.title for one in node_types})
