"""Conditions and computed values."""

from __future__ import annotations

import time as stopwatch
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeys.language.errors import ExpressionError
from journeys.language.expressions import MAX_LENGTH, compile_expression

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FACTS = {
    "client": {
        "status": "booked",
        "phone": None,
        "tags": ["vip", "summer"],
        "fields": {"budget": 4000, "two words": 1},
    },
    "wedding": {"date": "2027-06-12", "days_to": 202, "guest_count": None},
    "forms": {"submitted": ["timeline"], "answers": {"timeline": {"guests": 80}}},
    "payments": {"received": ["deposit"], "total": Decimal("600.50")},
    "trigger": {"type": "form_submitted", "on": date(2026, 11, 1)},
    "steps": {},
    "variables": {"tries": 2},
}


def value(source, facts=FACTS):
    return compile_expression(source).evaluate(facts, NOW)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("client.status == 'booked'", True),
        ("'vip' in client.tags && wedding.days_to <= 202", True),
        ("client.tags.exists(t, t.startsWith('sum'))", True),
        ("size(client.tags.filter(t, t == 'vip'))", 1),
        ("client.fields.budget > 3500", True),
        ("client.fields['two words'] + 1", 2),
        ("client.phone == null", True),
        ("wedding.date < '2027-07-01'", True),
        ("now < timestamp(wedding.date + 'T00:00:00Z')", True),
        ("now.getFullYear()", 2026),
        ("payments.total > 600.0", True),
        ("trigger.on == '2026-11-01'", True),
        ("forms.answers.timeline.guests / 2", 40),
        ("variables.tries < 3 ? 'again' : 'enough'", "again"),
        ("client.status.matches('^book')", True),
    ],
)
def test_expression_has_the_value_of_its_facts(source, expected):
    assert expected == value(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("client.fields.color == null", True),
        ("client.fields.color == 'red'", False),
        ("forms.answers.menu.vegan == true", False),
        ("steps.letter.opened == null", True),
        ("has(client.fields.color)", False),
        ("has(client.fields.budget)", True),
        ("has(client.fields.color) && client.fields.color > 3", False),
        ("has(forms.answers.menu) && forms.answers.menu.vegan", False),
        ("forms.answers.menu != null && forms.answers.menu.vegan == true", False),
        ("'color' in client.fields", False),
        ("client.fields[client.status] == 1 || true", True),
    ],
)
def test_name_that_is_missing_in_a_map_reads_as_null(source, expected):
    assert expected is value(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("client.fields.color > 3", "different kinds, or a value that is empty"),
        ("client.status > 3", "different kinds"),
        ("client.tags[7]", "a position that the list does not have"),
        ("client.fields[client.status]", "a name that is not there"),
        ("wedding.days_to / 0", "divides by zero"),
        ("9223372036854775807 + wedding.days_to", "grows too large"),
        ("client.status.matches('[')", "cannot take what it is given"),
        ("timestamp(client.status) < now", "cannot take what it is given"),
        ("nobody.name", "'nobody' is not known here"),
        ("recipient.email == ''", "'recipient' is not known here"),
    ],
)
def test_expression_without_a_value_says_why(source, said):
    with pytest.raises(ExpressionError, match=said):
        value(source)


@pytest.mark.parametrize("source", ["client.status", "1", "null", "client.tags"])
def test_condition_that_is_neither_true_nor_false_is_an_error(source):
    with pytest.raises(ExpressionError, match="not true or false"):
        compile_expression(source).holds(FACTS, NOW)


def test_condition_answers_true_or_false():
    assert compile_expression("variables.tries == 2").holds(FACTS, NOW)
    assert not compile_expression("variables.tries == 3").holds(FACTS, NOW)


