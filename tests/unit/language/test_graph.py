"""Reading a definition, and naming what is wrong with it."""

from __future__ import annotations

import json

import pytest

from journeys.language.errors import DefinitionInvalid, Problem
from journeys.language.graph import MAX_NODES, check, read_graph
from tests.unit.language.world import a_journey, a_letter, node_types, trigger_types

WAIT = {"id": "wait", "type": "wait", "settings": {"when": {"kind": "duration", "for": "2d"}}}
CHOICE = {"id": "choice", "type": "choice", "settings": {"expression": "client.status == 'booked'"}}


def problems(definition, **more) -> list[Problem]:
    return check(definition, node_types=node_types, trigger_types=trigger_types, **more)


def codes(definition, **more) -> list[str]:
    return [problem.code for problem in problems(definition, **more)]


def read(definition, **more):
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types, **more)


def row(*links):
    return [("start", "next", "welcome"), *links]


def test_graph_of_a_small_journey_can_be_walked():
    graph = read(a_journey(a_letter(), WAIT))

    assert ["start", "welcome", "wait", "done"] == list(graph.nodes)
    assert "start" == graph.start.id
    assert ["welcome", "wait", "done", None] == [graph.successor(node, "next") for node in graph.nodes]
    assert ("Welcome", "letter", ("next",)) == (
        graph.nodes["welcome"].name,
        graph.nodes["welcome"].type,
        graph.nodes["welcome"].ports,
    )
    assert not graph.is_back_edge("welcome", "next")


def test_graph_knows_its_loops():
    graph = read(
        a_journey(
            WAIT,
            CHOICE,
            edges=[
                ("start", "next", "wait"),
                ("wait", "next", "choice"),
                ("choice", "yes", "wait"),
                ("choice", "no", "done"),
            ],
        )
    )

    back = [(edge.source, edge.port) for edge in graph.edges if graph.is_back_edge(edge.source, edge.port)]
    assert [("choice", "yes")] == back


LETTER_ON_PARAMETER = a_journey(
    a_letter(when={"kind": "anchor", "offset": "$final -7d"}),
    parameters={
        "final": {"kind": "offset", "value": "-60d", "label": "Final payment", "help": "When it is due."}
    },
)


def test_graph_takes_the_vendors_own_parameters():
    plain, own = read(LETTER_ON_PARAMETER), read(LETTER_ON_PARAMETER, parameters={"final": "-30d"})

    assert ["-67d", "-37d"] == [graph.nodes["welcome"].settings.when.offset for graph in (plain, own)]
    assert {"final": "-30d"} == own.parameters
    assert plain.digest != own.digest


def test_digest_does_not_depend_on_the_order_of_fields():
    definition = a_journey(a_letter())
    turned = dict(reversed(definition.items()))

    assert read(definition).digest == read(turned).digest == read(json.loads(json.dumps(definition))).digest
    assert read(definition).digest != read(a_journey(a_letter(body="Hi"))).digest


