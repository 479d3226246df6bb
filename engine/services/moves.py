"""Tell what a change of a wedding's dates does: what moves, what is past then, what went out, what starts and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, TriggerEvent, WeddingMove
from engine.services import dates
from engine.services.standing import Standing
from journeys.calendars import WeddingState, calendar_from
from journeys.language.calendar import (
    Calendar,
    Decision,
    anchor_of,
    is_dated,
    judged,
)
from journeys.language.graph import Graph
from journeys.language.settings import LateRule
from journeys.models import Wedding

#: What a person may choose for a step that is past: "rule" leaves it to the step's own late rule.
Choice = Literal["send", "skip", "ask", "rule"]
Effect = Literal["moves", "parks", "unparks"]
Change = Callable[[Wedding], None]

#: Messages and steps named in one report.
MOST_NAMED = 500


@dataclass(frozen=True, slots=True)
class StepMove:
    """One step that stands at another moment than before."""

    ref: str
    instance: str
    journey: str
    node_id: str
    name: str
    node_type: str
    reached: bool
    effect: Effect
    before: datetime | None
    after: datetime | None
    #: Name of the date it hangs on, and how far from it; "" for none.
    anchor: str
    offset: str
    #: Its new moment has come already.
    past: bool
    #: What its late rule says: "send", "skip", "ask" or "within" so many hours.
    rule: str
    hours: int | None
    #: "rule", or what a person chose in its place.
    choice: Choice
    #: What becomes of it when it is past: "send", "skip", "ask"; "" when it is not.
    will: str
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Write it for the record of the move."""
        return {
            "ref": self.ref,
            "name": self.name,
            "effect": self.effect,
            "before": self.before.isoformat() if self.before else None,
            "after": self.after.isoformat() if self.after else None,
            "past": self.past,
            "choice": self.choice,
            "will": self.will,
        }


@dataclass(frozen=True, slots=True)
class Copy:
    """One message that went to one person."""

    role: str
    channel: str
    status: str
    delivery: str


@dataclass(frozen=True, slots=True)
class DoneStep:
    """A step that was done or passed over already: no move takes it back."""

    instance: str
    journey: str
    node_id: str
    name: str
    at: datetime
    #: "sent", "skipped" or "under_way".
    state: str
    anchor: str
    people: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class TriggerMove:
    """A journey that starts by a date, and what the move means for that."""

    journey: str
    name: str
    before: datetime | None
    after: datetime | None
    #: "starts", "missed", "started_already" or "waits".
    effect: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PassageChange:
    """A passage that the change begins or ends."""

    journey: str
    name: str
    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class MoveReport:
    """Everything that a change of dates does."""

    before: WeddingState
    after: WeddingState
    #: Earliest first; what has no moment comes last.
    steps: tuple[StepMove, ...] = ()
    sent: tuple[DoneStep, ...] = ()
    under_way: tuple[DoneStep, ...] = ()
    triggers: tuple[TriggerMove, ...] = ()
    started: tuple[PassageChange, ...] = ()
    ended: tuple[PassageChange, ...] = ()
    #: For an undo: what was done or skipped since, and stays so.
    stays_done: tuple[DoneStep, ...] = field(default=())

    @property
    def past(self) -> tuple[StepMove, ...]:
        """Return the steps whose new moment has come already."""
        return tuple(one for one in self.steps if one.past)

    @property
    def parked(self) -> tuple[StepMove, ...]:
        """Return the steps that wait for a date from now on."""
        return tuple(one for one in self.steps if one.effect == "parks")


