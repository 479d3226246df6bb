"""Exits, goals, entry and late start: what a definition says about passages as a whole."""

from __future__ import annotations

import pytest

from journeys.language.errors import DefinitionInvalid, Problem
from journeys.language.graph import Graph, Rule, check, read_graph
from journeys.language.passages import MAX_RULES
from tests.unit.language.world import a_journey, node_types, trigger_types


def read(**more) -> Graph:
    return read_graph(a_journey(**more), node_types=node_types, trigger_types=trigger_types)


def problems(**more) -> list[Problem]:
    return check(a_journey(**more), node_types=node_types, trigger_types=trigger_types)


def test_a_journey_that_says_nothing_of_its_passages_has_no_rules():
    graph = read()

    assert ((), ()) == (graph.exits, graph.goals)
    assert graph.entry.re_entry is None
    assert not graph.entry.limited
    assert graph.late_start is None
    assert "end" == graph.passage.on_wedding_cancelled


def test_exits_and_goals_are_read_in_their_order():
    graph = read(
        exits=[{"name": "gone", "if": "client.status == 'lost'"}],
        goals=[
            {"name": "booked", "if": "client.status == 'booked'"},
            {"name": "paid", "if": "payments.total > 0"},
        ],
    )

    assert (Rule("gone", "client.status == 'lost'"),) == graph.exits
    assert ["booked", "paid"] == [rule.name for rule in graph.goals]


@pytest.mark.parametrize(
    ("more", "code", "field", "position"),
    [
        ({"exits": {}}, "not_an_object", "exits", None),
        ({"goals": ["paid"]}, "bad_rule", "goals.0", None),
        ({"goals": [{"name": "Paid", "if": "true"}]}, "bad_rule", "goals.0.name", None),
        ({"goals": [{"name": "paid"}]}, "bad_rule", "goals.0.if", None),
        ({"goals": [{"name": "paid", "if": " "}]}, "bad_rule", "goals.0.if", None),
        ({"goals": [{"name": "paid", "if": "true", "then": 1}]}, "unknown_field", "goals.0", None),
        ({"goals": [{"name": "a", "if": "true"}] * 2}, "bad_rule", "goals.1.name", None),
        ({"exits": [{"name": "a", "if": "client.nme == 'x'"}]}, "unknown_variable", "exits.a.if", 0),
        ({"exits": [{"name": "a", "if": "true && client.nme == 'x'"}]}, "unknown_variable", "exits.a.if", 8),
        (
            {"goals": [{"name": f"a{n}", "if": "true"} for n in range(MAX_RULES + 1)]},
            "bad_rule",
            "goals",
            None,
        ),
        ({"entry": []}, "not_an_object", "entry", None),
        ({"entry": {"re_entry": "sometimes"}}, "bad_settings", "entry.re_entry", None),
        ({"entry": {"re_entry": "after_days"}}, "bad_settings", "entry", None),
        ({"entry": {"re_entry": "once", "days": 3}}, "bad_settings", "entry", None),
        ({"entry": {"max_live": 0}}, "bad_settings", "entry.max_live", None),
        ({"entry": {"max": 1}}, "bad_settings", "entry.max", None),
        ({"late_start": {"gap": "soon"}}, "bad_settings", "late_start.gap", None),
        ({"late_start": {"gap": "$pause"}}, "unknown_parameter", "late_start.gap", None),
        ({"on_wedding_cancelled": "stay"}, "bad_settings", "on_wedding_cancelled", None),
    ],
)
def test_a_wrong_rule_is_named_with_its_place(more, code, field, position):
    found = problems(**more)

    assert (code, field, position) in [(one.code, one.field, one.position) for one in found]
    with pytest.raises(DefinitionInvalid):
        read(**more)


def test_a_condition_that_does_not_compile_is_named_with_its_position():
    (found,) = problems(goals=[{"name": "paid", "if": "payments.total >"}])

    assert ("bad_expression", "goals.paid.if") == (found.code, found.field)
    assert found.position is not None


def test_entry_limits_and_the_late_start_are_read_with_parameters():
    graph = read(
        parameters={"pause": {"kind": "offset", "value": "2h"}},
        entry={"re_entry": "after_days", "days": 90, "max_per_day": 20},
        late_start={"show_plan": True, "gap": "$pause"},
        on_wedding_cancelled="go_on",
    )

    assert ("after_days", 90, 20) == (graph.entry.re_entry, graph.entry.days, graph.entry.max_per_day)
    assert graph.entry.limited
    assert graph.late_start is not None
    assert (True, "2h") == (graph.late_start.show_plan, graph.late_start.gap)
    assert "go_on" == graph.passage.on_wedding_cancelled