@pytest.mark.parametrize(
    ("source", "position"),
    [("client.", 7), ("1 +", 3), ("client.status ==\n  = 'x'", 19), ("@", 0), ("", 0), ("1 + loud('X')", 4)],
)
def test_expression_that_cannot_be_read_says_where(source, position):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)

    assert position == caught.value.position


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('true')",
        "client.__class__.__mro__",
        "open('/etc/passwd')",
        "type(client).mro()",
        "optional.of(1)",
        "client.tags.map(t, eval(t))",
    ],
)
def test_expression_cannot_reach_python(source):
    try:
        result = value(source)
    except ExpressionError:
        return
    assert result is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("client.status == 'wedding.date'", {"client.status"}),
        ("client.fields['two words'] == 1", {"client.fields.two words"}),
        ("client.fields[variables.key] == 1", {"client.fields", "variables.key"}),
        ("client.tags.exists(t, t == variables.tag)", {"client.tags", "variables.tag"}),
        ("client.name.startsWith('A') && size(client.tags) > 0", {"client.name", "client.tags"}),
        ("has(client.fields.x) && true && null == null", {"client.fields.x"}),
        ("now > timestamp(wedding.date) // client.phone", {"now", "wedding.date"}),
        ("forms.answers.a.b[0].c", {"forms.answers.a.b"}),
        ('client.fields["a\\"b"] == \'x\'', {"client.fields"}),
        ("{'client': wedding.city}.client", {"wedding.city"}),
        ("[client.a, client.b].all(x, [1].all(y, y < x + client.c))", {"client.a", "client.b", "client.c"}),
        ("'unclosed", set()),
    ],
)
def test_expression_tells_what_it_reads(source, expected):
    try:
        paths = compile_expression(source).paths()
    except ExpressionError:
        paths = frozenset()

    assert expected == paths


def test_expression_tells_where_it_reads():
    reads = compile_expression("true && has(client.fields.x)").reads

    assert [(("client", "fields", "x"), 12, True)] == [
        (read.path, read.position, read.asked) for read in reads
    ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("true" + " && true" * 300, f"{MAX_LENGTH:,} are the limit"),
        ("(" * 33 + "1" + ")" * 33, "nested more than 32"),
        ("[1].all(a, [1].all(b, [1].all(c, true)))", "nested 2 deep"),
        ("[1]" + ".map(x, x)" * 7, "used 6 times"),
        ("client.tags.exists(t, t.matches('a'))", "not inside all"),
        (" || ".join(["'a'.matches('b')"] * 11), "4 times"),
    ],
)
def test_expression_is_kept_small(source, said):
    with pytest.raises(ExpressionError, match=said):
        compile_expression(source)


GROWING = ".map(t, " + "t + " * 40 + "t)"


@pytest.mark.parametrize(
    "source",
    [
        f"client.tags{GROWING}{GROWING}" + ".map(t, t + t)" * 4,
        "client.many.all(a, client.many.all(b, a <= b || true))",
        "(" + " + ".join(["client.many"] * 30) + ").all(a, client.many.all(b, true))",
    ],
)
def test_expression_that_would_take_long_is_refused_before_it_starts(source):
    facts = {"client": {"tags": ["x" * 1000] * 50, "many": list(range(1500))}}
    started = stopwatch.monotonic()

    with pytest.raises(ExpressionError, match="too many values"):
        value(source, facts)

    assert stopwatch.monotonic() - started < 5


def test_expression_is_not_handed_a_flood():
    with pytest.raises(ExpressionError, match="are the limit"):
        value("size(client.tags)", {"client": {"tags": [0] * 30_000}})


def test_expression_is_compiled_once():
    assert compile_expression("1 == 1") is compile_expression("1 == 1")


TERMS = st.sampled_from(
    [
        *(
            "client",
            ".",
            "status",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "&&",
            "||",
            "!",
            "==",
            "'a'",
            '"',
            "'",
            "1",
            "2.5",
        ),
        *(
            ",",
            ":",
            "?",
            "has(",
            ".all(x, ",
            ".map(",
            "x",
            "null",
            "in",
            " ",
            "\n",
            "//",
            '"""',
            "\\",
            "@",
            "é",
            "\0",
        ),
    ]
)


@given(st.lists(TERMS, max_size=25).map("".join) | st.text(max_size=40))
@example("'''")
@example("r'\\")
def test_expression_made_of_anything_ends_in_a_value_or_an_expression_error(source):
    position = position_of_error(source)

    assert position is None or 0 <= position <= len(source)


def position_of_error(source):
    try:
        compile_expression(source).evaluate(FACTS, NOW)
    except ExpressionError as error:
        return error.position
    return None
