"""What differs between two definitions: complete, reversible, and in plain sentences."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.language.diff import apply, canonical, diff, digest_of
from journeys.language.diff_words import sentences
from tests.unit.language.world import a_journey, a_letter

WAIT = {
    "id": "wait",
    "type": "wait",
    "name": "A rest",
    "settings": {"when": {"kind": "duration", "for": "2d"}},
}


def changed(definition: dict[str, Any], node: str, **fields: Any) -> dict[str, Any]:
    copy = deepcopy(definition)
    for step in copy["nodes"]:
        if step["id"] == node:
            step["settings"] |= fields
    return copy


def said(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sentences(diff(before, after), titles={"wait": "Wait", "letter": "Letter"})


def test_the_same_definition_differs_in_nothing():
    one = a_journey(a_letter(), WAIT)
    other = {**one, "nodes": one["nodes"][::-1], "edges": one["edges"][::-1]}

    assert not diff(one, one)
    assert not diff(one, other)
    assert [] == said(one, other)
    assert digest_of(one) == digest_of(other)


def test_a_changed_text_is_shown_line_by_line():
    before = a_journey(a_letter(body="Dear both,\n\nthank you.\n"))
    after = changed(before, "welcome", body="Dear both,\n\nthank you so much.\nUntil soon\n")

    (step,) = diff(before, after).changed
    (change,) = step.changes
    assert ("settings", "body") == change.path
    assert ("-thank you.", "+thank you so much.", "+Until soon") == change.lines[1:]
    assert ["“Welcome”: the body is written anew: 2 lines added, 1 removed."] == said(before, after)


def test_steps_connections_and_timing_are_told_in_sentences():
    before = a_journey(a_letter())
    after = changed(
        a_journey(a_letter(), WAIT), "welcome", when={"kind": "anchor", "offset": "-30d", "at": "09:00"}
    )

    assert [
        "Adds the step “A rest” (wait).",
        "“Welcome” is due 30 days before the wedding at 09:00 instead of at once.",
        "“Welcome” leads to “A rest” instead of “End”.",
    ] == said(before, after)
    assert [
        "Removes the step “A rest” (wait).",
        "“Welcome” is due at once instead of 30 days before the wedding at 09:00.",
        "“Welcome” leads to “End” instead of “A rest”.",
    ] == said(after, before)


def test_what_stands_beside_the_steps_is_told_too():
    before = a_journey(
        parameters={"guide": {"kind": "offset", "value": "3d"}},
        goals=[{"name": "paid", "if": "payments.total > 0"}, {"name": "old", "if": "true"}],
    )
    after = a_journey(
        parameters={"guide": {"kind": "offset", "value": "7d"}, "photo": {"kind": "text", "value": "yes"}},
        variables={"gallery": {"kind": "text", "default": ""}},
        goals=[{"name": "paid", "if": "payments.total > 100"}, {"name": "new", "if": "true"}],
        entry={"max_live": 10},
    )

    assert {
        "The parameter “guide”: the value is “7d” instead of “3d”.",
        "Adds the parameter “photo” (yes).",
        "Adds the variable “gallery”.",
        "Removes the goal “old”.",
        "Adds the goal “new”: true.",
        "The goal “paid” holds when payments.total > 100 instead of payments.total > 0.",
        'The entry is now “{"max_live": 10}”.',
    } == set(said(before, after))


def test_moving_a_step_on_the_canvas_is_layout_and_nothing_else():
    before = a_journey(a_letter())
    after = deepcopy(before)
    after["nodes"][1]["position"] = {"x": 10, "y": 20}

    found = diff(before, after)
    assert found.only_layout
    assert ["Steps stand elsewhere on the canvas."] == sentences(found)


names = st.sampled_from(["a", "b", "c", "d"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("xyz\n", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
steps = st.lists(
    st.fixed_dictionaries(
        {"id": names, "type": st.sampled_from(["wait", "letter"])},
        optional={"name": st.text("xyz", max_size=5), "settings": st.dictionaries(names, values, max_size=3)},
    ),
    max_size=4,
)
edges = st.lists(
    st.fixed_dictionaries({"from": names, "to": names}, optional={"port": st.sampled_from(["next", "yes"])}),
    max_size=5,
)
definitions = st.fixed_dictionaries(
    {"nodes": steps | values, "edges": edges | values},
    optional={
        "parameters": st.dictionaries(names, values, max_size=2),
        "exits": values,
        "goals": st.lists(
            st.fixed_dictionaries({"name": names, "if": st.text("xyz", max_size=4)}), max_size=3
        ),
        "entry": values,
    },
)


def shown(definition: dict[str, Any]) -> str:
    """Tell 1 from true, which are equal to Python."""
    return json.dumps(definition, sort_keys=True, default=repr)


@settings(max_examples=120, deadline=None)
@given(definitions, definitions)
def test_what_the_differences_say_leads_from_one_definition_to_the_other(before, after):
    there = diff(before, after)
    back = diff(after, before)

    assert shown(canonical(after)) == shown(apply(there, before))
    assert shown(canonical(before)) == shown(apply(back, after))
    assert bool(there) == (digest_of(before) != digest_of(after)) == bool(back)
    assert all(isinstance(sentence, str) and sentence for sentence in sentences(there))
    assert bool(there) == bool(sentences(there))


@given(definitions)
def test_a_definition_differs_from_itself_in_nothing(definition):
    assert not diff(definition, definition)
    assert {"steps": {"added": [], "removed": [], "changed": []}} == {
        "steps": diff(definition, definition).as_dict()["steps"]
    }
