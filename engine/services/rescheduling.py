"""Let everything that hangs on a couple's dates follow them when they move, with a look beforehand and a way back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django.db import transaction

from engine import signals
from engine.graphs import graph_of
from engine.models import Instance, WeddingMove
from engine.services import ending, moves, standing, triggering
from engine.services.claims import lock_instances
from engine.services.following import Followed, follow
from engine.services.instances import wedding_start
from engine.services.moves import Choice, MoveReport
from journeys import selectors
from journeys.calendars import WeddingState, calendar_from, state_of
from journeys.errors import Conflict, Invalid
from journeys.language.calendar import Decision
from journeys.models import Wedding
from journeys.services import audit
from journeys.services.weddings import anchor_set, wedding_cancel, wedding_move

#: How a passage ended because its wedding will not take place.
CANCELLED = "wedding_cancelled"
#: What stands for every step that no choice of its own is made for.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """A move, made or only rehearsed."""

    wedding: Wedding
    report: MoveReport
    #: None for a rehearsal, and where nothing changed.
    move: WeddingMove | None


def follow_wedding(
    *,
    wedding: Wedding,
    before: WeddingState,
    correction: bool = False,
    now: dt.datetime,
    actor: str,
) -> list[Followed]:
    """Let steps, passages and journeys follow a wedding that changed, inside the transaction that changed it.

    Pending steps are computed anew; passages of a cancelled wedding end, unless their journey goes on; the events
    wedding_date_set, wedding_postponed and wedding_cancelled are made, except for a correction. What is now past follows the step's late rule
    when it is carried out. The move is written down, so that it can be taken back.
    """
    after = state_of(wedding)
    move = WeddingMove.objects.create(
        vendor_id=wedding.vendor_id,
        wedding=wedding,
        kind=_kind(before, after),
        before=before.as_json(),
        after=after.as_json(),
        made_at=now,
        made_by=actor[:100],
    )
    instances = _lock_live(wedding)
    if after.is_cancelled and not before.is_cancelled:
        instances = _end_most(instances, now=now, actor=actor)
    for instance in instances:
        if instance.decisions:
            # What was decided was about other dates.
            instance.decisions = None
            instance.save(update_fields=["decisions"])
    followed: list[Followed] = []
    if instances:
        followed = follow(
            instances=instances,
            calendar=selectors.calendar_of(wedding, wedding.vendor),
            stood=calendar_from(before, wedding.vendor),
            wedding_at=wedding_start(wedding),
            now=now,
        )
    if not correction:
        _tell(move, wedding, before, after, now=now, actor=actor)
    return followed


def reschedule(
    *,
    wedding: Wedding,
    date: dt.date | None,
    time: dt.time | None = None,
    time_zone: str | None = None,
    choices: Mapping[str, Choice] | None = None,
    dry_run: bool = False,
    now: dt.datetime,
    actor: str,
) -> Rescheduled:
    """Move a wedding with everything that hangs on it, in one transaction, and tell what that does.

    A dry run does all of it and takes it back, so that what it tells is what would happen. `choices` says for steps
    that are past at the new date ("<instance>:<step>", or "all") what is done in place of their late rule.

    Raises:
        Invalid: `bad_time_zone`, `unknown_step` (a choice for a step that is not past then).
        Conflict: `wedding_cancelled`.
    """

    def change(locked: Wedding) -> None:
        wedding_move(wedding=locked, date=date, time=time, time_zone=time_zone, now=now, actor=actor)

    return _carried_out(wedding, change, choices=choices, dry_run=dry_run, now=now, actor=actor)


def reschedule_anchor(
    *,
    wedding: Wedding,
    name: str,
    date: dt.date | None,
    time: dt.time | None = None,
    time_zone: str = "",
    choices: Mapping[str, Choice] | None = None,
    dry_run: bool = False,
    now: dt.datetime,
    actor: str,
) -> Rescheduled:
    """Set, move or take away (None) one of a wedding's other dates; otherwise like `reschedule`.

    Raises:
        Invalid: `bad_anchor` (the day itself is moved with `reschedule`), `bad_time_zone`, `unknown_step`.
        Conflict: `wedding_cancelled`.
    """
    if name == "wedding":
        raise Invalid("The wedding's own date is moved, not set: reschedule the wedding.", code="bad_anchor")

    def change(locked: Wedding) -> None:
        anchor_set(wedding=locked, name=name, date=date, time=time, time_zone=time_zone, now=now, actor=actor)

    return _carried_out(wedding, change, choices=choices, dry_run=dry_run, now=now, actor=actor)


def cancel(*, wedding: Wedding, dry_run: bool = False, now: dt.datetime, actor: str) -> Rescheduled:
    """Write down that a wedding will not take place, and end what only made sense with it. Twice changes nothing."""

    def change(locked: Wedding) -> None:
        wedding_cancel(wedding=locked, now=now, actor=actor)

    return _carried_out(wedding, change, choices=None, dry_run=dry_run, now=now, actor=actor)


def undo(
    *, wedding: Wedding, move_ref: str | None = None, dry_run: bool = False, now: dt.datetime, actor: str
) -> Rescheduled:
    """Put back what the newest move changed, with everything computed anew, in one transaction.

    What went out or was skipped in the meantime stays so; the report names it. It is a correction: no journey starts.

    Raises:
        Conflict: `nothing_to_undo`, `already_undone`, `newer_move` (another one came after it), `cannot_undo` (a
            cancelled wedding stays cancelled).
    """
    undone: list[WeddingMove] = []

    def change(locked: Wedding) -> None:
        move = _to_undo(locked, move_ref)
        undone.append(move)
        _put_back(locked, WeddingState.from_json(move.before), now=now, actor=actor)

    with transaction.atomic():
        result = _carried_out(wedding, change, choices=None, dry_run=dry_run, now=now, actor=actor)
        move = undone[0]
        report = replace(result.report, stays_done=moves.done_since(move, wedding=wedding))
        if not dry_run:
            move.undone_at, move.undone_by = now, actor[:100]
            move.save(update_fields=["undone_at", "undone_by"])
            if result.move is not None:
                result.move.undoes = move
                result.move.save(update_fields=["undoes"])
            audit.record(wedding.vendor, actor, "wedding.move_undone", wedding, now, move=move.public_id)
    return replace(result, report=report)


def newest_move(wedding: Wedding) -> WeddingMove | None:
    """Give the last change of a wedding's dates, None when there was none."""
    return WeddingMove.objects.filter(wedding=wedding).order_by("-id").first()


