"""Follow the tokens of many couples at once, by the share of them that takes each way; nothing is touched.

What is due, where a token goes and what being late means is decided by the language, as it is for a worker. What only
the couple can decide is not known here: a step that asks is left by its time-out, a choice by the shares of `Course`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from journeys.language import branches, joins
from journeys.language.calendar import ON_TIME, Calendar, due_of, lateness
from journeys.language.errors import LanguageError
from monitoring.forecast.course import TIMEOUT, Course, Onward, Rounds, Stop

#: Smaller shares of a couple are not followed any further.
NEGLIGIBLE = 0.0005

Kind = Literal["standing", "to_start", "to_follow"]
#: (moment, type of the step, kind) → how many come to it then, of one couple.
Steps = dict[tuple[datetime, str, Kind], float]


class Token(NamedTuple):
    """Where a token stands when the walk begins."""

    node_id: str
    branch: str
    visit: int
    rounds: Rounds
    #: When it goes on; None when it does not by itself.
    at: datetime | None
    kind: Kind
    #: It has asked already, and goes on by its time-out.
    asked: bool = False
    #: It has come to its merge and waits for the other branches.
    arrived: bool = False


class _Spot(NamedTuple):
    """A place and a moment; in the order of time, and of the steps where the time is the same."""

    at: datetime
    rank: int
    node_id: str
    branch: str
    visit: int
    rounds: Rounds
    asked: bool
    kind: Kind


@dataclass(slots=True)
class _Scope:
    """One passage of a split, and what has become of its branches; all numbers are shares of a couple."""

    split: str
    around: str
    visit: int
    entered: float = 0.0
    arrived: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    #: What will not arrive any more: branches that ended, or were not taken.
    gone: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    #: What of those that arrived has gone on behind the merge.
    merged: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    fired: float = 0.0
    #: What has ended in all its branches, so that nothing comes to the merge.
    over: float = 0.0
    rounds: dict[str, int] = field(default_factory=dict)

    def settled(self, ports: Sequence[str]) -> float:
        """Give the share of which no branch is under way any more."""
        return min((self.arrived[port] + self.gone[port] for port in ports), default=0.0)

    def enough(self, count: int | None, ports: Sequence[str]) -> float:
        """Give the share for which enough branches have arrived: `count`, or all that will."""
        enough = min(self.settled(ports), sum(self.arrived.values()))
        if count is not None and count <= len(ports):
            enough = max(enough, sorted((self.arrived[port] for port in ports), reverse=True)[count - 1])
        return enough


class Walker:
    """Walks through one version with the dates of one couple, for all who share them."""

    def __init__(self, course: Course, calendar: Calendar, *, until: datetime) -> None:
        """Look no further than `until`."""
        self.course, self.calendar, self.until = course, calendar, until
        #: When a step is due that hangs on a date, whenever it is come to.
        self._due: dict[str, datetime | None] = {}

    def walk(self, tokens: Sequence[Token]) -> Steps:
        """Give what the tokens of one passage come to before `until`."""
        return _Walk(self, tokens).steps

    def due(self, node_id: str, at: datetime) -> datetime | None:
        """Give when a step is carried out that is come to at this moment; None without the date it hangs on."""
        stop = self.course.stops[node_id]
        when = stop.node.settings.when
        if when is None:
            return at
        if not stop.dated:
            instant = self._instant(stop, at)
        elif node_id in self._due:
            instant = self._due[node_id]
        else:
            instant = self._due[node_id] = self._instant(stop, at)
        return max(instant, at) if instant is not None else None

    def _instant(self, stop: Stop, at: datetime) -> datetime | None:
        try:
            return due_of(stop.node.settings.when, calendar=self.calendar, reached=at).instant
        except LanguageError:
            return None

    def verdict(self, stop: Stop, at: datetime) -> str:
        """Say what a step's late rule does when the step is come to at this moment."""
        if not stop.dated or (instant := self._due_of(stop, at)) is None or at - instant <= ON_TIME:
            return "on_time"
        meant = due_of(stop.node.settings.when, calendar=self.calendar, reached=at).meant
        return lateness(stop.node.settings.late, meant, instant=instant, now=at, calendar=self.calendar)

    def _due_of(self, stop: Stop, at: datetime) -> datetime | None:
        """Give the instant that a dated step is meant for, in the past as well."""
        self.due(stop.node.id, at)
        return self._due[stop.node.id]

    def opens(self, at: datetime) -> datetime:
        """Give the first moment from then on at which people may be written to."""
        return self.calendar.sending.next_open(at, self.calendar.wedding_zone)


