"""Carry out in memory what steps ask to change, and say it in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any, Protocol

from engine.places import Place
from engine.services.results import Claim
from engine.simulation.couple import BOOKED, BOOKING
from engine.simulation.records import note_asked
from engine.simulation.world import MOST_PASSAGES, Passage, World
from journeys.language.calendar import local_time
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph
from journeys.language.outcomes import (
    AddTag,
    Asked,
    AssignVariant,
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

#: Finds the published graph of another journey by its public id, with its name.
Library = Callable[[str], tuple[str, Graph] | None]


class Run(Protocol):
    """What changes may do to a simulation under way."""

    @property
    def world(self) -> World:
        """Return the couple and everything that happens to it."""

    @property
    def library(self) -> Library:
        """Return where other journeys are found."""

    def wake(self, *topics: str) -> None:
        """Ask every step again that waits for one of the topics."""

    def dates_changed(self) -> None:
        """Let every timed token follow the couple's dates."""

    def end(self, passage: Passage, *, result: str, reason: str) -> None:
        """End a passage from outside."""


@singledispatch
def apply(change: Any, run: Run, passage: Passage, claim: Claim) -> str:
    """Change the couple in memory and return a sentence; "" for what nobody needs to read."""
    del run, passage, claim
    return f"Asks for {type(change).__name__}."


@apply.register
def _(change: AddTag, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    if run.world.couple.add_tag(change.tag):
        run.wake("client")
    return f"Puts on the tag {change.tag}."


@apply.register
def _(change: RemoveTag, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    if run.world.couple.remove_tag(change.tag):
        run.wake("client")
    return f"Takes off the tag {change.tag}."


@apply.register
def _(change: SetStatus, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    couple = run.world.couple
    couple.client.status = change.status
    run.wake("client")
    if change.status == BOOKED and not any(one.name == BOOKING for one in couple.anchors):
        couple.set_anchor(BOOKING, local_time(run.world.now, couple.vendor.time_zone).date())
        run.dates_changed()
    return f"Sets the status to {change.status}."


@apply.register
def _(change: SetField, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    client = run.world.couple.client
    client.fields = {**(client.fields or {}), change.name: change.value}
    run.wake("client")
    return f"Writes down {change.name}."


@apply.register
def _(change: IncrementField, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    client = run.world.couple.client
    before = (client.fields or {}).get(change.name) or 0
    client.fields = {**(client.fields or {}), change.name: before + change.by}
    run.wake("client")
    return f"Adds {change.by} to {change.name}."


@apply.register
def _(change: Asked, run: Run, passage: Passage, claim: Claim) -> str:
    place = Place(passage.instance.public_id, claim.node_id, claim.branch, claim.visit)
    note_asked(passage, place, reminder=change.reminder, now=run.world.now)
    return ""


@apply.register
def _(change: CreateTask, run: Run, passage: Passage, claim: Claim) -> str:
    del run
    place = str(Place(passage.instance.public_id, claim.node_id, claim.branch, claim.visit))
    passage.tasks[claim.node_id] = {"status": "open", "choice": "", "done_at": None, "place": place}
    due = f", due {change.due.isoformat()}" if change.due else ""
    return f"Puts a task on the list: {change.title}{due}."


@apply.register
def _(change: SetVariable, run: Run, passage: Passage, claim: Claim) -> str:
    del claim
    passage.instance.variables = {**(passage.instance.variables or {}), change.name: change.value}
    run.wake("variables")
    return f"Remembers {change.name}."


@apply.register
def _(change: SetAnchor, run: Run, passage: Passage, claim: Claim) -> str:
    del passage, claim
    run.world.couple.set_anchor(change.name, change.date)
    run.dates_changed()
    name = change.name.replace("_", " ")
    return (
        f"Sets the date of the {name} to {change.date.isoformat()}." if change.date else f"Clears the {name}."
    )


@apply.register
def _(change: AssignVariant, run: Run, passage: Passage, claim: Claim) -> str:
    del run, claim
    passage.variants.setdefault(change.experiment, change.variant)
    return ""


@apply.register
def _(change: StartJourney, run: Run, passage: Passage, claim: Claim) -> str:
    found = run.library(change.journey)
    if found is None:
        run.world.warn(f"The journey {change.journey} that a step starts is not published.")
        return "Would start a journey that is not published."
    name, graph = found
    if len(run.world.passages) >= MOST_PASSAGES:
        run.world.warn(f"No more than {MOST_PASSAGES} journeys are followed that start each other.")
        return f"Starts {name}."
    try:
        variables = graph.start_variables(change.variables)
    except DefinitionInvalid as error:
        run.world.warn(f"{name} can not be started: {error.problems[0].message}")
        return f"Would start {name}, which refuses."
    place = Place(passage.instance.public_id, claim.node_id, claim.branch, claim.visit)
    started = run.world.begin(graph, name=name, now=run.world.now, variables=variables, started_by=str(place))
    passage.started[claim.node_id] = {
        "status": "active",
        "result": "",
        "instance": started.instance.public_id,
        "journey": change.journey,
    }
    return f"Starts {name}."


@apply.register
def _(change: LeaveJourney, run: Run, passage: Passage, claim: Claim) -> str:
    del claim
    found = run.library(change.journey)
    if found is None:
        return ""
    for other in run.world.passages:
        if other is not passage and other.live and other.name == found[0]:
            run.end(other, result="cancelled", reason=change.reason or "Left for another journey.")
    return f"Leaves {found[0]}."


def ended(run: Run, passage: Passage) -> None:
    """Tell who started a passage that it is over."""
    place = Place.of_key(f"{passage.instance.started_by}:0") if passage.instance.started_by else None
    for parent in run.world.passages:
        if place is not None and parent.instance.public_id == place.instance:
            entry = parent.started.get(place.node_id)
            if entry is not None:
                entry.update(status="completed", result=passage.result)
    if place is not None:
        run.wake("journey")
