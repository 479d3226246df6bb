"""One passage through a journey, walked without an engine: the language alone decides what follows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from journeys.language import branches, joins
from journeys.language.calendar import BusinessCalendar, Calendar
from journeys.language.errors import VisitLimitReached
from journeys.language.graph import Graph
from journeys.language.outcomes import Advance, Finish, Fork
from journeys.language.replaying import At, Happened
from journeys.language.transitions import Place, plan

NOW = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)
CALENDAR = Calendar(anchors={}, wedding_zone="UTC", vendor_zone="UTC", business=BusinessCalendar())


@dataclass
class Token:
    """Where one token stands."""

    node_id: str
    branch: str
    visit: int
    rounds: dict[str, int]
    failed: bool = False

    @property
    def at(self) -> At:
        return self.node_id, self.branch, self.visit


@dataclass
class Passage:
    """All tokens of one passage, moved in the order that chance names."""

    graph: Graph
    chance: random.Random
    tokens: dict[int, Token] = field(default_factory=dict)
    #: Every place that anybody ever stood at.
    stood: list[At] = field(default_factory=list)
    fired: list[joins.Fired] = field(default_factory=list)
    history: list[Happened] = field(default_factory=list)
    over: bool = False

    def __post_init__(self) -> None:
        self._put(Token(self.graph.start.id, "", 1, {}))

    @property
    def movable(self) -> list[int]:
        """Name the tokens that do not wait for others."""
        return [
            key
            for key, token in self.tokens.items()
            if not token.failed and not joins.arrives(self.graph, token.node_id, token.branch)
        ]

    def walk(self, *, failing: float = 0.0) -> None:
        """Go until nothing moves any more; tokens fail on the way and are looked after at the end."""
        for _ in range(100_000):
            if self.over:
                return
            movable = self.movable
            broken = [key for key, token in self.tokens.items() if token.failed]
            if not movable and not broken:
                return
            if broken and (not movable or self.chance.random() < failing / 2):
                self.tokens[self.chance.choice(broken)].failed = False
            elif self.chance.random() < failing:
                self.tokens[self.chance.choice(movable)].failed = True
                self.settle()
            else:
                self.step(self.chance.choice(movable))
        raise AssertionError("The passage does not come to an end.")

    def step(self, key: int) -> None:
        """Leave a place by ports that chance chooses."""
        token = self.tokens.pop(key)
        place = Place(token.node_id, token.branch, token.visit, token.rounds)
        try:
            result = plan(self.graph, place, self._outcome(token), calendar=CALENDAR, now=NOW)
        except VisitLimitReached:
            result = plan(self.graph, place, Finish(), calendar=CALENDAR, now=NOW)
        self._write(token, "succeeded", result.port)
        if result.everything:
            for other in self.tokens.values():
                self._write(other, "cancelled")
            self.tokens.clear()
        for one in result.successors:
            self._put(Token(one.node_id, one.branch, one.visit, dict(one.rounds)))
        self.settle()

    def settle(self) -> None:
        """Let merges fire, twice: the second time there must be nothing left to do."""
        settled = self._settle()
        for one in settled.fired:
            for key in one.arrived:
                self._write(self.tokens.pop(key), "succeeded")
            for key in one.cancelled:
                self._write(self.tokens.pop(key), "cancelled")
            self.fired.append(one)
            self._put(Token(one.node_id, one.branch, one.visit, dict(one.rounds)))
        for key in settled.too_late:
            self._write(self.tokens.pop(key), "cancelled")
        assert settled.over == (not self.tokens)
        again = self._settle()
        assert (again.fired, again.too_late) == ((), ())
        self.over = settled.over

    def _settle(self) -> joins.Settled:
        standing = [
            joins.Standing(key, token.node_id, token.branch, token.failed, token.rounds)
            for key, token in self.tokens.items()
        ]
        self.chance.shuffle(standing)
        gone_on = {(one.node_id, one.branch, one.visit) for one in self.fired}
        return joins.settle(self.graph, standing, gone_on=lambda *place: place in gone_on)

    def _write(self, token: Token, status: str, port: str = "") -> None:
        self.history.append(Happened(len(self.history), *token.at, status, port))

    def _put(self, token: Token) -> None:
        self.stood.append(token.at)
        self.tokens[len(self.stood)] = token

    def _outcome(self, token: Token) -> Advance | Fork | Finish:
        node = self.graph.nodes[token.node_id]
        if not node.ports:
            return Finish(everything=getattr(node.settings, "ends", "branch") == "journey")
        if node.node_type.forks(node.settings):
            if node.settings.by.kind == "all":
                return Fork(node.ports)
            taken = [port for port in node.ports[:-1] if self.chance.random() < 0.5]
            return Fork(tuple(taken) or node.ports[-1:])
        if node.type == "jump" and token.rounds.get(node.id, 0) >= node.settings.at_most:
            return Advance("next")
        return Advance(self.chance.choice(node.ports))


def scope_of(token: Token, *, around: str, split: str, visit: int) -> bool:
    """Tell, frame by frame, whether a token came out of this passage of a split."""
    own = token.branch
    while True:
        own, frame = branches.outside(own)
        if frame is None:
            return False
        if (own, frame.split, frame.visit) == (around, split, visit):
            return True
