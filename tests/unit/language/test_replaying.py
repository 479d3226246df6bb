"""History, folded through the graph, comes to where somebody stands."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import discovery
from journeys.language.graph import Graph, read_graph
from journeys.language.registry import node_types, trigger_types
from journeys.language.replaying import BegunAnew, Happened, Replayed, replay
from tests.builders import END, a_net, merge, split_all, tag
from tests.properties.nets import PLAIN, definitions
from tests.properties.passages import Passage

discovery.discover()


def read(definition: dict[str, Any]) -> Graph:
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    definitions(kinds=PLAIN, rules=False),
    st.integers(0, 2**32).map(random.Random),
    st.sampled_from([0.0, 0.2]),
)
def test_after_every_step_the_history_says_where_all_tokens_stand(definition, chance, failing):
    graph = read(definition)
    passage = Passage(graph, chance)
    settle = passage.settle

    def watched() -> None:
        settle()
        replayed = replay(passage.history, graph_at=lambda _: graph, start="start")
        assert replayed.faults == []
        assert replayed.standing == {token.at: token.rounds for token in passage.tokens.values()}

    passage.settle = watched  # type: ignore[method-assign]
    passage.walk(failing=failing)

    assert passage.over


NET = read(
    a_net(
        {"one": tag("one"), "s": split_all("a", "b"), "m": merge("s"), "end": END},
        *("start>one", "one>s", "s.a>m", "s.b>m", "m>end"),
    ).definition()
)


def told(*happened: tuple[str, str, str, str]) -> Replayed:
    rows = [
        Happened(number, node_id, branch, 1, status, port)
        for number, (node_id, branch, status, port) in enumerate(happened)
    ]
    return replay(rows, graph_at=lambda _: NET, start="start")


START = ("start", "", "succeeded", "next")


@pytest.mark.parametrize("status", ["retrying", "held", "failed"])
def test_an_attempt_that_came_to_nothing_leaves_the_token_where_it_is(status: str) -> None:
    replayed = told(START, ("one", "", status, ""))

    assert replayed == Replayed({("one", "", 1): {}})


def test_a_failure_that_is_led_on_leaves_its_place() -> None:
    replayed = told(START, ("one", "", "failed", "next"))

    assert replayed == Replayed({("s", "", 1): {}})


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([START, START], "start (no branch, visit 1) is told of, where nobody stood."),
        ([START, ("one", "", "succeeded", "side")], "one (no branch, visit 1) was left by a way"),
        (
            [
                START,
                ("one", "", "succeeded", "next"),
                ("s", "", "succeeded", "a,a,b"),
                ("m", "s@1.c", "held", ""),
            ],
            "m (s@1.c, visit 1) is told of, where nobody stood.",
        ),
    ],
)
def test_a_history_that_makes_no_sense_is_told(rows: list[tuple[str, str, str, str]], fault: str) -> None:
    (found,) = told(*rows).faults

    assert found.startswith(fault)


def test_a_passage_that_was_put_back_begins_anew_and_goes_on_from_there() -> None:
    rows = [
        Happened(1, "start", "", 1, "succeeded", "next"),
        Happened(2, "one", "", 1, "cancelled", ""),
        BegunAnew(2, "start", 2),
        Happened(3, "start", "", 2, "succeeded", "next"),
    ]

    assert replay(rows, graph_at=lambda _: NET, start="start") == Replayed({("one", "", 2): {}})


@pytest.mark.parametrize(("had_ended", "faults"), [(False, 1), (True, 0)])
def test_what_was_left_standing_by_a_roll_back_is_told_unless_the_passage_had_ended(
    *, had_ended: bool, faults: int
) -> None:
    rows = [Happened(1, "start", "", 1, "succeeded", "next"), BegunAnew(1, "one", 2, had_ended)]

    replayed = replay(rows, graph_at=lambda _: NET, start="start")

    assert (set(replayed.standing), len(replayed.faults)) == ({("one", "", 2)}, faults)