def report(
    *,
    wedding: Wedding,
    stood: Mapping[str, Standing],
    stands: Mapping[str, Standing],
    before: WeddingState,
    after: WeddingState,
    move: WeddingMove | None,
    chosen: Mapping[str, Decision],
    now: datetime,
) -> MoveReport:
    """Tell what became of the steps that stood somewhere before, inside the transaction that moved them."""
    calendar = calendar_from(after, wedding.vendor)
    steps = [
        _step_move(stood.get(ref), one, calendar, chosen.get(ref), now=now)
        for ref, one in stands.items()
        if (stood[ref].due if ref in stood else None) != one.due
    ]
    steps.sort(key=lambda one: (one.after is None, one.after or now, one.ref))
    return MoveReport(
        before=before,
        after=after,
        steps=tuple(steps[:MOST_NAMED]),
        sent=_sent(wedding),
        under_way=tuple(_under_way(one, now=now) for one in stood.values() if one.under_way),
        triggers=tuple(_triggers(wedding, before, after, now=now)),
        started=_started(move),
        ended=_ended(stood, wedding) if after.is_cancelled and not before.is_cancelled else (),
    )


def done_since(move: WeddingMove, *, wedding: Wedding) -> tuple[DoneStep, ...]:
    """Give the steps that went out or were skipped since a move: taking the move back does not take them back."""
    instances = _instances(wedding)
    rows = NodeExecution.objects.filter(
        instance_id__in=instances, at__gte=move.made_at, status__in=NodeExecution.COMPLETED
    ).order_by("at", "id")
    sent = {(one.instance, one.node_id): one for one in _sent(wedding)}
    found: list[DoneStep] = []
    for row in rows[:MOST_NAMED]:
        instance = instances[row.instance_id]
        went_out = sent.get((instance.public_id, row.node_id))
        skipped = row.status == NodeExecution.Status.SKIPPED
        if not skipped and went_out is None:
            continue
        graph = graph_of(instance.version_id)
        found.append(
            _done(
                instance,
                graph,
                row.node_id,
                at=row.at,
                state="skipped" if skipped else "sent",
                people=() if skipped or went_out is None else went_out.people,
            )
        )
    return tuple(found)


def _instances(wedding: Wedding) -> dict[int, Instance]:
    return {one.id: one for one in Instance.objects.filter(wedding=wedding).select_related("journey")}


def _step_move(
    stood: Standing | None, stands: Standing, calendar: Calendar, decided: Decision | None, *, now: datetime
) -> StepMove:
    before, after = stood.due if stood else None, stands.due
    rule = stands.late or LateRule()
    past = stands.is_past(now)
    will = ""
    if past and after is not None:
        verdict = judged(
            stands.late,
            stands.meant,
            instant=after,
            due_at=after,
            now=now,
            calendar=calendar,
            decided=decided,
        )
        will = verdict if verdict in {"skip", "ask"} else "send"
    effect: Effect = "parks" if after is None else "unparks" if before is None else "moves"
    return StepMove(
        ref=stands.ref,
        instance=stands.instance,
        journey=stands.journey,
        node_id=stands.node_id,
        name=stands.name,
        node_type=stands.node_type,
        reached=stands.reached,
        effect=effect,
        before=before,
        after=after,
        anchor=anchor_of(stands.meant) or "",
        offset=str((stands.meant or {}).get("offset", "")),
        past=past,
        rule=rule.rule if is_dated(stands.meant) else "",
        hours=rule.hours if is_dated(stands.meant) else None,
        choice=decided or "rule",
        will=will,
        sentence=_sentence(effect, will, decided, stands, rule),
    )


def _sentence(effect: Effect, will: str, decided: Decision | None, stands: Standing, rule: LateRule) -> str:
    """Say in words what becomes of a step."""
    if effect == "parks":
        return stands.missing or "Waits until there is a date."
    if not will:
        return "Goes on to its new date." if effect == "moves" else "Has a date again."
    when = "now" if stands.reached else "when the couple come to it"
    said = {
        "send": f"Is past: made up for {when}",
        "skip": "Is past: left out",
        "ask": f"Is past: you are asked {when}",
    }[will]
    if decided is not None:
        return f"{said}, as chosen."
    hours = f" (within {rule.hours} hours)" if rule.rule == "within" else ""
    return f"{said}, as its late rule says{hours}."


def _done(instance: Instance, graph: Graph, node_id: str, **given: Any) -> DoneStep:
    node = graph.nodes.get(node_id)
    return DoneStep(
        instance=instance.public_id,
        journey=instance.journey.name,
        node_id=node_id,
        name=(node.name or node.id) if node else node_id,
        anchor=getattr(node.settings.when, "anchor", "") if node else "",
        **given,
    )


