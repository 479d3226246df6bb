"""Go on at once from step to step in memory, as long as nothing has to be written or read in between.

What is walked is written by one statement, and is either all there afterwards or not at all. Only steps that touch
nothing outside and lock nothing but their instance are come to in this way.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from engine.graphs import graph_of, leads_to_dates, paths_read_by
from engine.models import NodeExecution
from engine.services.ending import rule_paths
from engine.services.facts import PEOPLE_ROOTS, roots_of
from engine.services.joining import AT_MERGE
from engine.services.priorities import band_for
from engine.services.results import Claim, NextPlace, Result, claim_of, is_at_once
from engine.services.steps import Step, next_place
from journeys.language import branches, joins
from journeys.language.transitions import arrive

#: Roots that stay what they are while steps are walked: whatever changes one of them ends the walk.
STEADY_ROOTS = PEOPLE_ROOTS | {"now", "parameters", "variables"}
#: Types of steps behind which what was read may have changed.
CHANGING = frozenset({"action", "form", "journey", "task"})
#: Steps that are looked at for what a walk may read; what lies beyond is read when it is come to.
_FAR = 64

#: Decides a step and gives what is to be written.
Decide = Callable[[Step], Result]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What steps read that may be come to in one walk."""

    paths: frozenset[str]
    #: One of them, or what it leads to, hangs on the couple's dates.
    dated: bool


@lru_cache(maxsize=512 * 64)
def ahead_of(version_id: int, node_id: str) -> Ahead:
    """Say what is read in a walk that begins at a step, beside what the step itself reads."""
    graph = graph_of(version_id)
    behind: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        behind[edge.source].append(edge.target)
    paths: set[str] = set()
    dated = False
    seen, left = {node_id}, deque([node_id])
    while left and len(seen) < _FAR:
        name = left.popleft()
        if graph.nodes[name].type in CHANGING:
            continue
        for after in behind[name]:
            if after not in seen and _may_be_walked(version_id, after):
                seen.add(after)
                left.append(after)
                paths |= _read_by(version_id, after)
                dated |= leads_to_dates(version_id, after)
    return Ahead(frozenset(paths), dated)


@lru_cache(maxsize=512 * 64)
def _read_by(version_id: int, node_id: str) -> frozenset[str]:
    return paths_read_by(version_id, node_id) | rule_paths(version_id)


@lru_cache(maxsize=512 * 64)
def _may_be_walked(version_id: int, node_id: str) -> bool:
    node = graph_of(version_id).nodes[node_id]
    return node.settings.when is None and roots_of(_read_by(version_id, node_id)) <= STEADY_ROOTS


def walk(first: Step, *, decide: Decide, now: datetime, most: int, alone: bool = False) -> Walk:
    """Decide a claimed step and, up to `most` steps deep, what follows it at once; nothing is touched.

    The results belong to one claim, in the order in which they came about: all tokens of the walk take one step, then
    all take the next. A step that stays, fails or asks for a person is never walked to: it is placed, and carried out
    from a row of its own. The walk ends behind a change, and where something has to be looked at that is not here.
    Branches come together on the way when the passage is `alone` here: no other token of it is anywhere.
    """
    return Walk(first, decide=decide, now=now, most=most, alone=alone)


@dataclass(slots=True, eq=False)
class _Walked:
    """One step of a walk."""

    result: Result
    #: By position, where the walk went on.
    passed: set[int] = field(default_factory=set)

    @property
    def left(self) -> Iterator[tuple[int, NextPlace]]:
        """Give the successors that the walk did not go on to, with their positions."""
        return (one for one in enumerate(self.result.successors) if one[0] not in self.passed)

    def close(self) -> Result:
        """Give what is to be written, when the walk is over: successors that were walked to are no places."""
        if self.passed:
            self.result.successors = tuple(place for _, place in self.left)
        return self.result


