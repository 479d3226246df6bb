"""How often a way back is taken, and when it is counted from nothing again."""

from __future__ import annotations

from typing import ClassVar

import pytest

from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph, read_graph
from journeys.language.outcomes import Advance, Outcome, StepContext
from journeys.language.registry import NodeType, Registry
from journeys.language.settings import NodeSettings
from journeys.language.transitions import Place, plan
from tests.unit.language.world import NOW, Choice, End, Note, Start, a_calendar, a_journey, trigger_types

node_types: Registry[NodeType] = Registry("step type")
for known in (Start, End, Note, Choice):
    node_types.register(known)


@node_types.register
class Again(NodeType[NodeSettings]):
    """A step whose way back is counted; the tests say when it is taken."""

    type = "again"
    title = "Again"
    description = "Goes back."
    icon = "split"
    settings_model = NodeSettings
    ports = ("back", "next")
    counted_ports: ClassVar[tuple[str, ...]] = ("back",)

    def execute(self, context: StepContext[NodeSettings]) -> Outcome:
        return Advance("back")


def note(name: str) -> dict:
    return {"id": name, "type": "note", "settings": {}}


def again(name: str) -> dict:
    return {"id": name, "type": "again", "settings": {}}


def graph(*nodes: dict, edges: list[tuple[str, str, str]]) -> Graph:
    return read_graph(a_journey(*nodes, edges=edges), node_types=node_types, trigger_types=trigger_types)


def walk(journey: Graph, place: Place, *ports: str) -> Place:
    """Leave one step after the other by these ports."""
    for port in ports:
        (next_,) = plan(journey, place, Advance(port), calendar=a_calendar(), now=NOW).successors
        place = Place(next_.node_id, next_.branch, next_.visit, next_.rounds)
    return place


DETOUR = graph(
    note("first"),
    again("again"),
    note("sorry"),
    note("twice"),
    edges=[
        ("start", "next", "first"),
        ("first", "next", "again"),
        ("again", "back", "sorry"),
        ("sorry", "next", "twice"),
        ("twice", "next", "first"),
        ("again", "next", "done"),
    ],
)


def test_a_way_back_over_other_steps_is_counted_too():
    once = walk(DETOUR, Place("again", "main", 1), "back", "next", "next", "next")
    twice = walk(DETOUR, once, "back", "next", "next", "next")

    assert (once.node_id, once.visit, once.rounds) == ("again", 2, {"again": 1})
    assert (twice.node_id, twice.visit, twice.rounds) == ("again", 3, {"again": 2})


@pytest.mark.parametrize("detour", [False, True])
def test_a_loop_inside_another_one_is_counted_anew_with_each_of_its_rounds(*, detour: bool):
    """outer: a, inner loop (b, inner), outer; with and without a step on the inner way back."""
    back = [("inner", "back", "sorry"), ("sorry", "next", "b")] if detour else [("inner", "back", "b")]
    journey = graph(
        note("a"),
        note("b"),
        again("inner"),
        again("outer"),
        *([note("sorry")] if detour else []),
        edges=[
            ("start", "next", "a"),
            ("a", "next", "b"),
            ("b", "next", "inner"),
            *back,
            ("inner", "next", "outer"),
            ("outer", "back", "a"),
            ("outer", "next", "done"),
        ],
    )
    round_ = ("back", "next", "next") if detour else ("back", "next")

    inside = walk(journey, Place("inner", "main", 1), *round_, *round_)
    anew = walk(journey, inside, "next", "back", "next", "next")
    again_inside = walk(journey, anew, *round_)

    assert inside.rounds == {"inner": 2}
    assert (anew.node_id, anew.rounds) == ("inner", {"outer": 1})
    assert again_inside.rounds == {"outer": 1, "inner": 1}


def test_a_loop_through_the_other_port_of_such_a_step_is_bounded_by_nothing():
    with pytest.raises(DefinitionInvalid) as caught:
        graph(
            note("a"),
            again("again"),
            {"id": "choice", "type": "choice", "settings": {"expression": "client.status == 'booked'"}},
            edges=[
                ("start", "next", "a"),
                ("a", "next", "again"),
                ("again", "back", "done"),
                ("again", "next", "choice"),
                ("choice", "yes", "a"),
                ("choice", "no", "done"),
            ],
        )

    assert [problem.code for problem in caught.value.problems] == ["cycle_without_wait"]
