"""Whatever arrives is answered, and whatever is accepted ends."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeys.language.definition import read_draft
from journeys.language.errors import VisitLimitReached
from journeys.language.graph import check, read_graph
from journeys.language.outcomes import Advance, Finish
from journeys.language.structure import back_edges
from journeys.language.transitions import MAX_VISITS, Place, arrive, plan
from tests.unit.language.world import NOW, a_calendar, a_journey, a_letter, node_types, trigger_types

CALENDAR = a_calendar()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["start", "end", "letter", "done", "next", "$x", "-30d", "09:00", "{{ client.phone", "client."]
    )
)
KEYS = st.sampled_from(
    [
        *(
            "schema_version",
            "nodes",
            "edges",
            "parameters",
            "variables",
            "id",
            "type",
            "name",
            "settings",
            "from",
        ),
        *(
            "port",
            "to",
            "kind",
            "value",
            "default",
            "when",
            "late",
            "body",
            "trigger",
            "where",
            "for",
            "offset",
            "at",
        ),
    ]
) | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
GOOD = a_journey(
    a_letter(when={"kind": "anchor", "offset": "$final -7d"}, late={"rule": "within", "hours": 5}),
    {"id": "wait", "type": "wait", "name": "Wait", "settings": {"when": {"kind": "duration", "for": "2d"}}},
    parameters={"final": {"kind": "offset", "value": "-60d"}},
    variables={"url": {"kind": "text", "default": ""}},
)


def places(value, path=()):
    """Return the path of every value in the JSON."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


PLACES = list(places(GOOD))


@st.composite
def nearly_good(draw):
    """A good definition with some values replaced by anything, or left out."""
    definition = json.loads(json.dumps(GOOD))
    for path in draw(st.lists(st.sampled_from(PLACES[1:]), min_size=1, max_size=3)):
        holder = definition
        for key in path[:-1]:
            try:
                holder = holder[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(holder, dict):
                if draw(st.booleans()):
                    holder[path[-1]] = draw(ANYTHING)
                else:
                    holder.pop(path[-1], None)
    return definition


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING | st.dictionaries(KEYS, ANYTHING) | nearly_good())
def test_check_answers_whatever_arrives(definition):
    found = check(definition, node_types=node_types, trigger_types=trigger_types)

    for problem in found:
        json.dumps(problem.as_dict())
    if not found:
        read_graph(definition, node_types=node_types, trigger_types=trigger_types)


@st.composite
def journeys(draw):
    """A journey of steps that lead anywhere, back too."""
    count = draw(st.integers(1, 8))
    names = [f"n{index}" for index in range(count)]
    targets = st.sampled_from([*names, "done"])
    nodes, edges = [], [("start", "next", draw(targets))]
    for name in names:
        kind = draw(st.sampled_from(["wait", "note", "choice"]))
        if kind == "wait":
            length = draw(st.sampled_from(["1min", "2h", "1d", "1bd", "1mo"]))
            at = draw(st.sampled_from([None, "09:00"]))
            nodes.append(
                {
                    "id": name,
                    "type": "wait",
                    "settings": {"when": {"kind": "duration", "for": length, "at": at}},
                }
            )
        elif kind == "choice":
            nodes.append({"id": name, "type": "choice", "settings": {"expression": "true"}})
        else:
            nodes.append({"id": name, "type": "note", "settings": {}})
        edges += [(name, port, draw(targets)) for port in (("yes", "no") if kind == "choice" else ("next",))]
    return a_journey(*nodes, edges=edges)


@settings(max_examples=300, deadline=None)
@given(journeys(), st.data())
def test_every_accepted_journey_ends_on_a_random_walk(definition, data):
    if check(definition, node_types=node_types, trigger_types=trigger_types):
        return
    graph = read_graph(definition, node_types=node_types, trigger_types=trigger_types)
    now = NOW
    here = arrive(graph, "start", branch="main", visit=1, calendar=CALENDAR, now=now)
    stood: set[tuple[str, int]] = set()

    for _ in range(len(graph.nodes) * (MAX_VISITS + 1)):
        assert (here.node_id, here.visit) not in stood
        stood.add((here.node_id, here.visit))
        now = max(now, here.due.instant)
        ports = graph.nodes[here.node_id].ports
        outcome = Advance(data.draw(st.sampled_from(ports))) if ports else Finish()
        try:
            result = plan(
                graph, Place(here.node_id, here.branch, here.visit), outcome, calendar=CALENDAR, now=now
            )
        except VisitLimitReached:
            return
        if result.finished:
            return
        (following,) = result.successors
        if following.visit > here.visit:
            round_ = [node for node, visit in stood if visit == here.visit]
            assert any(graph.nodes[node].settings.when for node in round_)
        here = following
    raise AssertionError("the walk does not end")


@settings(max_examples=200, deadline=None)
@given(journeys())
def test_without_its_back_edges_a_journey_has_no_loop(definition):
    draft, _ = read_draft(definition, node_types=node_types, trigger_types=trigger_types, parameters=None)
    back = back_edges(draft, "start")
    leaving: dict[str, list[str]] = {}
    for edge in draft.edges:
        if (edge.source, edge.port) not in back:
            leaving.setdefault(edge.source, []).append(edge.target)

    def longest(node, above=frozenset()):
        assert node not in above
        return 1 + max((longest(target, above | {node}) for target in leaving.get(node, ())), default=0)

    assert longest("start") <= len(draft.steps)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3).map(lambda days: f"{days}d"))
def test_loop_moves_the_time_forward(length):
    definition = a_journey(
        {"id": "wait", "type": "wait", "settings": {"when": {"kind": "duration", "for": length}}},
        {"id": "choice", "type": "choice", "settings": {"expression": "true"}},
        edges=[
            ("start", "next", "wait"),
            ("wait", "next", "choice"),
            ("choice", "yes", "wait"),
            ("choice", "no", "done"),
        ],
    )
    graph = read_graph(definition, node_types=node_types, trigger_types=trigger_types)

    again = plan(graph, Place("choice", "main", 1), Advance("yes"), calendar=CALENDAR, now=NOW).successors[0]

    assert again.due.instant - NOW >= timedelta(days=1)
