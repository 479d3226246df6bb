"""The words people read."""

from __future__ import annotations

import time as stopwatch
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.errors import TextError
from journeys.language.texts import compile_text, render, variables_of

FACTS = {
    "client": {
        "display_name": "Ana & Tom",
        "phone": "",
        "email": None,
        "tags": ["vip", "summer"],
        "none": [],
        "fields": {"budget": 4000, "late": False, "bare": "  "},
    },
    "wedding": {"date": "2027-06-12", "time": None, "on": date(2027, 6, 12)},
    "people": {"planner": {"name": "Rui"}},
    "now": "2026-11-22T10:05:00+00:00",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Dear {{ client.display_name }},", "Dear Ana & Tom,"),
        ("{{ client.phone | default: 'no phone' }}", "no phone"),
        ("{{ client.email | default: 'no email' | upcase }}", "NO EMAIL"),
        ("{{ client.fields.color | default: '' }}.", "."),
        ("{{ client.fields.bare | default: 'x' }}", "x"),
        ("{{ client.fields.budget }}", "4000"),
        ("{{ nobody.at.all | default: 'x' }}", "x"),
        ("{% if client.phone %}{{ client.phone }}{% else %}none{% endif %}", "none"),
        ("{% if client.fields.late %}late{% else %}early{% endif %}", "early"),
        ("{% unless client.phone == blank %}{{ client.phone }}{% endunless %}-", "-"),
        ("{% if client.phone == empty %}-{% endif %}", "-"),
        ("{% if client.none == empty %}-{% endif %}", "-"),
        ('{% if client.phone != "" %}{{ client.phone }}{% else %}-{% endif %}', "-"),
        ("{% if client.phone == nil %}-{% endif %}", "-"),
        ("{% if not client.phone and (client.tags or client.email) %}-{% endif %}", "-"),
        ("{% if wedding.guests < 3 %}few{% else %}-{% endif %}", "-"),
        ("{% for tag in client.tags %}{{ forloop.index }}{{ tag }} {% endfor %}", "1vip 2summer "),
        ("{% for tag in client.none %}x{% else %}-{% endfor %}", "-"),
        ("{% assign name = people.planner.name %}{{ name | append: '!' }}", "Rui!"),
        ("{% capture who %}{{ people.planner.name }}{% endcapture %}{{ who }}", "Rui"),
        ("{% case people.planner.name %}{% when 'Rui' %}R{% else %}-{% endcase %}", "R"),
        ("{{ client.tags | join: ', ' }} {{ client.none | size }}", "vip, summer 0"),
        (
            "{{ wedding.date | date: '%A, %e %B %Y (%d.%m.%y, %a %b)' }}",
            "Saturday, 12 June 2027 (12.06.27, Sat Jun)",
        ),
        ("{{ wedding.on | date }}", "12 June 2027"),
        ("{{ now | date: '%H:%M %I %p 100%%' }}", "10:05 10 AM 100%"),
        ("{{ 'a.b' | replace: '.', ' ' }}{{ 'abc' | remove: 'abc' }}", "a b"),
        ("{% comment %}{{ nobody }}{% endcomment %}{% # a note %}x", "x"),
        ("<b>{{ client.display_name }}</b>", "<b>Ana & Tom</b>"),
    ],
)
def test_text_reads_as_written(source, expected):
    assert expected == render(source, FACTS)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ client.phone }}", "client.phone is empty"),
        ("{{ client.email }}", "client.email is empty"),
        ("{{ client.nickname }}", "nickname"),
        ("{{ nobody }}", "nobody"),
        ("{{ nobody.at.all }}", "nobody"),
        ("{{ client.none }}", "client.none is empty"),
        ("{{ client }}", "is a group"),
        ("{{ client.phone | upcase }}", "upcase got a value that is empty"),
        ("{{ 'Call ' | append: client.phone }}", "append got a value that is empty"),
        ("{{ client.phone | default: client.email }}", "is empty"),
        ("{{ client.none | first | upcase }}", "upcase got a value that is empty"),
        ("{{ client.none | first }}", "is empty"),
        ("{% for tag in nobody %}{{ tag }}{% endfor %}", "nobody"),
        ("{% assign x = client.phone %}{{ x }}", "x is empty|'x'|phone"),
        ("{{ 'now' | date: '%Y' }}", "date needs a date"),
        ("{{ 'today' | date }}", "date needs a date"),
        ("{{ wedding.date | date: '%Q' }}", "does not know %Q"),
        ("{{ 1 | divided_by: 0 }}", "divide by 0"),
    ],
)
def test_text_never_prints_a_gap(source, said):
    with pytest.raises(TextError, match=said):
        render(source, FACTS)


