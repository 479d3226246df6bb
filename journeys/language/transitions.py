"""From where a couple stands and what a step answered to where they go next; nothing is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from .errors import ErrorClass, UnknownPort, VisitLimitReached
from .graph import Graph
from .outcomes import Advance, Fail, Finish
from .timing import Calendar, Due, due_of

#: Rounds of one token through a loop.
MAX_VISITS = 100

PlanStatus = Literal["succeeded", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a token stands."""

    node_id: str
    branch: str
    #: Counted from 1; grows by 1 each time the token goes back.
    visit: int


@dataclass(frozen=True, slots=True)
class Successor:
    """Say where a token goes next and when it is due there."""

    node_id: str
    branch: str
    visit: int
    due: Due


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what is to be written down after a step."""

    status: PlanStatus
    #: The port the step was left by; "" when it was not left.
    port: str
    successors: tuple[Successor, ...]
    #: The token ends here.
    finished: bool
    reason: str
    output: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stays(self) -> bool:
        """Tell whether the token can go nowhere by itself: somebody must look at it."""
        return not self.finished and not self.successors


def arrive(
    graph: Graph, node_id: str, *, branch: str, visit: int, calendar: Calendar, now: datetime
) -> Successor:
    """Return the place at a step, with the moment it is due there."""
    settings = graph.nodes[node_id].settings
    return Successor(node_id, branch, visit, due_of(settings.when, calendar=calendar, reached=now))


def plan(
    graph: Graph, place: Place, outcome: Advance | Finish | Fail, *, calendar: Calendar, now: datetime
) -> Plan:
    """Return what follows from a step's answer.

    A failure of the class user leaves by the error port where an edge leads on, is skipped where the
    step says so, and otherwise stays for a person; failures of the other classes always stay.
    Raises UnknownPort for a port the step does not have, VisitLimitReached for a loop without end.
    """
    match outcome:
        case Advance():
            successor = _follow(graph, place, outcome.port, calendar=calendar, now=now)
            return Plan(
                "succeeded",
                outcome.port,
                (successor,),
                finished=False,
                reason=outcome.reason,
                output=outcome.output,
            )
        case Finish():
            return Plan(
                "succeeded", "", (), finished=True, reason=outcome.reason, output={"result": outcome.result}
            )
        case Fail():
            return _failed(graph, place, outcome, calendar=calendar, now=now)


def skip(graph: Graph, place: Place, reason: str, *, calendar: Calendar, now: datetime) -> Plan:
    """Return what follows when a step is passed over: it is left by `next`, or else by its last port.

    A step without any port (the end) ends the passage when it is skipped.
    """
    ports = graph.nodes[place.node_id].ports
    if not ports:
        return Plan("skipped", "", (), finished=True, reason=reason)
    port = "next" if "next" in ports else ports[-1]
    successor = _follow(graph, place, port, calendar=calendar, now=now)
    return Plan("skipped", port, (successor,), finished=False, reason=reason)


def _failed(graph: Graph, place: Place, fail: Fail, *, calendar: Calendar, now: datetime) -> Plan:
    output = {"error": {"class": fail.error_class.value, "code": fail.code}}
    if fail.error_class is ErrorClass.USER:
        if graph.successor(place.node_id, "error") is not None:
            successor = _follow(graph, place, "error", calendar=calendar, now=now)
            return Plan("failed", "error", (successor,), finished=False, reason=fail.message, output=output)
        if graph.nodes[place.node_id].settings.on_error == "skip":
            return skip(graph, place, fail.message, calendar=calendar, now=now)
    return Plan("failed", "", (), finished=False, reason=fail.message, output=output)


def _follow(graph: Graph, place: Place, port: str, *, calendar: Calendar, now: datetime) -> Successor:
    """Return the place behind a port."""
    target = graph.successor(place.node_id, port)
    if target is None:
        raise UnknownPort(
            f"The step {place.node_id!r} was left by its port {port!r}, from which no edge leads on. "
            "Connect it in a new version of the journey."
        )
    visit = place.visit + graph.is_back_edge(place.node_id, port)
    if visit > MAX_VISITS:
        raise VisitLimitReached(
            f"The step {place.node_id!r} goes back for the {MAX_VISITS}th time. Give the loop a way out."
        )
    return arrive(graph, target, branch=place.branch, visit=visit, calendar=calendar, now=now.astimezone(UTC))
