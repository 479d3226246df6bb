"""What publishing says about the facts and functions that a journey reads."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.language.graph import check
from tests.unit.language.world import a_journey, a_letter, node_types, trigger_types


def a_choice(expression: str) -> dict[str, Any]:
    """Give a journey of a letter and a choice."""
    choice = {"id": "choice", "type": "choice", "name": "Choice", "settings": {"expression": expression}}
    edges = [
        ("start", "next", "welcome"),
        ("welcome", "next", "choice"),
        ("choice", "yes", "done"),
        ("choice", "no", "done"),
    ]
    return a_journey(a_letter(), choice, edges=edges)


@pytest.mark.parametrize(
    ("expression", "code", "said", "position"),
    [
        ("opened('welcom')", "unknown_variable", "Did you mean 'welcome'?", 0),
        ("true && opened('start')", "unknown_variable", "The step 'start' sends no message", 8),
        ("messages.welcome.open", "unknown_variable", "Did you mean 'opened'?", 0),
        ("output('quote', 'amount') > 1", "unknown_variable", "There is no step 'quote'", 0),
        ("tasks.call.status == 'done'", "unknown_variable", "There is no step 'call'", 0),
        ("events.form_submitted.topic.x == 1", "unknown_variable", "does not exist", 0),
        ("events.form_submitted.cont > 1", "unknown_variable", "Did you mean 'count'?", 0),
        ("journey.begun == ''", "unknown_variable", "journey.begun does not exist", 0),
        (
            "lower(wedding.guest_count) == ''",
            "bad_expression",
            "lower needs a text as its value, not a number",
            6,
        ),
        ("days_to(client.tags) < 3", "bad_expression", "not a list", 8),
        ("true || abs(client.status) > 1", "bad_expression", "not a text", 12),
        ("has_tag(tag)", "unknown_variable", "'tag' is not known", 8),
        ("paid('a', 'b')", "bad_expression", "paid is called as paid(kind?: text)", 0),
    ],
)
def test_what_cannot_be_read_is_found_with_its_place(
    expression: str, code: str, said: str, position: int
) -> None:
    problems = check(a_choice(expression), node_types=node_types, trigger_types=trigger_types)

    assert [(code, "choice", "expression", position)] == [
        (one.code, one.node, one.field, one.position) for one in problems
    ]
    assert said in problems[0].message


@pytest.mark.parametrize(
    "expression",
    [
        "opened('welcome') && has_tag('vip')",
        "days_to(wedding.date) < 3 && weekday(now) == 'monday'",
        "events.form_submitted.topics.timeline.payload.answers.guests > 3",
        "events.form_submitted.count > 3 && messages.welcome.at < '2027'",
        "days_between(journey.started_at, now) > 30",
        "lower(client.fields.color) == 'red' && abs(answer('a', 'b', 0)) > 1",
        "client.tags.exists(t, lower(t) == 'vip')",
        "min(wedding.guest_count, 3) > 2 && max(client.tags) == 'z'",
    ],
)
def test_what_can_be_read_is_no_problem(expression: str) -> None:
    assert [] == check(a_choice(expression), node_types=node_types, trigger_types=trigger_types)