@pytest.mark.parametrize(
    ("source", "position"),
    [
        ("Hello {{ client.name", 6),
        ("{% if client.name %}", None),
        ("Hi {% include 'secret' %}", 6),
        ("{% render 'x' %}", 3),
        ("{% layout %}", 3),
        ("{{ client.name | shout }}", 17),
        ("{{ client.name | base64_decode }}", 17),
        ("{{ 1 if client.name else 2 }}", 5),
        ("{% for i in (1..20000) %}x{% endfor %}", 12),
        ("{% assign r = (1..client.n) %}", 14),
        ("{{" + "a[" * 5000 + "]" * 5000 + "}}", None),
    ],
)
def test_text_that_cannot_be_read_says_where(source, position):
    with pytest.raises(TextError) as caught:
        compile_text(source)

    assert position == caught.value.position


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in (1..9000) %}{% for b in (1..9000) %}x{% endfor %}{% endfor %}",
        "{% assign a = 'xxxxxxxx' %}" + "{% assign a = a | append: a %}" * 60,
        "{{ 'xxxxxxxxxx'" + " | replace: 'x', 'xxxxxxxxxxxxxxxxxxxx'" * 8 + " }}",
        "{% assign l = 'x,y,z' | split: ',' %}" + "{% assign l = l | concat: l %}" * 40 + "{{ l | size }}",
        "{% assign l = 'xxxxxxxxxx' | split: '' %}{{ l | join: client.long | split: '' | join: client.long }}",
        "{% for a in (1..9000) %}{{ client.long }}{% endfor %}",
    ],
)
def test_text_that_grows_without_bound_is_stopped(source):
    started = stopwatch.monotonic()

    with pytest.raises(TextError):
        render(source, {"client": {"long": "y" * 5000}})

    assert stopwatch.monotonic() - started < 5


