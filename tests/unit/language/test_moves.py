"""Moving somebody inside from one version to another: where they can stand, and when that is due."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.nodes import action, end, merge, split, start, wait  # noqa: F401 they register themselves
from engine.triggers import manual  # noqa: F401 the same
from journeys.language.graph import Graph, read_graph
from journeys.language.moves import Bridge, Landing, Stuck, Token, Values, values_in
from journeys.language.registry import node_types, trigger_types
from journeys.language.timing import due_of
from tests.unit.language.world import NOW, a_calendar

CALENDAR = a_calendar()


def read(nodes: list[dict[str, Any]], edges: list[tuple[str, str, str]], **more: Any) -> Graph:
    definition = {
        "schema_version": 1,
        "nodes": nodes,
        "edges": [{"from": one, "port": port, "to": other} for one, port, other in edges],
        **more,
    }
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types)


START = {"id": "start", "type": "start", "settings": {"trigger": {"type": "manual"}}}
END = {"id": "end", "type": "end"}


def waiting(name: str, for_: str) -> dict[str, Any]:
    return {"id": name, "type": "wait", "settings": {"when": {"kind": "duration", "for": for_}}}


def anchored(name: str, offset: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "wait",
        "settings": {"when": {"kind": "anchor", "offset": offset, "at": "09:00"}},
    }


def tagging(name: str) -> dict[str, Any]:
    return {"id": name, "type": "action", "settings": {"do": [{"kind": "add_tag", "tag": name}]}}


def chain(*nodes: dict[str, Any], **more: Any) -> Graph:
    row = [START, *nodes, END]
    return read(row, [(one["id"], "next", other["id"]) for one, other in pairwise(row)], **more)


def side_by_side(
    left: str = "left", *, name: str = "both", join: str = "join", before: bool = False
) -> Graph:
    """A split with two waits and a merge; `before` puts a step between the split and one of them."""
    branches = [{"port": left}, {"port": "right"}]
    nodes = [
        START,
        {"id": name, "type": "split", "settings": {"by": {"kind": "all", "branches": branches}}},
        waiting("one", "3d"),
        waiting("two", "3d"),
        {"id": join, "type": "merge", "settings": {"split": name}},
        tagging("after"),
        END,
    ]
    edges = [
        ("start", "next", name),
        (name, left, "one"),
        (name, "right", "early" if before else "two"),
        ("one", "next", join),
        ("two", "next", join),
        (join, "next", "after"),
        ("after", "next", "end"),
    ]
    if before:
        nodes.append(tagging("early"))
        edges.append(("early", "next", "two"))
    return read(nodes, edges)


def token(graph: Graph, name: str, branch: str = "", **more: Any) -> Token:
    due = due_of(graph.nodes[name].settings.when, calendar=CALENDAR, reached=NOW)
    return Token(name, branch, more.pop("visit", 1), NOW, due.meant, **more)


def land(old: Graph, new: Graph, stood: Token, done: Any = ()) -> Landing | Stuck:
    return Bridge(old=old, new=new).landing(stood, calendar=CALENDAR, done=done)


def test_a_moment_with_the_same_timing_is_kept():
    old, new = chain(waiting("rest", "3d")), chain(tagging("first"), waiting("rest", "3d"))

    assert Landing("kept") == land(old, new, token(old, "rest"))


def test_a_moment_with_another_timing_counts_from_when_the_step_was_reached():
    old, new = chain(waiting("rest", "3d")), chain(waiting("rest", "7d"))

    found = land(old, new, token(old, "rest"))

    assert isinstance(found, Landing)
    assert ("recomputed", NOW + timedelta(days=7)) == (found.change, found.due_at)
    assert NOW.isoformat() == (found.meant or {})["reached"]


def test_a_date_that_is_missing_parks_the_step():
    calendar = a_calendar()
    nowhere = type(calendar)({}, calendar.wedding_zone, calendar.vendor_zone, calendar.business)
    old, new = chain(waiting("rest", "3d")), chain(anchored("rest", "-30d"))

    found = Bridge(old=old, new=new).landing(token(old, "rest"), calendar=nowhere)

    assert isinstance(found, Landing)
    assert (None, "Waits until the wedding has a date.") == (found.due_at, found.missing)


@pytest.mark.parametrize(
    ("stood", "change"), [({"begun": True}, "kept"), ({"awaits": True}, "asked_again"), ({}, "recomputed")]
)
def test_what_is_under_way_keeps_its_moment_and_what_waits_is_asked_again(stood, change):
    old, new = chain(waiting("rest", "3d")), chain(waiting("rest", "7d"))

    found = land(old, new, token(old, "rest", **stood))

    assert isinstance(found, Landing)
    assert change == found.change


def test_a_step_that_is_gone_or_of_another_type_holds_back():
    old = chain(waiting("rest", "3d"))

    gone = land(old, chain(tagging("other")), token(old, "rest"))
    changed = land(old, chain(tagging("rest")), token(old, "rest"))

    assert ["step_gone", "type_changed"] == [one.code for one in (gone, changed) if isinstance(one, Stuck)]


BRANCH = "both@1.right"


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (side_by_side(), None),
        (side_by_side(before=True), None),
        (side_by_side("other"), None),
        (side_by_side(name="twice"), "split_changed"),
        (side_by_side(join="meet"), "merge_changed"),
        (chain(waiting("two", "3d")), "split_changed"),
    ],
)
def test_a_branch_moves_with_the_split_and_the_merge_around_it(new, code):
    old = side_by_side()

    found = land(old, new, token(old, "two", BRANCH))

    assert code == (found.code if isinstance(found, Stuck) else None)


def test_a_branch_whose_port_is_gone_holds_back():
    old, new = side_by_side(), side_by_side("other")

    found = land(old, new, token(old, "one", "both@1.left"))

    assert isinstance(found, Stuck)
    assert "split_changed" == found.code


def test_a_token_that_waits_at_its_merge_moves_with_it():
    old, new = side_by_side(), side_by_side(before=True)
    stood = Token("join", BRANCH, 1, NOW)

    assert Landing("kept") == land(old, new, stood)
    assert Landing("kept") == land(old, new, Token("join", "", 1, NOW))


@pytest.mark.parametrize(
    ("done", "stuck"),
    [
        ([("first", "", 1)], True),
        ([("first", "", 2)], False),
        ([("rest", "", 1)], False),
        ([("elsewhere", "", 1)], False),
    ],
)
def test_a_way_through_a_place_that_was_done_holds_back(done, stuck):
    old = chain(tagging("first"), waiting("rest", "3d"), tagging("last"))
    new = chain(waiting("rest", "3d"), tagging("first"), tagging("last"))

    assert stuck == isinstance(land(old, new, token(old, "rest"), done), Stuck)


@pytest.mark.parametrize(
    ("stood", "done", "stuck"),
    [
        # Behind the merge of its own split, in the branch around it.
        (("two", BRANCH), ("after", "", 1), True),
        # The other branch of the same split is not ahead.
        (("two", BRANCH), ("after", "both@1.left", 1), False),
        # Inside a split that is still ahead.
        (("start", ""), ("one", "both@1.left", 1), True),
        (("start", ""), ("one", "both@2.left", 1), False),
    ],
)
def test_done_places_are_compared_by_branch_and_round(stood, done, stuck):
    graph = side_by_side()
    found = land(graph, graph, Token(stood[0], stood[1], 1, NOW), [done])

    assert stuck == isinstance(found, Stuck)


def test_variables_take_defaults_and_keep_what_is_no_longer_declared():
    new = chain(variables={"size": {"kind": "number", "default": 3}, "name": {"kind": "text"}})

    found = values_in(new, {"name": "A", "old": True})

    assert isinstance(found, Values)
    assert ({"name": "A", "old": True, "size": 3}, ("size",)) == (found.values, found.added)


@pytest.mark.parametrize(
    ("values", "code"),
    [({}, "variable_missing"), ({"name": 3}, "variable_kind"), ({"name": None}, "variable_missing")],
)
def test_a_variable_that_does_not_fit_holds_back(values, code):
    found = values_in(chain(variables={"name": {"kind": "text"}}), values)

    assert isinstance(found, Stuck)
    assert code == found.code


pool = ["a", "b", "c", "d", "e"]
lengths = st.sampled_from(["1h", "2d", "3w", "1mo"])
offsets = st.sampled_from(["-30d", "-1mo", "0d", "7d"])
step = st.tuples(st.sampled_from(pool), st.integers(0, 2), lengths, offsets)
journeys = st.lists(step, min_size=1, max_size=5, unique_by=lambda one: one[0])


def built(steps: list[tuple[str, int, str, str]]) -> Graph:
    kinds = {
        0: lambda one: tagging(one[0]),
        1: lambda one: waiting(one[0], one[2]),
        2: lambda one: anchored(one[0], one[3]),
    }
    return chain(*(kinds[one[1]](one) for one in steps))


@settings(max_examples=150, deadline=None)
@given(journeys, journeys, st.data())
def test_whoever_moves_stands_on_a_step_of_the_new_version_and_finds_back(before, after, data):
    old, new = built(before), built(after)
    name = data.draw(st.sampled_from(sorted(old.nodes)))
    stood = token(old, name)
    due = due_of(old.nodes[name].settings.when, calendar=CALENDAR, reached=NOW)

    there = land(old, new, stood)

    if isinstance(there, Stuck):
        assert name not in new.nodes or old.nodes[name].type != new.nodes[name].type
        return
    assert new.nodes[name].type == old.nodes[name].type
    expected = due_of(new.nodes[name].settings.when, calendar=CALENDAR, reached=NOW)
    moved = token(new, name)
    if there.change == "recomputed":
        assert (expected.instant, expected.meant) == (there.due_at, there.meant)
    else:
        assert expected == due
    back = land(new, old, moved)
    assert isinstance(back, Landing)
    assert due.instant == (back.due_at if back.change == "recomputed" else due.instant)
    assert due.meant == (back.meant if back.change == "recomputed" else due.meant)
