"""To which steps a passage may be put back, and in which round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import discovery
from journeys.language import branches
from journeys.language.going_back import next_visit, outermost_visit, split_around
from journeys.language.graph import read_graph
from journeys.language.registry import node_types, trigger_types
from tests.builders import END, a_net, merge, split_all, tag

discovery.discover()

NET = read_graph(
    a_net(
        {
            "s": split_all("a", "b"),
            "in_s": tag("in_s"),
            "t": split_all("c", "d"),
            "in_t": tag("in_t"),
            "mt": merge("t"),
            "ms": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>in_s", "s.b>t", "t.c>in_t", "t.d>mt", "in_t>mt", "mt>ms", "in_s>ms"),
        *("ms>after", "after>end"),
    ).definition(),
    node_types=node_types,
    trigger_types=trigger_types,
)


@pytest.mark.parametrize(
    ("step", "split"),
    [
        ("start", None),
        ("s", None),
        ("in_s", "s"),
        ("t", "s"),
        ("in_t", "s"),
        ("mt", "s"),
        ("ms", None),
        ("after", None),
        ("end", None),
    ],
)
def test_a_step_names_the_outermost_split_around_it(step: str, split: str | None) -> None:
    assert split_around(NET, step) == split


def test_the_round_of_a_place_in_branches_is_that_of_the_main_way() -> None:
    inner = branches.inside(branches.inside("", split="s", visit=4, port="a"), split="t", visit=9, port="c")

    assert (outermost_visit("", 3), outermost_visit(inner, 7)) == (3, 4)


@given(st.lists(st.tuples(st.just("x"), st.sampled_from(["", "s@2.a", "s@5.a/t@9.c"]), st.integers(1, 50))))
def test_the_next_round_was_never_there(places: list[tuple[str, str, int]]) -> None:
    assert next_visit(places) not in {outermost_visit(branch, visit) for _, branch, visit in places}