def _under_way(one: Standing, *, now: datetime) -> DoneStep:
    return DoneStep(
        instance=one.instance,
        journey=one.journey,
        node_id=one.node_id,
        name=one.name,
        at=one.due or now,
        state="under_way",
        anchor=anchor_of(one.meant) or "",
    )


def _sent(wedding: Wedding) -> tuple[DoneStep, ...]:
    """Give what went out already, one entry for each step, the newest last."""
    instances = {one.public_id: one for one in _instances(wedding).values()}
    rows = Message.objects.filter(instance_ref__in=list(instances), status=Message.Status.ACCEPTED).order_by(
        "-id"
    )[:MOST_NAMED]
    steps: dict[tuple[str, str], list[Message]] = {}
    for row in reversed(rows):
        steps.setdefault((row.instance_ref, row.node_id), []).append(row)
    found = []
    for (instance_ref, node_id), messages in steps.items():
        instance = instances[instance_ref]
        found.append(
            _done(
                instance,
                graph_of(instance.version_id),
                node_id,
                at=max(one.settled_at or one.created_at for one in messages),
                state="sent",
                people=tuple(
                    Copy(one.recipient_role, one.channel, one.status, one.delivery) for one in messages
                ),
            )
        )
    return tuple(found)


def _triggers(
    wedding: Wedding, before: WeddingState, after: WeddingState, *, now: datetime
) -> Iterator[TriggerMove]:
    """Tell which journeys start by a date that moved, and whether they still do."""
    stood, stands = calendar_from(before, wedding.vendor), calendar_from(after, wedding.vendor)
    for journey in dates.journeys_by_date(wedding.vendor):
        was, becomes = dates.moment(journey, stood, now=now), dates.moment(journey, stands, now=now)
        if was == becomes:
            continue
        entered = Instance.objects.filter(journey=journey, client_id=wedding.client_id).exists()
        effect = _trigger_effect(becomes, entered=entered, now=now)
        yield TriggerMove(journey.public_id, journey.name, was, becomes, effect, _TRIGGER_SENTENCES[effect])


_TRIGGER_SENTENCES = {
    "waits": "It does not start until there is a date.",
    "missed": "Its moment has passed: it does not start by itself. Start it by hand where it is wanted.",
    "started_already": "The couple have been in it; at the new date it starts again if it may be entered again.",
    "starts": "It starts by itself at the new date.",
}


def _trigger_effect(becomes: datetime | None, *, entered: bool, now: datetime) -> str:
    if becomes is None:
        return "waits"
    if becomes <= now:
        return "missed"
    return "started_already" if entered else "starts"


def _started(move: WeddingMove | None) -> tuple[PassageChange, ...]:
    """Give the passages that the change's own event has begun."""
    if move is None:
        return ()
    events = TriggerEvent.objects.filter(
        vendor_id=move.vendor_id, event_id__in=[f"{name}:{move.public_id}" for name in EVENTS]
    )
    refs = [one["instance"] for event in events for one in event.outcomes if one.get("instance")]
    rows = Instance.objects.filter(vendor_id=move.vendor_id, public_id__in=refs).select_related("journey")
    return tuple(
        PassageChange(one.journey.public_id, one.journey.name, one.public_id, "Starts with this change.")
        for one in rows.order_by("id")
    )


#: The events that a change of the day itself makes.
EVENTS = ("wedding_date_set", "wedding_postponed", "wedding_cancelled")


def _ended(stood: Mapping[str, Standing], wedding: Wedding) -> tuple[PassageChange, ...]:
    rows = (
        Instance.objects.filter(wedding=wedding, public_id__in={one.instance for one in stood.values()})
        .exclude(status__in=Instance.LIVE)
        .select_related("journey")
        .order_by("id")
    )
    return tuple(
        PassageChange(one.journey.public_id, one.journey.name, one.public_id, one.reason) for one in rows
    )
