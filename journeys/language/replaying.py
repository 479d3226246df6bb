"""From what happened to where somebody stands: history, folded through the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import branches, joins
from .calendar import BusinessCalendar, Calendar
from .errors import LanguageError
from .graph import Graph
from .outcomes import Advance, Fork
from .transitions import Place, plan

#: A place: step, branch, visit.
At = tuple[str, str, int]

#: Where a step leads does not hang on dates; when it is due there does, and nobody asks that here.
_NO_DATES = Calendar(anchors={}, wedding_zone="UTC", vendor_zone="UTC", business=BusinessCalendar())
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
#: The token is still where it was.
_STAYS = frozenset({"retrying", "held"})


@dataclass(frozen=True, slots=True)
class Happened:
    """Say how one attempt at one step ended."""

    #: Numbers grow in the order in which things happened.
    number: int
    node_id: str
    branch: str
    visit: int
    status: str
    #: The port it was left by, several joined by ",", "" for none.
    port: str

    @property
    def at(self) -> At:
        """Return the place."""
        return self.node_id, self.branch, self.visit

    @property
    def leaves(self) -> bool:
        """Tell whether the token left the place with it."""
        return self.status not in _STAYS and (self.status != "failed" or bool(self.port))


@dataclass(frozen=True, slots=True)
class BegunAnew:
    """Say that a person put the passage back: whatever stood was taken away, and one token stands here."""

    #: That of what happened last before.
    number: int
    node_id: str
    visit: int
    #: It had ended, so that nothing stood; some ways to end leave no row for each token.
    had_ended: bool = False

    @property
    def at(self) -> At:
        """Return the place, outside of every split."""
        return self.node_id, "", self.visit


@dataclass(slots=True)
class Replayed:
    """Say where the tokens of a passage stand after its history, and what of it makes no sense."""

    #: Each place with how often loops were gone round.
    standing: dict[At, dict[str, int]] = field(default_factory=dict)
    #: Sentences.
    faults: list[str] = field(default_factory=list)


def replay(
    happened: Iterable[Happened | BegunAnew], *, graph_at: Callable[[Happened], Graph], start: str
) -> Replayed:
    """Return where a passage stands that began at `start`; `happened` is its whole history in its order.

    `graph_at` gives the version that held when something happened.
    """
    replayed = Replayed({(start, "", 1): {}})
    for one in happened:
        if isinstance(one, BegunAnew):
            _begin_anew(replayed, one)
        elif one.at not in replayed.standing:
            replayed.faults.append(f"{_said(one.at)} is told of, where nobody stood.")
        elif one.leaves:
            rounds = replayed.standing.pop(one.at)
            _go_on(replayed, one, graph_at(one), rounds)
    return replayed


def _begin_anew(replayed: Replayed, one: BegunAnew) -> None:
    left = () if one.had_ended else replayed.standing
    replayed.faults += [f"{_said(at)} was left standing when the passage was put back." for at in left]
    replayed.standing = {one.at: {}}


def _go_on(replayed: Replayed, one: Happened, graph: Graph, rounds: dict[str, int]) -> None:
    if one.status == "cancelled":
        return
    if joins.arrives(graph, one.node_id, one.branch):
        _join(replayed, one, rounds)
        return
    if not one.port:
        return  # an end
    node = graph.nodes[one.node_id]
    forks = node.node_type.forks(node.settings) and one.port not in node.node_type.optional_ports
    outcome = Fork(tuple(one.port.split(","))) if forks else Advance(one.port)
    place = Place(one.node_id, one.branch, one.visit, rounds)
    try:
        behind = plan(graph, place, outcome, calendar=_NO_DATES, now=_SOME_TIME).successors
    except LanguageError as error:
        replayed.faults.append(f"{_said(one.at)} was left by a way that is not there: {error}")
        return
    for successor in behind:
        _stand(replayed, (successor.node_id, successor.branch, successor.visit), dict(successor.rounds))


def _join(replayed: Replayed, one: Happened, rounds: dict[str, int]) -> None:
    """Put the token that goes on from the merge in place of all that came together there."""
    around, frame = branches.outside(one.branch)
    if frame is None:
        return
    place = (one.node_id, around, frame.visit)
    merged = replayed.standing.setdefault(place, {})
    for name, times in rounds.items():
        merged[name] = max(times, merged.get(name, 0))


def _stand(replayed: Replayed, place: At, rounds: dict[str, int]) -> None:
    if place in replayed.standing:
        replayed.faults.append(f"Two stand at {_said(place)}.")
    replayed.standing[place] = rounds


def _said(place: At) -> str:
    node_id, branch, visit = place
    return f"{node_id} ({branch or 'no branch'}, visit {visit})"
