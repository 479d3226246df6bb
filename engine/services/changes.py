"""Carry out what steps ask to change, in the transaction that commits the step.

The caller holds the passage's lock, and the wedding's before it where the step says `touches_wedding`. A service's own
error (`ServiceError`) means that this couple's data does not allow the change: nothing of the step is kept then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, VariantAssignment
from engine.places import Place
from engine.services import asking, sub_journeys
from engine.services.waking import wake
from journeys.errors import Invalid
from journeys.language.outcomes import (
    AddTag,
    Asked,
    AssignVariant,
    Change,
    CreateTask,
    IncrementField,
    LeaveJourney,
    RemoveTag,
    SetAnchor,
    SetField,
    SetStatus,
    SetVariable,
    StartJourney,
)
from journeys.models import Client
from journeys.services import clients, tasks
from journeys.services.weddings import anchor_set


@dataclass(frozen=True, slots=True)
class Planned:
    """One change of one step, and whom it is for."""

    change: Change
    client: Client
    #: The step's place and the change's number, "<place>:<number>".
    source: str
    actor: str


def apply_all(planned: Sequence[Planned], *, now: datetime) -> None:
    """Apply changes of different steps; what many have in common is one statement for all of them.

    Raises:
        TypeError: no service is known for a kind of change.
        ServiceError: a change can not be made for its client; the code says why.
    """
    tagged: dict[str, list[tuple[Client, str]]] = defaultdict(list)
    for one in planned:
        if isinstance(one.change, AddTag):
            tagged[one.change.tag].append((one.client, one.actor))
        else:
            apply(one.change, client=one.client, source=one.source, actor=one.actor, now=now)
    for name, people in tagged.items():
        clients.tags_add(clients=people, name=name, now=now)


@singledispatch
def apply(change: Any, *, client: Client, source: str, actor: str, now: datetime, **_more: Any) -> None:
    """Apply one change of a step; `source` is the step's place and the change's number, "<place>:<number>".

    Raises:
        TypeError: no service is known for this kind of change.
        ServiceError: the change can not be made for this client; the code says why.
    """
    del client, source, actor, now
    message = f"No service carries out {type(change).__name__}."
    raise TypeError(message)


@apply.register
def _(change: RemoveTag, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.tag_remove(client=client, name=change.tag, now=now, actor=actor)


@apply.register
def _(change: SetStatus, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.client_change(client=client, status=change.status, now=now, actor=actor)


@apply.register
def _(change: SetField, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.set_field(client=client, name=change.name, value=change.value, now=now, actor=actor)


@apply.register
def _(change: IncrementField, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.field_increment(client=client, name=change.name, by=change.by, now=now, actor=actor)


@apply.register
def _(change: CreateTask, *, client: Client, source: str, actor: str, now: datetime, **_more: Any) -> None:
    tasks.task_add(
        client=client,
        title=change.title,
        note=change.note,
        due_on=change.due,
        choices=change.choices,
        source=source,
        now=now,
        actor=actor,
    )


@apply.register
def _(change: SetVariable, *, client: Client, source: str, now: datetime, **_more: Any) -> None:
    instance = _instance(source)
    declared = graph_of(instance.version_id).variables.get(change.name)
    if declared is None:
        message = f"The journey declares no variable {change.name!r}."
        raise Invalid(message, code="unknown_variable")
    if not declared.accepts(change.value):
        message = f"The variable {change.name!r} takes a {declared.kind}: correct the step's value."
        raise Invalid(message, code="bad_variable")
    instance.variables = {**(instance.variables or {}), change.name: change.value}
    instance.save(update_fields=["variables"])
    wake(client_id=client.id, topics=["variables"], now=now)


@apply.register
def _(change: SetAnchor, *, source: str, actor: str, now: datetime, **_more: Any) -> None:
    wedding = _instance(source).wedding
    if wedding is None:
        message = "This client has no wedding whose dates could be set: add one."
        raise Invalid(message, code="no_wedding")
    anchor_set(wedding=wedding, name=change.name, date=change.date, now=now, actor=actor)


@apply.register
def _(change: AssignVariant, *, client: Client, source: str, now: datetime, **_more: Any) -> None:
    instance = _instance(source)
    VariantAssignment.objects.get_or_create(
        journey_id=instance.journey_id,
        client=client,
        experiment=change.experiment,
        defaults={"vendor_id": instance.vendor_id, "variant": change.variant, "assigned_at": now},
    )


@apply.register
def _(change: StartJourney, *, source: str, actor: str, now: datetime, **_more: Any) -> None:
    sub_journeys.sub_journey_start(
        parent=_instance(source),
        place=f"{_place(source)}",
        journey=change.journey,
        variables=change.variables,
        now=now,
        actor=actor,
    )


@apply.register
def _(change: LeaveJourney, *, client: Client, source: str, actor: str, now: datetime, **_more: Any) -> None:
    sub_journeys.journey_leave(
        instance=_instance(source),
        client=client,
        journey=change.journey,
        reason=change.reason,
        now=now,
        actor=actor,
    )


@apply.register
def _(change: Asked, *, source: str, now: datetime, **_more: Any) -> None:
    asking.ask_note(place=_place(source), kind=change.kind, reminder=change.reminder, now=now)


def _place(source: str) -> Place:
    place = Place.of_key(source)
    if place is None:
        message = f"A change is known by its step's place and its number, not by {source!r}."
        raise ValueError(message)
    return place


def _instance(source: str) -> Instance:
    """Read the passage whose step this is; the caller holds its lock."""
    rows = Instance.objects.select_related("vendor", "client__vendor", "wedding__vendor", "journey")
    return rows.get(public_id=_place(source).instance)
