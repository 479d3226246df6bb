"""What of a version decides how many come to each of its steps: worked out once, for all couples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from engine.nodes.split import WeightedBranches
from journeys.language import transitions
from journeys.language.calendar import Calendar, due_of
from journeys.language.errors import LanguageError
from journeys.language.graph import Graph, Node
from journeys.language.outcomes import Advance, Fork
from journeys.language.transitions import Place

#: The way out of a step for which nobody answered in time.
TIMEOUT = "timeout"
#: Kinds of timing that hang on a date, so that the step can be late.
_DATED = frozenset({"date", "anchor"})
#: Where a way leads does not hang on these: only when it is gone does.
_ANY_DATES = Calendar(anchors={}, wedding_zone="UTC", vendor_zone="UTC")
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)

Rounds = tuple[tuple[str, int], ...]
#: How often each way out of a step was taken: {(step, port): times}.
Taken = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Stop:
    """A step, with what a walk asks of it again and again."""

    node: Node
    #: Its place in an order in which every way but those back leads onwards.
    rank: int
    #: It stays until somebody answers or something happens.
    asks: bool
    #: It writes to somebody, which is done within the sending hours.
    writes: bool
    dated: bool
    forks: bool
    #: The whole passage ends with it.
    ends_all: bool


class Onward(NamedTuple):
    """Where a way leads."""

    node_id: str
    branch: str
    visit: int
    rounds: Rounds
    #: At its merge, where it waits for the other branches.
    arrives: bool


class Course:
    """A version, with the share of the couples that leaves each step by each of its ports."""

    def __init__(self, graph: Graph, taken: Taken) -> None:
        """Take the graph, and how often its ways were taken before."""
        self.graph = graph
        ranks = _ranks(graph)
        self.stops = {node_id: _stop(node, ranks[node_id]) for node_id, node in graph.nodes.items()}
        #: The merge that belongs to a split.
        self.merges = {node.join.split: node.id for node in graph.nodes.values() if node.join is not None}
        self._taken: dict[str, dict[str, int]] = defaultdict(dict)
        for (node_id, port), times in taken.items():
            self._taken[node_id][port] = times
        self._shares: dict[tuple[str, bool], tuple[tuple[str, float], ...]] = {}
        self._onward: dict[tuple[str, str, int, Rounds, tuple[str, ...]], tuple[Onward, ...]] = {}

    def ways(self, node: Node, *, rounds: int) -> tuple[tuple[str, float], ...]:
        """Give the ports that a step is left by, each with its share of those who come to it.

        Of a step that forks, each port has a share of its own; of any other they add up to 1. `rounds` is how often
        the step has sent the token back already.
        """
        counted = node.node_type.counted_ports
        may_go_back = bool(counted) and rounds < int(getattr(node.settings, "at_most", 0))
        known = self._shares.get((node.id, may_go_back))
        if known is None:
            known = self._shares[node.id, may_go_back] = self._worked_out(node, may_go_back=may_go_back)
        return known

    def _worked_out(self, node: Node, *, may_go_back: bool) -> tuple[tuple[str, float], ...]:
        counted = node.node_type.counted_ports
        ports = tuple(port for port in node.ports if may_go_back or port not in counted)
        decides = any(True for _ in node.node_type.expressions(node.settings))
        if node.takes_all:
            return tuple((port, 1.0) for port in ports)
        if may_go_back and not decides:
            return tuple((port, 1.0) for port in counted)
        by = getattr(node.settings, "by", None)
        if isinstance(by, WeightedBranches):
            whole = sum(branch.weight for branch in by.branches)
            return tuple((branch.port, branch.weight / whole) for branch in by.branches)
        if node.node_type.forks(node.settings):
            return self._side_by_side(node, ports)
        before = {port: self._taken[node.id].get(port, 0) for port in ports}
        total = sum(before.values())
        return tuple((port, before[port] / total if total else 1 / len(ports)) for port in ports)

    def _side_by_side(self, node: Node, ports: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
        """Give the share of each branch that is taken beside others; history names together all that were taken."""
        before = self._taken[node.id]
        total = sum(before.values())
        if not total:
            return tuple((port, 1 / len(ports)) for port in ports)
        return tuple(
            (port, sum(times for names, times in before.items() if port in names.split(",")) / total)
            for port in ports
        )

    def onward(
        self, node_id: str, branch: str, visit: int, rounds: Rounds, ports: tuple[str, ...]
    ) -> tuple[Onward, ...]:
        """Give where ports lead; no port is the way of who passes the step over. Nowhere where no way is known."""
        key = (node_id, branch, visit, rounds, ports)
        known = self._onward.get(key)
        if known is None:
            known = self._onward[key] = self._followed(Place(node_id, branch, visit, dict(rounds)), ports)
        return known

    def _followed(self, place: Place, ports: tuple[str, ...]) -> tuple[Onward, ...]:
        dates, now = _ANY_DATES, _ANY_TIME
        try:
            if not ports:
                plan = transitions.skip(self.graph, place, "", calendar=dates, now=now)
            else:
                outcome = Fork(ports) if self.stops[place.node_id].forks else Advance(ports[0])
                plan = transitions.plan(self.graph, place, outcome, calendar=dates, now=now)
        except LanguageError:
            return ()
        return tuple(
            Onward(one.node_id, one.branch, one.visit, tuple(sorted(one.rounds.items())), one.arrives)
            for one in plan.successors
        )

    def gives_up(self, node: Node, *, calendar: Calendar, asked: datetime) -> datetime | None:
        """Give the moment at which a step that asked goes on without an answer; None when it never does."""
        timeout = getattr(node.settings, "timeout", None)
        if timeout is None or TIMEOUT not in node.ports:
            return None
        try:
            until = due_of(timeout, calendar=calendar, reached=asked).instant
        except LanguageError:
            return None
        return max(until, asked) if until is not None else None


def _stop(node: Node, rank: int) -> Stop:
    settings = node.settings
    return Stop(
        node=node,
        rank=rank,
        asks=hasattr(settings, "timeout")
        and bool(getattr(settings, "wait", True))
        and getattr(settings, "wait_for", "") != "nothing",
        writes=node.node_type.outside and node.node_type.speaks,
        dated=settings.when is not None and settings.when.kind in _DATED,
        forks=node.node_type.forks(settings),
        ends_all=getattr(settings, "ends", "branch") == "journey",
    )


def _ranks(graph: Graph) -> dict[str, int]:
    """Order the steps so that each comes behind all that lead to it, ways back left out."""
    onwards: dict[str, list[str]] = defaultdict(list)
    leading = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        if not graph.is_back_edge(edge.source, edge.port):
            onwards[edge.source].append(edge.target)
            leading[edge.target] += 1
    free = [node_id for node_id, ways in leading.items() if not ways]
    ranks: dict[str, int] = {}
    while free:
        node_id = free.pop()
        ranks[node_id] = len(ranks)
        for target in onwards[node_id]:
            leading[target] -= 1
            if not leading[target]:
                free.append(target)
    return ranks