def test_invalid_definition_carries_all_its_problems():
    with pytest.raises(DefinitionInvalid) as caught:
        read(a_journey(a_letter(body="{{ foo }}", subject="{{ client.phone }}")))

    assert ["may_be_empty", "unknown_variable"] == [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (None, ["not_an_object"]),
        ([], ["not_an_object"]),
        ("x", ["not_an_object"]),
        ({}, ["schema_version", "not_an_object", "no_start"]),
        (a_journey(schema_version=2), ["schema_version"]),
        (a_journey(schema_version=True), ["schema_version"]),
        (a_journey(colour="red"), ["unknown_field"]),
        (a_journey(layout={"zoom": 1}, description="Ours"), []),
        ({**a_journey(), "nodes": {}}, ["not_an_object", "no_start", "unknown_target"]),
        ({**a_journey(), "nodes": [1]}, ["not_an_object", "no_start", "unknown_target"]),
        (
            {**a_journey(), "edges": [1]},
            ["not_an_object", "missing_edge", "no_way_to_end", "unreachable_node"],
        ),
        (
            {**a_journey(), "edges": "x"},
            ["not_an_object", "missing_edge", "no_way_to_end", "unreachable_node"],
        ),
        (a_journey(parameters=[]), ["not_an_object"]),
        (a_journey(variables=3), ["not_an_object"]),
        (a_journey({"id": "Bad Id", "type": "note"}, edges=[("start", "next", "done")]), ["bad_node_id"]),
        (a_journey({"id": None, "type": "note"}, edges=[("start", "next", "done")]), ["bad_node_id"]),
        (a_journey(a_letter("start"), edges=[("start", "next", "done")]), ["duplicate_node"]),
        (a_journey({"id": "bird", "type": "pigeon"}), ["unknown_type"]),
        (a_journey({"id": "bird", "type": ["letter"]}), ["unknown_type"]),
        (a_journey({"id": "bird", "type": "note", "name": 3}), ["bad_settings"]),
        (a_journey({"id": "bird", "type": "note", "settings": []}), ["bad_settings"]),
        (a_journey({"id": "bird", "type": "note", "color": 1}), ["unknown_field"]),
        (a_journey(a_letter(color="red")), ["bad_settings"]),
        (a_journey(a_letter(when={"kind": "anchor", "offset": "soon"})), ["bad_settings"]),
        (a_journey(a_letter(when={"kind": "anchor", "offset": "$soon"})), ["unknown_parameter"]),
        (
            a_journey(
                {"id": "s2", "type": "start"}, edges=[("start", "next", "done"), ("s2", "next", "done")]
            ),
            ["several_starts"],
        ),
    ],
)
def test_check_names_what_cannot_be_read(definition, expected):
    assert expected == codes(definition)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (row(("welcome", "next", "done")), []),
        (row(("welcome", "next", "done"), ("welcome", "error", "done")), []),
        (row(("welcome", "next", "done"), ("welcome", "next", "done")), ["duplicate_edge"]),
        (row(("welcome", "next", "done"), ("welcome", "yes", "done")), ["unknown_port"]),
        (row(("welcome", "next", "done"), ("start", "error", "done")), ["unknown_port"]),
        (
            row(("welcome", "next", "done"), ("done", "error", "welcome")),
            ["unknown_port", "cycle_without_wait"],
        ),
        (
            row(("welcome", "next", "nowhere")),
            ["unknown_target", "no_way_to_end", "no_way_to_end", "unreachable_node"],
        ),
        (row(("welcome", "next", "done"), ("ghost", "next", "done")), ["unknown_target"]),
        (
            row(("welcome", "next", "start")),
            ["unknown_target", "no_way_to_end", "no_way_to_end", "unreachable_node", "cycle_without_wait"],
        ),
        (row(), ["missing_edge", "no_way_to_end", "no_way_to_end", "unreachable_node"]),
        ([("start", "next", "done")], ["missing_edge", "unreachable_node"]),
        (row(("welcome", "next", "welcome"), ("welcome", "error", "done")), ["cycle_without_wait"]),
        (
            row(("welcome", 3, "done")),
            ["unknown_port", "missing_edge", "no_way_to_end", "no_way_to_end", "unreachable_node"],
        ),
        (
            row(("welcome", "next", None)),
            ["unknown_target", "missing_edge", "no_way_to_end", "no_way_to_end", "unreachable_node"],
        ),
    ],
)
def test_check_names_what_does_not_hang_together(edges, expected):
    assert expected == codes(a_journey(a_letter(), edges=edges))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"kind": "duration", "for": "1min"}, []),
        ({"kind": "date", "date": "2027-05-01"}, ["cycle_without_wait"]),
        ({"kind": "anchor", "offset": "-30d"}, ["cycle_without_wait"]),
        (None, ["cycle_without_wait"]),
    ],
)
def test_loop_needs_a_step_that_waits_for_a_time(when, expected):
    edges = row(("welcome", "next", "choice"), ("choice", "yes", "welcome"), ("choice", "no", "done"))

    assert expected == codes(a_journey(a_letter(when=when), CHOICE, edges=edges))


