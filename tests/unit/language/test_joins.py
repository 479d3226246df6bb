"""Merges: they fire once, with enough, and never hang, whatever order the branches come in."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import discovery
from journeys.language import branches, joins
from journeys.language.graph import Graph, read_graph
from journeys.language.registry import node_types, trigger_types
from tests.builders import END, a_net, merge, pause, split_all
from tests.properties.nets import PLAIN, definitions
from tests.properties.passages import Passage, scope_of

discovery.discover()
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def read(definition: dict[str, Any]) -> Graph:
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types)


def nobody(*place: object) -> bool:
    return False


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(
    definitions(kinds=PLAIN, rules=False),
    st.integers(0, 2**32).map(random.Random),
    st.sampled_from([0.0, 0.2]),
)
def test_every_passage_comes_to_its_end_and_stands_nowhere_twice(definition, chance, failing):
    passage = Passage(read(definition), chance)

    passage.walk(failing=failing)

    assert passage.over
    assert len(set(passage.stood)) == len(passage.stood)


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(
    definitions(kinds=PLAIN, rules=False),
    st.integers(0, 2**32).map(random.Random),
    st.sampled_from([0.0, 0.2]),
)
def test_a_merge_fires_once_and_not_before_enough_have_come(definition, chance, failing):
    graph = read(definition)
    passage, seen = Passage(graph, chance), 0
    settle = passage.settle

    def watched() -> None:
        nonlocal seen
        before = dict(passage.tokens)
        settle()
        new = passage.fired[seen:]
        gone = {key for one in new for key in (*one.arrived, *one.cancelled)}
        late = before.keys() - passage.tokens.keys() - gone
        for fired in new:
            rule = graph.nodes[fired.node_id].join
            assert rule is not None
            others = [
                token
                for key, token in before.items()
                if key not in fired.arrived
                and key not in late
                and scope_of(token, around=fired.branch, split=rule.split, visit=fired.visit)
            ]
            enough = rule.count is not None and len(fired.arrived) >= rule.count
            held_up = [token for token in others if not token.failed or rule.failed == "wait"]
            assert fired.arrived
            assert enough or not held_up
            assert all(before[key] in others for key in fired.cancelled)
        seen = len(passage.fired)

    passage.settle = watched  # type: ignore[method-assign]
    passage.walk(failing=failing)

    places = [(one.node_id, one.branch, one.visit) for one in passage.fired]
    assert len(set(places)) == len(places)


NESTED = read(
    a_net(
        {
            "s": split_all("a", "b"),
            "t": split_all("c", "d"),
            "m": merge("t", "first", others="go_on"),
            "n": merge("s"),
            "slow": pause("1d"),
            "end": END,
        },
        *("start>s", "s.a>t", "t.c>m", "t.d>slow", "slow>m", "m>n", "s.b>n", "n>end"),
    ).definition()
)


def test_a_branch_that_comes_too_late_frees_the_merge_around_it() -> None:
    standing = [
        joins.Standing(1, "n", "s@1.a"),
        joins.Standing(2, "n", "s@1.b"),
        joins.Standing(3, "m", "s@1.a/t@1.d"),
    ]

    settled = joins.settle(NESTED, standing, gone_on=lambda node, branch, visit: node == "m")

    assert settled.too_late == (3,)
    assert [(fired.node_id, fired.arrived) for fired in settled.fired] == [("n", (1, 2))]


def test_an_inner_merge_holds_the_outer_one_up_until_it_has_gone_on() -> None:
    standing = [
        joins.Standing(1, "m", "s@1.a/t@1.c"),
        joins.Standing(2, "slow", "s@1.a/t@1.d"),
        joins.Standing(3, "n", "s@1.b"),
    ]

    settled = joins.settle(NESTED, standing, gone_on=nobody)

    assert [(fired.node_id, fired.branch, fired.visit) for fired in settled.fired] == [("m", "s@1.a", 1)]


@pytest.mark.parametrize(("failed", "fired"), [("wait", []), ("go_on", ["m"])])
def test_a_branch_that_needs_a_person_is_waited_for_where_the_merge_says_so(
    failed: str, fired: list[str]
) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "slow": pause("1d"), "m": merge("s", failed=failed), "end": END},
        *("start>s", "s.a>m", "s.b>slow", "slow>m", "m>end"),
    )
    standing = [joins.Standing(1, "m", "s@1.a"), joins.Standing(2, "slow", "s@1.b", failed=True)]

    settled = joins.settle(read(net.definition()), standing, gone_on=nobody)

    assert [one.node_id for one in settled.fired] == fired
    assert not settled.over


def test_rounds_of_the_branches_are_kept_the_larger_number_of_each() -> None:
    standing = [
        joins.Standing(1, "n", "s@1.a", rounds={"jump": 2, "inner": 1}),
        joins.Standing(2, "n", "s@1.b", rounds={"jump": 2, "other": 3}),
    ]

    (fired,) = joins.settle(NESTED, standing, gone_on=nobody).fired

    assert fired.rounds == {"jump": 2, "inner": 1, "other": 3}


def test_a_passage_of_which_nothing_is_left_is_over() -> None:
    assert joins.settle(NESTED, [], gone_on=nobody).over
    assert branches.depth("s@1.a/t@1.d") == 2
