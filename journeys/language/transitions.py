"""From where a couple stands and what a step answered to where they go next; nothing is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from . import branches, joins
from .errors import ErrorClass, UnknownPort, VisitLimitReached
from .graph import Graph
from .outcomes import Advance, Fail, Finish, Fork
from .timing import Calendar, Due, due_of

#: Rounds of one token through a loop.
MAX_VISITS = 100

#: Why a token stands still at a merge.
AT_MERGE = "Waits for the other branches."

PlanStatus = Literal["succeeded", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a token stands."""

    node_id: str
    branch: str
    #: Counted from 1; grows by 1 each time the token goes back.
    visit: int
    #: How often each step has sent the token back, in the loops it is in.
    rounds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Successor:
    """Say where a token goes next and when it is due there."""

    node_id: str
    branch: str
    visit: int
    due: Due
    rounds: Mapping[str, int] = field(default_factory=dict)
    #: It has come to a merge and waits there for the other branches.
    arrives: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what is to be written down after a step."""

    status: PlanStatus
    #: The port the step was left by; "" when it was not left.
    port: str
    successors: tuple[Successor, ...]
    #: The token ends here; the passage is over when it was the last one.
    finished: bool
    reason: str
    #: The passage is over, whatever other tokens it has.
    everything: bool = False
    output: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stays(self) -> bool:
        """Tell whether the token can go nowhere by itself: somebody must look at it."""
        return not self.finished and not self.successors


def arrive(
    graph: Graph,
    node_id: str,
    *,
    branch: str,
    visit: int,
    calendar: Calendar,
    now: datetime,
    rounds: Mapping[str, int] | None = None,
) -> Successor:
    """Return the place at a step, with the moment it is due there.

    At the merge of the split the branch came out of there is no such moment: the other branches decide.
    """
    if joins.arrives(graph, node_id, branch):
        return Successor(node_id, branch, visit, Due(None, None, AT_MERGE), rounds or {}, arrives=True)
    due = due_of(graph.nodes[node_id].settings.when, calendar=calendar, reached=now)
    return Successor(node_id, branch, visit, due, rounds or {})


def plan(
    graph: Graph, place: Place, outcome: Advance | Fork | Finish | Fail, *, calendar: Calendar, now: datetime
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
                "skipped" if outcome.skipped else "succeeded",
                outcome.port,
                (successor,),
                finished=False,
                reason=outcome.reason,
                output=outcome.output,
            )
        case Fork():
            return _fork(graph, place, outcome, calendar=calendar, now=now)
        case Finish():
            return Plan(
                "succeeded",
                "",
                (),
                finished=True,
                reason=outcome.reason,
                everything=outcome.everything,
                output={"result": outcome.result},
            )
        case Fail():
            return _failed(graph, place, outcome, calendar=calendar, now=now)


def skip(graph: Graph, place: Place, reason: str, *, calendar: Calendar, now: datetime) -> Plan:
    """Return what follows when a step is passed over: it is left by `next`, or else by its last port.

    A step without any port (the end) ends the token's way when it is skipped; a split goes on in one branch.
    """
    ports = graph.nodes[place.node_id].ports
    if not ports:
        return Plan("skipped", "", (), finished=True, reason=reason)
    port = "next" if "next" in ports else ports[-1]
    node = graph.nodes[place.node_id]
    if node.node_type.forks(node.settings):
        plan = _fork(graph, place, Fork((port,), reason=reason), calendar=calendar, now=now)
        return replace(plan, status="skipped")
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


def _fork(graph: Graph, place: Place, fork: Fork, *, calendar: Calendar, now: datetime) -> Plan:
    """Return a token for each port, in a branch of its own; rounds begin anew there."""
    successors = tuple(
        arrive(
            graph,
            _behind(graph, place, port),
            branch=branches.inside(place.branch, split=place.node_id, visit=place.visit, port=port),
            visit=1,
            rounds=place.rounds,
            calendar=calendar,
            now=now.astimezone(UTC),
        )
        for port in dict.fromkeys(fork.ports)
    )
    if not successors:
        raise UnknownPort(
            f"The step {place.node_id!r} was left by no port at all. Give it one that is taken."
        )
    return Plan(
        "succeeded", ",".join(fork.ports), successors, finished=False, reason=fork.reason, output=fork.output
    )


def _behind(graph: Graph, place: Place, port: str) -> str:
    target = graph.successor(place.node_id, port)
    if target is None:
        raise UnknownPort(
            f"The step {place.node_id!r} was left by its port {port!r}, from which no edge leads on. "
            "Connect it in a new version of the journey."
        )
    return target


def _follow(graph: Graph, place: Place, port: str, *, calendar: Calendar, now: datetime) -> Successor:
    """Return the place behind a port."""
    target = _behind(graph, place, port)
    visit, rounds = place.visit, place.rounds
    if graph.is_counted(place.node_id, port):
        rounds = {**rounds, place.node_id: rounds.get(place.node_id, 0) + 1}
    if graph.is_back_edge(place.node_id, port):
        visit += 1
        rounds = _anew(graph, (place.node_id, port), rounds)
    if visit > MAX_VISITS:
        raise VisitLimitReached(
            f"The step {place.node_id!r} goes back for the {MAX_VISITS}th time. Give the loop a way out."
        )
    return arrive(
        graph,
        target,
        branch=place.branch,
        visit=visit,
        rounds=rounds,
        calendar=calendar,
        now=now.astimezone(UTC),
    )


def _anew(graph: Graph, edge: tuple[str, str], rounds: Mapping[str, int]) -> dict[str, int]:
    """Count from nothing again in the loops inside the one that begins anew by this edge."""
    body = graph.loop_of(*edge)
    return {name: times for name, times in rounds.items() if name not in body or graph.closes(edge, name)}