def test_choice_must_lead_on_by_each_of_its_ports():
    edges = [("start", "next", "choice"), ("choice", "yes", "done")]

    (problem,) = problems(a_journey(CHOICE, edges=edges))

    assert ("missing_edge", "choice") == (problem.code, problem.node)
    assert "'no'" in problem.message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ recipient.first_name }} {{ vendor.name }} {{ steps.welcome.id | default: 1 }}", []),
        ("{{ client.phone }}", ["may_be_empty"]),
        ("{{ client.phone | default: 'x' }}", []),
        ("{% if wedding.date %}{{ wedding.date | date: '%d' }}{% endif %}", []),
        ("{{ variables.url }} {{ parameters.final }} {{ variables.link | default: '' }}", []),
        ("{{ variables.link }}", ["may_be_empty"]),
        ("{{ variables.nothing }}", ["unknown_variable"]),
        ("{{ parameters.nothing }}", ["unknown_variable"]),
        ("{{ steps.ghost.id | default: 1 }}", ["unknown_variable"]),
        ("{{ trigger.amount }}", ["may_be_empty"]),
        ("{{ client.fields.budget }}", ["may_be_empty"]),
        ("{{ client.nick }}", ["unknown_variable"]),
        ("{{ client }}", ["unknown_variable"]),
        ("{{ client.fields }}", ["unknown_variable"]),
        ("{{ client.name", ["bad_text"]),
        ("{{ client.status | shout }}", ["bad_text"]),
    ],
)
def test_check_reads_every_text(source, expected):
    definition = a_journey(
        a_letter(body=source),
        variables={"url": {"kind": "text"}, "link": {"kind": "text", "default": ""}},
        parameters={"final": {"kind": "offset", "value": "-60d"}},
    )

    assert expected == codes(definition)


def test_recipient_is_known_only_to_steps_that_write_to_somebody():
    note = {"id": "note", "type": "note", "settings": {"title": "Call {{ recipient.first_name }}"}}

    (problem,) = problems(a_journey(note))

    assert ("unknown_variable", "note", "title", 8) == (
        problem.code,
        problem.node,
        problem.field,
        problem.position,
    )


@pytest.mark.parametrize(
    ("source", "expected", "position"),
    [
        ("client.phone == null && variables.tries < 3", [], None),
        ("client.phon == null", ["unknown_variable"], 0),
        ("true && variables.nothing", ["unknown_variable"], 8),
        ("recipient.email == 'x'", ["unknown_variable"], 0),
        ("client.", ["bad_expression"], 7),
        ("loud(client.status) == 'x'", ["bad_expression"], 0),
        ("", ["bad_expression"], 0),
    ],
)
def test_check_reads_every_expression(source, expected, position):
    choice = {"id": "choice", "type": "choice", "settings": {"expression": source}}
    edges = [("start", "next", "choice"), ("choice", "yes", "done"), ("choice", "no", "done")]

    found = problems(a_journey(choice, edges=edges, variables={"tries": {"kind": "number", "default": 0}}))

    assert expected == [problem.code for problem in found]
    assert all(position == problem.position for problem in found)


def start(**trigger):
    definition = a_journey()
    definition["nodes"][0]["settings"] = {"trigger": trigger}
    return definition


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ({"type": "form_submitted", "settings": {"form": "timeline"}, "where": "trigger.guests > 80"}, []),
        ({"type": "form_submitted"}, []),
        ({"type": "moonrise"}, [("unknown_trigger", "trigger.type")]),
        (
            {"type": "form_submitted", "settings": {"from": 1}},
            [("bad_trigger_settings", "trigger.settings.from")],
        ),
        (
            {"type": "form_submitted", "settings": {"form": 1}},
            [("bad_trigger_settings", "trigger.settings.form")],
        ),
        ({"type": "form_submitted", "where": "guests > 80"}, [("unknown_variable", "trigger.where")]),
        ({"type": "form_submitted", "where": "trigger."}, [("bad_expression", "trigger.where")]),
        ({"settings": {}}, [("bad_settings", "trigger.type")]),
        (
            {"type": "form_submitted", "settings": {"after": "$final"}},
            [("unknown_parameter", "trigger.settings.after")],
        ),
    ],
)
def test_check_reads_the_trigger(trigger, expected):
    assert expected == [(problem.code, problem.field) for problem in problems(start(**trigger))]


