"""Splits around steps: what is accepted can be walked, and what cannot is named."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine import discovery
from journeys.language import branches, joins
from journeys.language.graph import check, read_graph
from journeys.language.registry import node_types, trigger_types
from tests.builders import END, a_net, merge, pause, split_all, tag
from tests.properties.nets import PLAIN, definitions
from tests.properties.passages import Passage

discovery.discover()
SLOW = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
    HealthCheck.filter_too_much,
]


def codes(definition: dict[str, Any]) -> set[str]:
    found = check(definition, node_types=node_types, trigger_types=trigger_types)
    return {problem.code for problem in found}


@st.composite
def rewired(draw):
    """A journey with one or two of its edges led elsewhere."""
    definition = draw(definitions(kinds=PLAIN, rules=False))
    names = [node["id"] for node in definition["nodes"][1:]]
    for _ in range(draw(st.integers(1, 2))):
        draw(st.sampled_from(definition["edges"]))["to"] = draw(st.sampled_from(names))
    return definition


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(definitions())
def test_a_journey_that_is_nested_properly_is_accepted(definition):
    assert codes(definition) == set()


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(rewired(), st.integers(0, 2**32).map(random.Random))
def test_no_token_of_an_accepted_journey_comes_to_a_merge_out_of_place(definition, chance):
    assume(not codes(definition))
    graph = read_graph(definition, node_types=node_types, trigger_types=trigger_types)
    passage = Passage(graph, chance)

    passage.walk()

    fired = {(one.node_id, one.branch, one.visit) for one in passage.fired}
    around: dict[str, set[tuple[str, ...]]] = {}
    for place in passage.stood:
        node_id, branch, _ = place
        rule = graph.nodes[node_id].join
        assert rule is None or place in fired or joins.arrives(graph, node_id, branch)
        if rule is None:
            around.setdefault(node_id, set()).add(splits(branch))
    assert passage.over
    assert all(len(found) == 1 for found in around.values())


def splits(branch: str) -> tuple[str, ...]:
    found: list[str] = []
    while branch:
        branch, frame = branches.outside(branch)
        assert frame is not None
        found.append(frame.split)
    return tuple(found)


SPLIT = {"s": split_all("a", "b"), "end": END}


@pytest.mark.parametrize(
    ("steps", "edges", "code"),
    [
        ({"m": merge("end")}, ("start>s", "s.a>m", "s.b>m", "m>end"), "unknown_split"),
        ({"m": merge("nobody")}, ("start>s", "s.a>m", "s.b>m", "m>end"), "unknown_split"),
        (
            {"m": merge("s"), "n": merge("s")},
            ("start>s", "s.a>m", "s.b>n", "m>end", "n>end"),
            "merged_twice",
        ),
        ({"m": merge("s", "count", count=3)}, ("start>s", "s.a>m", "s.b>m", "m>end"), "too_many_branches"),
        (
            {"t": split_all("c", "d"), "m": merge("s")},
            ("start>s", "s.a>t", "t.c>m", "t.d>m", "s.b>m", "m>end"),
            "merge_out_of_place",
        ),
        (
            {"c": ("condition", {"if": "true"}), "m": merge("s")},
            ("start>c", "c.yes>s", "c.no>m", "s.a>m", "s.b>m", "m>end"),
            "merge_out_of_place",
        ),
        (
            {"one": tag("one"), "m": merge("s"), "wait": pause("1d")},
            ("start>s", "s.a>one", "one>m", "s.b>m", "m>wait", "wait>one"),
            "mixed_branches",
        ),
    ],
)
def test_splits_and_merges_that_do_not_fit_are_named(
    steps: dict[str, Any], edges: tuple[str, ...], code: str
) -> None:
    assert code in codes(a_net({**SPLIT, **steps}, *edges).definition())


def test_splits_may_not_be_nested_without_end() -> None:
    depth = branches.MAX_DEPTH + 1
    steps: dict[str, Any] = {f"s{level}": split_all("a", "b") for level in range(depth)}
    steps |= {f"e{level}": END for level in range(depth)}
    edges = ["start>s0", *(f"s{level}.b>e{level}" for level in range(depth))]
    edges += [f"s{level}.a>s{level + 1}" for level in range(depth - 1)]

    found = codes(a_net(steps, *edges, f"s{depth - 1}.a>e{depth - 1}").definition())

    assert "split_too_deep" in found
