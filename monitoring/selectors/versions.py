"""The versions of a journey: what each changed, who is in it, and what was chosen for those inside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db.models import Count, Q

from engine.models import Changeover, ChangeoverEntry, Instance
from engine.services.landing import Judged
from engine.services.publishing import Preview
from journeys.models import Journey, Vendor, Version
from journeys.scoping import owned_by
from journeys.services.versions import compare
from journeys.validation import problems_of
from monitoring.wording import counted

#: Versions, and choices, that a page shows.
MOST_SHOWN = 20
#: Couples that a preview names.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version, as a list shows it."""

    version: Version
    #: New couples enter it.
    current: bool
    #: Couples in it now, and those of them that are pinned to it.
    inside: int
    pinned: int
    #: What it changed against the version before, in plain sentences; empty for the first.
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What was chosen for those inside, and what came of it."""

    changeover: Changeover
    sentence: str
    #: Why some could not move, with how many times each.
    refusals: tuple[tuple[str, int], ...]
    may_undo: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """Everything about a journey's versions."""

    journey: Journey
    rows: tuple[VersionRow, ...]
    choices: tuple[ChoiceRow, ...]
    #: What publishing the draft would change; empty when it says nothing new.
    draft_changes: tuple[str, ...]
    #: What keeps the draft from being published.
    problems: tuple[str, ...]
    pinned: int


def journey_of(*, vendor: Vendor, public_id: str) -> Journey | None:
    """Give a vendor's journey with its published version, or None."""
    return (
        owned_by(vendor, Journey)
        .select_related("current_version", "vendor")
        .filter(public_id=public_id)
        .first()
    )


def draft_changes(journey: Journey) -> tuple[str, ...]:
    """Say what publishing the draft would change; one sentence for a journey that was never published."""
    if journey.current_version is None:
        return ("It was never published.",)
    return tuple(compare(journey.current_version.definition, journey.draft)[1])


def versions(journey: Journey) -> Versions:
    """Gather what the page of a journey's versions shows, newest first."""
    found = list(Version.objects.filter(journey=journey).order_by("-number")[: MOST_SHOWN + 1])
    live = Instance.objects.filter(journey=journey, status__in=Instance.LIVE).values_list("version_id")
    inside = {
        version_id: (count, pinned)
        for version_id, count, pinned in live.annotate(
            count=Count("id"), pinned_count=Count("id", filter=Q(pinned=True))
        )
    }
    before = dict(pairwise(found))
    rows = tuple(
        VersionRow(
            version,
            current=version.pk == journey.current_version_id,
            inside=inside.get(version.pk, (0, 0))[0],
            pinned=inside.get(version.pk, (0, 0))[1],
            changes=tuple(compare(before[version].definition, version.definition)[1])
            if version in before
            else (),
        )
        for version in found[:MOST_SHOWN]
    )
    return Versions(
        journey,
        rows,
        choices=_choices(journey),
        draft_changes=draft_changes(journey),
        problems=tuple(problem.message for problem in problems_of(journey.draft)),
        pinned=sum(pinned for _, pinned in inside.values()),
    )


def _choices(journey: Journey) -> tuple[ChoiceRow, ...]:
    found = list(
        Changeover.objects.filter(journey=journey)
        .select_related("version", "previous")
        .order_by("-id")[:MOST_SHOWN]
    )
    counts: dict[int, dict[tuple[str, str], int]] = {one.pk: {} for one in found}
    refusals: dict[int, dict[str, int]] = {one.pk: {} for one in found}
    grouped = ChangeoverEntry.objects.filter(changeover__in=found).values_list(
        "changeover_id", "outcome", "undone", "reason", "undo_reason"
    )
    for key, outcome, undone, reason, undo_reason, count in grouped.annotate(count=Count("id")):
        counts[key][outcome, undone] = counts[key].get((outcome, undone), 0) + count
        said = undo_reason if undone == "kept" else reason
        if said:
            refusals[key][said] = refusals[key].get(said, 0) + count
    return tuple(
        ChoiceRow(
            one,
            _sentence(one, counts[one.pk]),
            tuple(refusals[one.pk].items()),
            may_undo=one.undone_at is None
            and (not one.publishes or one.version_id == journey.current_version_id),
        )
        for one in found
    )


def _sentence(changeover: Changeover, counts: dict[tuple[str, str], int]) -> str:
    """Say what a choice came to."""
    total = {
        outcome: sum(count for (name, _), count in counts.items() if name == outcome)
        for outcome in ChangeoverEntry.Outcome.values
    }
    deed = "Published" if changeover.publishes else "Moved those inside to"
    parts = []
    if changeover.inside == Changeover.Inside.STAY:
        parts.append("couples inside stay in their version")
    if total["moved"]:
        parts.append(f"{counted(total['moved'], 'couple', 'couples')} moved")
    if total["pinned"]:
        parts.append(f"{counted(total['pinned'], 'couple', 'couples')} pinned to their version")
    if total["kept"]:
        parts.append(f"{total['kept']} could not move")
    if total["busy"] or changeover.finished_at is None:
        parts.append("still under way")
    back = sum(count for (_, undone), count in counts.items() if undone in {"moved_back", "unpinned"})
    if changeover.undone_at:
        parts.append(f"taken back, {back} with it" if back else "taken back")
    return f"{deed} version {changeover.version.number}: {', '.join(parts) or 'nobody was inside'}."


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One couple, where it stands and where it will."""

    name: str
    number: int
    places: tuple[tuple[str, datetime | None, datetime | None], ...]
    zone: str
    #: Why it can not move; "" when it can.
    reason: str


def preview_rows(preview: Preview) -> list[PreviewRow]:
    """Give the couples of a preview for a list, those that can not move first."""
    named = sorted(preview.judged, key=lambda one: one.stuck is None)[:MOST_NAMED]
    return [_preview_row(one) for one in named]


def _preview_row(judged: Judged) -> PreviewRow:
    instance = judged.instance
    zone = instance.wedding.time_zone if instance.wedding else instance.vendor.time_zone
    return PreviewRow(
        instance.client.display_name,
        instance.version.number,
        tuple((spot.name, spot.before, spot.after) for spot in judged.spots),
        zone,
        judged.stuck.reason if judged.stuck else "",
    )