@pytest.mark.parametrize(
    ("section", "entries", "expected"),
    [
        (
            "parameters",
            {"a": {"kind": "offset", "value": "-60d"}, "b": {"kind": "time", "value": "09:00"}},
            [],
        ),
        ("parameters", {"a": {"kind": "text", "value": ""}, "b": {"kind": "boolean", "value": False}}, []),
        ("parameters", {"a": {"kind": "number", "value": 1.5}}, []),
        ("parameters", {"a": {"kind": "number", "value": True}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": "number", "value": float("nan")}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": "offset", "value": "$b"}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": "offset"}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": "time", "value": "9"}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": "color", "value": "red"}}, ["bad_parameter"]),
        ("parameters", {"a": {"kind": [], "value": "red"}}, ["bad_parameter"]),
        ("parameters", {"A b": {"kind": "text", "value": "x"}}, ["bad_parameter"]),
        ("parameters", {"a": "-60d"}, ["bad_parameter"]),
        ("parameters", {f"p{n}": {"kind": "text", "value": "x"} for n in range(201)}, ["bad_parameter"]),
        (
            "variables",
            {"a": {"kind": "date", "default": "2027-01-31"}, "b": {"kind": "list", "default": []}},
            [],
        ),
        ("variables", {"a": {"kind": "date", "default": "2027-02-31"}}, ["bad_variable"]),
        ("variables", {"a": {"kind": "text", "default": 3}}, ["bad_variable"]),
        ("variables", {"a": {"kind": "offset", "default": "1d"}}, ["bad_variable"]),
        ("variables", {"a": None}, ["bad_variable"]),
    ],
)
def test_check_reads_what_is_declared(section, entries, expected):
    assert expected == codes(a_journey(**{section: entries}))


def test_check_names_a_parameter_that_the_journey_does_not_have():
    assert ["unknown_parameter"] == codes(a_journey(), parameters={"final": "-60d"})
    assert ["bad_parameter", "unknown_parameter"] == codes(LETTER_ON_PARAMETER, parameters={"final": 3})


def test_start_variables_are_filled_from_defaults():
    graph = read(a_journey(variables={"url": {"kind": "text"}, "tries": {"kind": "number", "default": 0}}))

    assert {"url": "x", "tries": 0} == graph.start_variables({"url": "x"})
    assert graph.variables["url"].required
    assert not graph.variables["tries"].required


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["missing_variable"]),
        ({"url": None}, ["missing_variable"]),
        ({"url": 3}, ["bad_variable"]),
        ({"url": "x", "color": "red"}, ["unknown_variable"]),
    ],
)
def test_start_variables_that_are_missing_or_wrong_are_named(given, expected):
    graph = read(a_journey(variables={"url": {"kind": "text"}}))

    with pytest.raises(DefinitionInvalid) as caught:
        graph.start_variables(given)

    assert expected == [problem.code for problem in caught.value.problems]


def test_every_message_names_its_step_and_ends_in_advice():
    bad = a_journey(
        a_letter(body="{{ foo }}", color="red"),
        a_letter("second", body="{{ foo }} {{ client.phone }}"),
        {"id": "third", "type": "pigeon"},
    )

    for problem in problems(bad):
        assert problem.node in problem.message
        assert problem.message.endswith(".")
        assert {"code", "message", "node", "field", "position"} == set(problem.as_dict())


def test_deep_nesting_is_refused():
    deep: list = []
    for _ in range(5000):
        deep = [deep]

    assert ["too_deep"] == codes(a_journey(layout=deep))


def row_of(count):
    return a_journey(*[{"id": f"n{n}", "type": "note", "settings": {}} for n in range(count - 2)])


def test_journey_may_have_so_many_steps_and_no_more():
    assert [] == codes(row_of(MAX_NODES))
    assert ["too_many_nodes"] == codes(row_of(MAX_NODES + 1))