def test_text_may_be_only_so_long():
    with pytest.raises(TextError, match="100,000 are the limit"):
        compile_text("x" * 100_001)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ client.phone }}", [("client.phone", False)]),
        ("{{ client.phone | default: 'x' }}", [("client.phone", True)]),
        ("{{ client.phone | upcase | default: 'x' }}", [("client.phone", False)]),
        ("{{ 'a' | append: client.phone }}", [("client.phone", False)]),
        ("{{ client.a | default: client.b }}", [("client.a", True), ("client.b", False)]),
        (
            "{% if a.b %}{{ a.b }}{% else %}{{ a.b }}{% endif %}",
            [("a.b", True), ("a.b", True), ("a.b", False)],
        ),
        (
            "{% unless a.b %}{{ a.b }}{% else %}{{ a.b }}{% endunless %}",
            [("a.b", True), ("a.b", False), ("a.b", True)],
        ),
        (
            "{% if a.b == nil %}{{ a.b }}{% else %}{{ a.b }}{% endif %}",
            [("a.b", True), ("a.b", False), ("a.b", True)],
        ),
        ("{% if a.b != blank %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", True)]),
        ("{% if a.b == 'x' %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", True)]),
        ("{% if a.b != 'x' %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", False)]),
        ("{% if a.b > 3 %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", True)]),
        ("{% if a.b contains 'x' %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", True)]),
        ("{% if a.b and a.c %}{{ a.c }}{% endif %}", [("a.b", True), ("a.c", True), ("a.c", True)]),
        ("{% if a.b or a.c %}{{ a.c }}{% endif %}", [("a.b", True), ("a.c", True), ("a.c", False)]),
        ("{% if not a.b %}x{% else %}{{ a.b }}{% endif %}", [("a.b", True), ("a.b", True)]),
        (
            "{% if a.b %}x{% elsif a.c %}{{ a.c }}{% endif %}{{ a.c }}",
            [("a.b", True), ("a.c", True), ("a.c", True), ("a.c", False)],
        ),
        ("{% for t in a.b %}{{ t.x }}{{ forloop.index }}{% endfor %}{{ t }}", [("a.b", False), ("t", False)]),
        ("{% assign x = a.b %}{{ x }}", [("a.b", False)]),
        ("{% capture x %}{{ a.b }}{% endcapture %}{{ x }}", [("a.b", False)]),
        (
            "{% case a.b %}{% when a.c %}{{ a.d }}{% else %}{{ a.e }}{% endcase %}",
            [("a.b", True), ("a.c", True), ("a.d", False), ("a.e", False)],
        ),
        ("{{ a[b.c].d }}", [("a", False), ("b.c", False)]),
        ("{{ a['b c'][0] }}", [("a.b c.0", False)]),
        ("{% comment %}{{ a.b }}{% endcomment %}", []),
        ("plain", []),
    ],
)
def test_text_tells_what_it_reads_and_whether_a_gap_is_provided_for(source, expected):
    assert expected == [(read.name, read.guarded) for read in variables_of(source)]


def test_text_tells_where_it_reads():
    assert [9] == [read.position for read in variables_of("Hello {{ client.name }}")]


PIECES = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{%",
            "%}",
            " client.phone ",
            " client.display_name ",
            "|",
            " default: 'x' ",
            "if ",
            "endif",
        ),
        *(
            "for t in ",
            "endfor",
            "client.tags",
            "(1..3)",
            "assign x = ",
            "x",
            "'",
            '"',
            "[",
            "]",
            ".",
            " ",
            "raw",
        ),
        *("unless ", "else", "endunless", "case ", "when ", "capture ", "\n", "é", "-", "\0"),
    ]
)


@given(st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=40))
def test_text_made_of_anything_ends_in_words_or_a_text_error(source):
    words, position = outcome_of(source)

    assert "None" not in words.replace(source, "")
    assert position is None or 0 <= position <= len(source)


def outcome_of(source):
    try:
        return render(source, FACTS), None
    except TextError as error:
        return "", error.position


GUARDED = st.sampled_from(["{{ a.b }}", "{{ a.c | default: 'x' }}", "{{ a.d }}"])
CONDITIONS = st.recursive(
    st.sampled_from(
        [
            "a.b",
            "a.d",
            "a.b == blank",
            "a.d != nil",
            "a.b == 'x'",
            "a.d > 1",
            'a.b != ""',
            "a.d == empty",
            "a.b == false",
            "a.d != false",
        ]
    ),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not {}".format, inner)
    ),
    max_leaves=4,
)


@st.composite
def branching(draw):
    tag = draw(st.sampled_from(["if", "unless"]))
    return (
        f"{{% {tag} {draw(CONDITIONS)} %}}{draw(GUARDED)}{{% elsif {draw(CONDITIONS)} %}}{draw(GUARDED)}"
        f"{{% else %}}{draw(GUARDED)}{{% end{tag} %}}"
    )


VALUES = st.sampled_from([None, "", " ", "x", 2])


@given(branching(), VALUES, VALUES, st.sampled_from([None, "", " ", 2]))
def test_text_whose_reads_are_all_guarded_never_meets_a_gap(source, b, c, d):
    facts = {"a": {"b": b, "c": c, "d": d}}

    if all(read.guarded for read in variables_of(source)):
        render(source, facts)