def move_to_undo(wedding: Wedding) -> WeddingMove | None:
    """Give the newest change where it can be taken back, None otherwise."""
    move = newest_move(wedding)
    return None if move is None or refusal_to_undo(wedding, move) else move


def refusal_to_undo(wedding: Wedding, move: WeddingMove) -> tuple[str, str] | None:
    """Say by code and sentence why a move can not be taken back; None when it can."""
    newest = newest_move(wedding)
    if move.undone_at is not None:
        return "already_undone", "This move was taken back already."
    if newest is None or newest.pk != move.pk:
        return "newer_move", "The dates have changed again since: take the newest change back first."
    if move.kind == WeddingMove.Kind.CANCELLED or wedding.status == Wedding.Status.CANCELLED:
        return (
            "cannot_undo",
            "A cancelled wedding stays cancelled: its journeys have ended. Add a new wedding.",
        )
    return None


def _carried_out(
    wedding: Wedding,
    change: moves.Change,
    *,
    choices: Mapping[str, Choice] | None,
    dry_run: bool,
    now: dt.datetime,
    actor: str,
) -> Rescheduled:
    """Change a wedding and tell what followed, in one transaction that a dry run takes back."""
    with transaction.atomic():
        wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
        _lock_live(wedding)
        last = newest_move(wedding)
        stood = standing.steps_ahead(wedding, now=now)
        stood_state = state_of(wedding)
        change(wedding)
        move = newest_move(wedding)
        if move is not None and last is not None and move.pk == last.pk:
            move = None
        wedding.refresh_from_db()
        stands = standing.steps_ahead(wedding, now=now)
        past = standing.changed_past(stood, stands, now=now)
        chosen = _choose(wedding, past, choices or {})
        report = moves.report(
            wedding=wedding,
            stood=stood,
            stands=stands,
            before=stood_state,
            after=state_of(wedding),
            move=move,
            chosen=chosen,
            now=now,
        )
        if move is not None:
            move.choices, move.steps = chosen, [one.as_json() for one in report.steps]
            move.save(update_fields=["choices", "steps"])
            if chosen:
                audit.record(wedding.vendor, actor, "wedding.late_steps_chosen", wedding, now, choices=chosen)
        if dry_run:
            transaction.set_rollback(True)
    return Rescheduled(wedding, report, None if dry_run else move)