class _Walk:
    """One walk: shares of one passage, in the order of time."""

    def __init__(self, walker: Walker, tokens: Sequence[Token]) -> None:
        self.walker, self.course, self.graph = walker, walker.course, walker.course.graph
        self.steps: Steps = defaultdict(float)
        self._left: dict[_Spot, float] = {}
        self._next: list[_Spot] = []
        self._scopes: dict[tuple[str, str, int], _Scope] = {}
        self._begin(tokens)
        while self._next:
            spot = heappop(self._next)
            share = self._left.pop(spot, 0.0)
            if share >= NEGLIGIBLE:
                self._carry_out(spot, share)

    def _begin(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            self._enclose(token, tokens)
            if token.node_id in self.graph.nodes and token.at is not None:
                self._put(
                    _Spot(
                        token.at,
                        self.course.stops[token.node_id].rank,
                        token.node_id,
                        token.branch,
                        token.visit,
                        token.rounds,
                        token.asked,
                        token.kind,
                    ),
                    1.0,
                )

    def _enclose(self, token: Token, tokens: Iterable[Token]) -> None:
        """Remember the splits around a token, with the branches of them that are still under way."""
        around, frame = branches.outside(token.branch)
        inner = True
        while frame is not None:
            scope = self._scope(frame.split, around, frame.visit)
            if not scope.entered:
                scope.entered = 1.0
                start = branches.scope(around, split=frame.split, visit=frame.visit)
                under_way = {
                    one.branch[len(start) :].partition("/")[0]
                    for one in tokens
                    if one.branch.startswith(start)
                }
                for port in self._ports(frame.split):
                    scope.gone[port] = float(port not in under_way)
                scope.fired = self._went_on(scope)
            if inner and token.arrived:
                scope.arrived[frame.port] = 1.0
                scope.rounds |= dict(token.rounds)
            inner = False
            around, frame = branches.outside(around)

    def _went_on(self, scope: _Scope) -> float:
        """Guess whether a merge has gone on that lets the other branches go on too: enough of them are gone."""
        merge_id = self.course.merges.get(scope.split)
        rule = self.graph.nodes[merge_id].join if merge_id is not None else None
        if rule is None or rule.count is None or rule.others == "cancel":
            return 0.0
        return float(sum(scope.gone.values()) >= rule.count)

    def _scope(self, split: str, around: str, visit: int) -> _Scope:
        return self._scopes.setdefault((split, around, visit), _Scope(split, around, visit))

    def _ports(self, split: str) -> tuple[str, ...]:
        node = self.graph.nodes.get(split)
        return node.ports if node is not None else ()

    def _put(self, spot: _Spot, share: float) -> None:
        if spot.at >= self.walker.until:
            return
        if spot in self._left:
            self._left[spot] += share
        else:
            self._left[spot] = share
            heappush(self._next, spot)

    def _carry_out(self, spot: _Spot, share: float) -> None:
        stop = self.course.stops[spot.node_id]
        if not spot.asked and not self._is_begun(stop, spot, share):
            return
        if spot.asked:
            self.steps[spot.at, stop.node.type, spot.kind] += share
            self._go(spot, (TIMEOUT,), share)
        elif not stop.node.ports:
            self._end(stop, spot, share)
        elif stop.forks:
            self._fork(stop, spot, share)
        else:
            for port, part in self.course.ways(stop.node, rounds=dict(spot.rounds).get(spot.node_id, 0)):
                self._go(spot, (port,), share * part)

    def _is_begun(self, stop: Stop, spot: _Spot, share: float) -> bool:
        """Tell whether a step is carried out now and left at once: not put off, passed over, or waiting."""
        walker = self.walker
        opens = walker.opens(spot.at) if stop.writes else spot.at
        if opens > spot.at:
            self._put(spot._replace(at=opens), share)
            return False
        verdict = walker.verdict(stop, spot.at)
        if verdict == "ask":
            self._fail(spot, share)
            return False
        self.steps[spot.at, stop.node.type, spot.kind] += share
        if verdict == "skip":
            self._go(spot, (), share)
            return False
        if stop.asks:
            gives_up = self.course.gives_up(stop.node, calendar=walker.calendar, asked=spot.at)
            if gives_up is not None:
                self._put(spot._replace(at=gives_up, asked=True, kind="to_follow"), share)
            return False
        return True

    def _go(self, spot: _Spot, ports: tuple[str, ...], share: float) -> None:
        """Leave a step by a port, or by none where it is passed over."""
        if share:
            for one in self.course.onward(spot.node_id, spot.branch, spot.visit, spot.rounds, ports):
                self._place(one, spot.at, share)

    def _fork(self, stop: Stop, spot: _Spot, share: float) -> None:
        ways = self.course.ways(stop.node, rounds=0)
        scope = self._scope(spot.node_id, spot.branch, spot.visit)
        scope.entered += share
        for port, part in ways:
            scope.gone[port] += share * (1 - part)
        ports = tuple(port for port, _ in ways)
        onward = self.course.onward(spot.node_id, spot.branch, spot.visit, spot.rounds, ports)
        for (_, part), one in zip(ways, onward, strict=False):
            if part:
                self._place(one, spot.at, share * part)

    def _place(self, one: Onward, at: datetime, share: float) -> None:
        if one.arrives:
            self._arrive(one, at, share)
            return
        due = self.walker.due(one.node_id, at)
        if due is not None:
            rank = self.course.stops[one.node_id].rank
            self._put(
                _Spot(
                    due,
                    rank,
                    one.node_id,
                    one.branch,
                    one.visit,
                    one.rounds,
                    asked=False,
                    kind="to_follow",
                ),
                share,
            )

    def _end(self, stop: Stop, spot: _Spot, share: float) -> None:
        """End a token's way, or the whole passage with all its other tokens."""
        if stop.ends_all:
            self._take_away("", share)
        self._will_not_come(spot.branch, spot.at, share)

    def _fail(self, spot: _Spot, share: float) -> None:
        """Leave a token to a person; a merge that does not wait for such branches goes on without it."""
        _around, frame = branches.outside(spot.branch)
        merge_id = self.course.merges.get(frame.split) if frame is not None else None
        rule = self.graph.nodes[merge_id].join if merge_id is not None else None
        if rule is not None and rule.failed == "go_on":
            self._will_not_come(spot.branch, spot.at, share)

    def _will_not_come(self, branch: str, at: datetime, share: float) -> None:
        """Tell the merge around a branch that this share of it is not waited for any more."""
        around, frame = branches.outside(branch)
        if frame is not None:
            scope = self._scope(frame.split, around, frame.visit)
            scope.gone[frame.port] += share
            self._merge(scope, at)

    def _arrive(self, one: Onward, at: datetime, share: float) -> None:
        around, frame = branches.outside(one.branch)
        if frame is None:
            return
        scope = self._scope(frame.split, around, frame.visit)
        scope.arrived[frame.port] += share
        for name, times in one.rounds:
            scope.rounds[name] = max(times, scope.rounds.get(name, 0))
        self._merge(scope, at)

    def _merge(self, scope: _Scope, at: datetime) -> None:
        """Let go on behind the merge what has become enough by now, and tell the split around what has ended."""
        merge_id = self.course.merges.get(scope.split)
        rule = self.graph.nodes[merge_id].join if merge_id is not None else None
        ports = self._ports(scope.split)
        enough = scope.enough(rule.count, ports) if rule is not None else 0.0
        over = scope.settled(ports) - max(enough, scope.fired) - scope.over
        if over > NEGLIGIBLE:
            scope.over += over
            self._will_not_come(scope.around, at, over)
        new = enough - scope.fired
        if merge_id is None or rule is None or new < NEGLIGIBLE:
            return
        left = scope.entered - scope.fired
        scope.fired = enough
        for port in ports:
            came = min(scope.arrived[port], enough) - scope.merged[port]
            if came > 0:
                scope.merged[port] += came
                # Who comes to a merge is written down, and so is the merge that goes on.
                self.steps[at, self.graph.nodes[merge_id].type, "to_follow"] += came
        if rule.count is not None and rule.others == "cancel" and left > 0:
            inside = branches.scope(scope.around, split=scope.split, visit=scope.visit)
            self._take_away(inside, min(new / left, 1.0))
        arrives = joins.arrives(self.graph, merge_id, scope.around)
        rounds = tuple(sorted(scope.rounds.items()))
        self._place(Onward(merge_id, scope.around, scope.visit, rounds, arrives), at, new)

    def _take_away(self, inside: str, share: float) -> None:
        """Take from the tokens of some branches the share of the couples that others have taken them away from."""
        for spot in self._left:
            if spot.branch.startswith(inside):
                self._left[spot] *= max(1 - share, 0.0)