class Walk:
    """Steps that were taken in memory, behind one claim."""

    def __init__(self, first: Step, *, decide: Decide, now: datetime, most: int, alone: bool) -> None:
        self.first, self.decide, self.now, self.most = first, decide, now, most
        self.alone = alone
        self.walked: list[_Walked] = []
        #: Places of merges that have gone on.
        self.merged: set[tuple[str, str, int]] = set()
        self.is_over = False
        #: How many steps deep it went.
        self.depth = 1
        self._go()
        #: What is to be written.
        self.results = [one.close() for one in self.walked]

    def _go(self) -> None:
        layer = [self._add(self.decide(self.first))]
        self.is_over |= layer[0].result.stay is not None
        while layer and not self.is_over and self.depth < self.most:
            layer = self._meeting(layer)
            if not self.is_over:
                layer = self._step(layer)
                self.depth += bool(layer)

    def _add(self, result: Result) -> _Walked:
        one = _Walked(result)
        self.walked.append(one)
        # What was read is old behind a change, and nothing goes on behind the end of all.
        self.is_over |= bool(result.changes) or bool(result.ends and result.last)
        return one

    def _step(self, layer: list[_Walked]) -> list[_Walked]:
        """Take one step with every token that is due at once, or with none: they go on side by side."""
        ahead = [
            (before, number, place)
            for before in layer
            for number, place in before.left
            if is_at_once(place, now=self.now)
        ]
        if not all(place.instant and _is_known(self.first, place.node_id) for _, _, place in ahead):
            return []
        results = [self._carry_on(place) for _, _, place in ahead]
        if any(map(_must_stand, results)):
            return []
        for before, number, _ in ahead:
            before.passed.add(number)
        return [self._add(result) for result in results]

    def _meeting(self, layer: list[_Walked]) -> list[_Walked]:
        """Let branches come together after a step of all tokens; give those that go on."""
        if not self.first.graph.forks:
            return layer
        arrived = [place for one in self.walked for _, place in one.left if place.arrives]
        if not arrived and not any(one.result.ends for one in layer):
            return layer
        if self.alone and all(self._was_split_here(place) for place in arrived):
            return layer + self._together()
        self.is_over = True
        return layer

    def _was_split_here(self, place: NextPlace) -> bool:
        """Tell whether the split of a merge was passed in this walk, so that the merge can not have gone on before."""
        around, frame = branches.outside(place.branch)
        return frame is not None and any(
            (frame.split, around, frame.visit) == (claim.node_id, claim.branch, claim.visit)
            for claim in (one.result.claim for one in self.walked)
        )

    def _carry_on(self, place: NextPlace) -> Result:
        first, step = self.first, Step.of(self._claim(place))
        step.instance, step.facts, step.calendar = first.instance, first.facts, first.calendar
        return self.decide(step)

    def _claim(self, place: NextPlace) -> Claim:
        held = self.first.claim
        return claim_of(
            place,
            held.whose,
            schedule_id=held.schedule_id,
            fence=held.fence,
            queue=band_for(wedding_at=held.wedding_at, now=self.now).queue,
            now=self.now,
            passing=True,
        )

    def _together(self) -> list[_Walked]:
        """Let the merges fire that have enough, as they would when all tokens stood in rows."""
        graph = self.first.graph
        standing = [(one, number, place) for one in self.walked for number, place in one.left]
        settled = joins.settle(
            graph,
            [
                joins.Standing(key, place.node_id, place.branch, rounds=place.rounds or {})
                for key, (_, _, place) in enumerate(standing)
            ],
            gone_on=lambda *place: place in self.merged,
        )
        if settled.over:
            self._end()
            return []
        if settled.too_late or not all(self._is_plain(fired) for fired in settled.fired):
            self.is_over = True
            return []
        return [self._merge(fired, [standing[key] for key in fired.arrived]) for fired in settled.fired]

    def _merge(self, fired: joins.Fired, arrived: list[tuple[_Walked, int, NextPlace]]) -> _Walked:
        """Let the tokens that came together end at the merge; the last one leads to where it goes on."""
        graph = self.first.graph
        self.merged.add((fired.node_id, fired.branch, fired.visit))
        for one, number, place in arrived:
            one.passed.add(number)
            last = self._add(self._arrival(place))
        there = arrive(
            graph,
            fired.node_id,
            branch=fired.branch,
            visit=fired.visit,
            rounds=fired.rounds,
            calendar=self.first.calendar,
            now=self.now,
        )
        last.result.successors = (next_place(graph, there),)
        return last

    def _is_plain(self, fired: joins.Fired) -> bool:
        """Tell whether nothing has to be taken away for a merge, and all that places it is known."""
        dated = leads_to_dates(self.first.claim.version_id, fired.node_id)
        return not fired.cancelled and (self.first.dated or not dated)

    def _arrival(self, place: NextPlace) -> Result:
        """Give what is written of a token that has come to a merge which goes on."""
        return Result(
            claim=self._claim(replace(place, due_at=self.now)),
            node_type=self.first.graph.nodes[place.node_id].type,
            status=NodeExecution.Status.SUCCEEDED,
            started_at=self.now,
            duration_ms=0.0,
            reason=AT_MERGE,
            forks=True,
        )

    def _end(self) -> None:
        """Let the passage end with the token that ended last: no other is left."""
        self.is_over = True
        last = next(one for one in reversed(self.walked) if one.result.ends)
        last.result.last = True


def _must_stand(result: Result) -> bool:
    """Tell whether a step must stand in a row of its own before it is carried out."""
    return bool(result.stay is not None or result.ticket is not None or result.error_class)


def _is_known(first: Step, node_id: str) -> bool:
    """Tell whether all that a step reads was read for the first one."""
    version_id = first.claim.version_id
    return (
        _may_be_walked(version_id, node_id)
        and _read_by(version_id, node_id) <= first.reads
        and (first.dated or not leads_to_dates(version_id, node_id))
    )
