"""The functions of expressions: what they give, and what they refuse."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journeys.language.errors import ExpressionError
from journeys.language.expressions import BUILT_IN, compile_expression
from journeys.language.functions import FUNCTIONS
from journeys.language.texts import render
from tests.unit.language.couple import FACTS, NOW


def value(source: str, facts: dict[str, Any] = FACTS) -> Any:
    return compile_expression(source).evaluate(facts, NOW)


EXAMPLES = [(source, expected) for function in FUNCTIONS.values() for source, expected in function.examples]


@pytest.mark.parametrize(("source", "expected"), EXAMPLES, ids=[source for source, _ in EXAMPLES])
def test_an_example_of_a_function_has_the_value_it_is_said_to_have(source: str, expected: Any) -> None:
    found = value(source)

    assert expected == found
    assert type(expected) is type(found)


def test_every_function_has_an_example_and_hides_nothing_that_is_built_in() -> None:
    assert all(function.examples and function.summary for function in FUNCTIONS.values())
    assert not BUILT_IN & FUNCTIONS.keys()


@pytest.mark.parametrize(
    ("source", "said", "position"),
    [
        ("days_to()", "days_to is called as days_to(day: date) → number", 0),
        ("1 < days_to(wedding.date, 2)", "is called as", 4),
        ("has_tag(3)", "has_tag needs a text as its name", 8),
        ("true && add_days(wedding.date, '3') == ''", "needs a number as its days", 31),
        ("days_to('soon')", "write it as year, month and day", 8),
        ("opened(client.status)", "needs a step's name written out", 7),
        ("opened('wel' + 'come')", "needs a step's name written out", 7),
        ("'a'.lower('b')", "lower is called as lower(value: text)", 4),
        ("day_to(wedding.date)", "Did you mean 'days_to'?", 0),
        ("client.tags.exists(t, has_tags(t))", "Did you mean 'has_tag'?", 22),
        ("lower(trim(round('x')))", "round needs a number", 17),
        ("client.status.matches(client.status)", "pattern written out", 22),
        ("'a'.matches('(a{100}){100}')", "pattern of matches is too large", 12),
    ],
)
def test_a_call_that_cannot_work_is_found_before_it_runs(source: str, said: str, position: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)

    assert said in str(caught.value)
    assert position == caught.value.position


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("days_to(client.status) < 3", "a date cannot be read"),
        ("days_to(wedding.anchors.gallery) < 3", "a value that is empty"),
        ("lower(client.fields.budget) == ''", "lower needs a text as its value"),
        ("min(1, 'a') == 1", "min needs numbers alone, or texts alone"),
        ("add_days(wedding.date, 1.5) == ''", "a whole number is needed"),
        ("add_days(wedding.date, 99999999999) == ''", "add_days cannot take what it is given"),
        ("round(1.5, 99) == 1", "round takes 0 to 10 digits"),
        ("days_to(client.tags) < 3", "days_to needs a date such as wedding.date as its day"),
    ],
)
def test_a_call_that_cannot_be_answered_says_why_without_the_value(source: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(source)

    assert said in str(caught.value)
    assert "booked" not in str(caught.value).replace(source, "")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("days_to(wedding.anchors.gallery)", None),
        ("lower(client.phone)", None),
        ("coalesce(days_to(wedding.anchors.gallery), 999) > 30", True),
        ("min(wedding.anchors.gallery, wedding.date)", "2027-06-12"),
        ("max([])", None),
        ("coalesce(null, '', 'x')", "x"),
        ("number('1.250,00', 0)", 0),
        ("number('12,5')", 12.5),
        ("round(-2.5)", -2),
        ("has_tag('VIP')", False),
        ("['vip', 'x'].exists(t, has_tag(t))", True),
        ("'timeline'.answered()", True),
        ("answer('time' + 'line', 'guests')", 80),
        ("answer('nothing', 'guests') == null", True),
        ("months_between('2027-03-31', '2027-02-28')", -1),
        ("is_weekend(now)", True),
    ],
)
def test_a_function_takes_what_is_missing_and_what_is_computed(source: str, expected: Any) -> None:
    assert expected == value(source)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("opened('welcome')", {"messages.welcome.opened"}),
        ("has_tag('vip') && true", {"client.tags"}),
        ("answer('timeline', 'guests') > 3", {"forms.answers.timeline.guests"}),
        ("answer(client.status, 'guests') > 3", {"forms.answers", "client.status"}),
        ("output('quote', 'amount')", {"steps.quote.amount"}),
        ("days_to(wedding.date) < 3", {"wedding.date", "wedding.time_zone", "now"}),
        ("days_between(now, wedding.date) < 3", {"wedding.date", "wedding.time_zone", "now"}),
        ("happened('form_submitted', 'a.b')", {"events.form_submitted"}),
        ("lower('x') == 'x'", set()),
    ],
)
def test_a_function_tells_what_it_reads(source: str, paths: set[str]) -> None:
    assert paths == compile_expression(source).paths()


@pytest.mark.parametrize(
    ("now", "zone", "days"),
    [
        (datetime(2027, 6, 11, 23, 30, tzinfo=UTC), "Europe/Lisbon", 0),
        (datetime(2027, 6, 11, 22, 30, tzinfo=UTC), "Europe/Lisbon", 1),
        (datetime(2027, 6, 11, 10, 30, tzinfo=UTC), "Pacific/Auckland", 1),
        (datetime(2027, 6, 11, 12, 30, tzinfo=UTC), "Pacific/Auckland", 0),
        (datetime(2027, 6, 12, 10, 30, tzinfo=UTC), "Pacific/Pago_Pago", 1),
    ],
)
def test_today_is_the_day_where_the_wedding_is(now: datetime, zone: str, days: int) -> None:
    facts = {"wedding": {"date": "2027-06-12", "time_zone": zone}}

    assert days == compile_expression("days_to(wedding.date)").evaluate(facts, now)


def test_what_the_documentation_shows_can_be_answered() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "expressions.md").read_text(encoding="utf-8")
    shown = re.search(r"```\n(.*?)```", page, re.DOTALL)

    assert shown is not None
    assert all(isinstance(value(source), bool) for source in shown[1].splitlines())
    for text in re.findall(r"`(\{\{ [^`…]+ \}\})`", page):
        assert render(text, {**FACTS, "recipient": {"locale": "en"}})