def _choose(wedding: Wedding, past: Collection[str], choices: Mapping[str, Choice]) -> dict[str, Decision]:
    """Write down what is done with steps that are past, and give the decisions by step."""
    unknown = sorted(ref for ref in choices if ref != ALL and ref not in past)
    if unknown:
        raise Invalid(
            f"There is nothing to choose for {unknown[0]!r}: the step is not there, or not past at the new date.",
            code="unknown_step",
            details={"choices": unknown},
        )
    chosen: dict[str, Decision] = {}
    decisions: dict[str, dict[str, Decision]] = {}
    for ref in sorted(past):
        choice = choices.get(ref, choices.get(ALL, "rule"))
        if choice != "rule":
            instance, _, node_id = ref.partition(":")
            chosen[ref] = decisions.setdefault(instance, {})[node_id] = choice
    for live in Instance.objects.filter(wedding=wedding, public_id__in=decisions):
        live.decisions = decisions[live.public_id]
        live.save(update_fields=["decisions"])
    return chosen


def _to_undo(wedding: Wedding, move_ref: str | None) -> WeddingMove:
    move = (
        newest_move(wedding)
        if move_ref is None
        else WeddingMove.objects.filter(wedding=wedding, public_id=move_ref).first()
    )
    if move is None:
        raise Conflict("The dates of this wedding have not been changed.", code="nothing_to_undo")
    refusal = refusal_to_undo(wedding, move)
    if refusal is not None:
        raise Conflict(refusal[1], code=refusal[0])
    return move


def _put_back(wedding: Wedding, state: WeddingState, *, now: dt.datetime, actor: str) -> None:
    """Write a former state's dates again; what another kind of change did meanwhile is kept."""
    if (wedding.date, wedding.time, wedding.time_zone) != (state.date, state.time, state.time_zone):
        wedding_move(
            wedding=wedding,
            date=state.date,
            time=state.time,
            time_zone=state.time_zone,
            keep_time=False,
            postponed=state.status == Wedding.Status.POSTPONED,
            correction=True,
            now=now,
            actor=actor,
        )
    stands = state_of(wedding).anchors
    for name in sorted({*stands, *state.anchors}):
        own = state.anchors.get(name)
        if own != stands.get(name):
            anchor_set(
                wedding=wedding,
                name=name,
                date=own.date if own else None,
                time=own.time if own else None,
                time_zone=own.time_zone if own else "",
                now=now,
                actor=actor,
            )


def _lock_live(wedding: Wedding) -> list[Instance]:
    """Lock the wedding's live instances, in the order of their numbers, and read them."""
    ids = Instance.objects.filter(wedding=wedding, status__in=Instance.LIVE).values_list("id", flat=True)
    lock_instances(list(ids))
    return list(
        Instance.objects.filter(wedding=wedding, status__in=Instance.LIVE)
        .select_related("journey")
        .order_by("id")
    )


def _end_most(instances: list[Instance], *, now: dt.datetime, actor: str) -> list[Instance]:
    """End the passages that make no sense without the wedding, and give those that go on."""
    going_on = []
    for instance in instances:
        if graph_of(instance.version_id).passage.on_wedding_cancelled == "go_on":
            going_on.append(instance)
            continue
        instance.status, instance.result = Instance.Status.CANCELLED, CANCELLED
        instance.reason, instance.finished_at = "The wedding is cancelled.", now
        instance.save(update_fields=["status", "result", "reason", "finished_at"])
        ending.take_away_rest(instance=instance, reason=instance.reason, now=now)
        audit.record(instance.vendor, actor, "instance.cancelled", instance, now, reason=instance.reason)
        signals.instance_changed.send(sender=Instance, instances=[instance], now=now, actor=actor)
    return going_on


def _kind(before: WeddingState, after: WeddingState) -> str:
    kinds = WeddingMove.Kind
    if after.is_cancelled and not before.is_cancelled:
        return kinds.CANCELLED
    if after.date is None and before.date is not None:
        return kinds.POSTPONED
    own = (before.date, before.time, before.time_zone, before.status)
    return kinds.ANCHOR if own == (after.date, after.time, after.time_zone, after.status) else kinds.DATE


def _tell(
    move: WeddingMove,
    wedding: Wedding,
    before: WeddingState,
    after: WeddingState,
    *,
    now: dt.datetime,
    actor: str,
) -> None:
    """Make the event of what happened to the day itself; other dates make none."""
    if after.is_cancelled and not before.is_cancelled:
        type_ = "wedding_cancelled"
    elif after.date is None and before.date is not None:
        type_ = "wedding_postponed"
    elif after.date is not None and after.date != before.date:
        type_ = "wedding_date_set"
    else:
        return
    triggering.event_receive(
        vendor=wedding.vendor,
        type=type_,
        event_id=f"{type_}:{move.public_id}",
        client=wedding.client,
        topic="first" if type_ == "wedding_date_set" and before.date is None else "",
        payload={
            "wedding_id": wedding.public_id,
            "was": before.date.isoformat() if before.date else None,
            "date": after.date.isoformat() if after.date else None,
        },
        now=now,
        actor=actor,
    )
