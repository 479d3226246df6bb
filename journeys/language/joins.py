"""When branches come together: which merges fire, and which tokens that takes away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from . import branches
from .graph import Graph
from .registry import JoinRule


@dataclass(frozen=True, slots=True)
class Standing:
    """Say where one token of a passage stands now."""

    #: What the caller knows it by.
    key: int
    node_id: str
    branch: str
    #: It needs a person.
    failed: bool = False
    rounds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fired:
    """Say that a merge goes on, with one token in the branch around its split."""

    node_id: str
    branch: str
    visit: int
    rounds: Mapping[str, int]
    #: Tokens that arrived and end here.
    arrived: tuple[int, ...]
    #: Tokens that are taken away because the merge did not need them.
    cancelled: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Say what follows from where all tokens of a passage stand."""

    fired: tuple[Fired, ...] = ()
    #: Tokens that came to a merge which had gone on without them.
    too_late: tuple[int, ...] = ()
    #: No token is left: the passage is over.
    over: bool = False


#: Tells whether a merge has gone on already: (merge, branch around its split, the split's round).
GoneOn = Callable[[str, str, int], bool]


def arrives(graph: Graph, node_id: str, branch: str) -> bool:
    """Tell whether a token that stands there has come to a merge and waits for the others."""
    rule = graph.nodes[node_id].join
    frame = branches.outside(branch)[1]
    return rule is not None and frame is not None and frame.split == rule.split


def settle(graph: Graph, standing: Sequence[Standing], *, gone_on: GoneOn) -> Settled:
    """Return which merges fire, given where every token of one passage stands.

    A merge fires when enough branches have arrived, or when those that arrived are all that will: branches that
    ended, were skipped or were cancelled are not waited for. Outer merges are judged first, so that what they take
    away does not fire inside. Nothing is touched; calling it again after the answer was carried out gives nothing.
    """
    left = {token.key: token for token in standing}
    arrivals = _arrivals(graph, standing)
    # First of all: a token that came too late holds nobody up, neither here nor at a merge around.
    too_late = [token.key for place, arrived in arrivals.items() if gone_on(*place) for token in arrived]
    for key in too_late:
        del left[key]
    fired: list[Fired] = []
    for (node_id, around, visit), arrived in arrivals.items():
        here = [token for token in arrived if token.key in left]
        rule = graph.nodes[node_id].join
        if not here or rule is None:
            continue
        inside = branches.scope(around, split=rule.split, visit=visit)
        keys = {token.key for token in here}
        others = [
            token for token in left.values() if token.branch.startswith(inside) and token.key not in keys
        ]
        if not _enough(rule, len(here), others):
            continue
        cancelled = tuple(token.key for token in others) if _cancels(rule) else ()
        for key in (*keys, *cancelled):
            del left[key]
        fired.append(
            Fired(node_id, around, visit, _rounds(here), tuple(token.key for token in here), cancelled)
        )
    return Settled(tuple(fired), tuple(too_late), over=not left and not fired)


def _arrivals(graph: Graph, standing: Iterable[Standing]) -> dict[tuple[str, str, int], list[Standing]]:
    """Group the tokens that wait at merges by the passage of the split they came out of, outermost first."""
    groups: dict[tuple[str, str, int], list[Standing]] = defaultdict(list)
    for token in standing:
        around, frame = branches.outside(token.branch)
        if frame is not None and arrives(graph, token.node_id, token.branch):
            groups[token.node_id, around, frame.visit].append(token)
    return dict(sorted(groups.items(), key=lambda item: branches.depth(item[0][1])))


def _enough(rule: JoinRule, arrived: int, others: Sequence[Standing]) -> bool:
    if rule.count is not None and arrived >= rule.count:
        return True
    return not any(not token.failed or rule.failed == "wait" for token in others)


def _cancels(rule: JoinRule) -> bool:
    """Tell whether the branches that are still under way are taken away; a merge of all has none but failed ones."""
    return rule.count is not None and rule.others == "cancel"


def _rounds(tokens: Sequence[Standing]) -> dict[str, int]:
    """Return how often loops were gone round; what happened before the split every token knows."""
    merged: dict[str, int] = {}
    for token in tokens:
        for name, times in token.rounds.items():
            merged[name] = max(times, merged.get(name, 0))
    return merged
