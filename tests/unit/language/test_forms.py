"""What counts as an answer to a form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.forms import FormField, read_answers


def field(kind: str, **more: Any) -> FormField:
    return FormField.model_validate({"name": "x", "label": "X", "kind": kind, **more})


def upper(text: str) -> str:
    if "@" not in text and not text.startswith("+"):
        message = "Not one."
        raise ValueError(message)
    return text.upper()


def read(one: FormField, *values: str) -> Any:
    reading = read_answers([one], {"x": values}, email=upper, phone=upper)
    return reading.problems.get("x") or reading.answers.get("x")


CHOICE = {"options": ["Garden", "Sea"]}


@pytest.mark.parametrize(
    ("one", "values", "expected"),
    [
        (field("text"), [" Ana "], "Ana"),
        (field("text"), ["x" * 501], "This has 501 characters; 500 is the most. Shorten it."),
        (field("text"), ["a\x00b"], "It holds a character that cannot be kept. Write it again."),
        (field("text"), ["\ud800"], "It holds a character that cannot be kept. Write it again."),
        (field("long_text"), ["a\r\nb"], "a\nb"),
        (field("number"), ["84"], 84),
        (field("number"), ["1 200"], 1200),
        (field("number"), ["12,5"], 12.5),
        (field("number"), ["-3.0"], -3),
        (field("number"), ["1e9"], "Write a number in digits, such as 120."),
        (field("number"), ["٣"], "Write a number in digits, such as 120."),
        (field("number"), ["NaN"], "Write a number in digits, such as 120."),
        (field("date"), ["2027-05-01"], "2027-05-01"),
        (field("date"), ["2027-02-30"], "Write the date as year, month and day, such as 2027-05-01."),
        (field("date"), ["20270501"], "Write the date as year, month and day, such as 2027-05-01."),
        (field("yes_no"), ["yes"], True),
        (field("yes_no"), ["maybe"], "Choose yes or no."),
        (field("choice", **CHOICE), ["Sea"], "Sea"),
        (field("choice", **CHOICE), ["Moon"], "Choose one of the answers offered."),
        (field("choices", **CHOICE), ["Sea", "Garden", "Sea"], ["Garden", "Sea"]),
        (field("choices", **CHOICE), ["Sea", "Moon"], "Choose one of the answers offered."),
        (field("email"), ["a@b"], "A@B"),
        (field("email"), ["nobody"], "Not one."),
        (field("phone"), ["+1"], "+1"),
        (field("text"), [""], None),
        (field("text", required=True), ["  "], "Write an answer."),
        (field("choice", required=True, **CHOICE), [], "Choose one."),
        (field("date", required=True), [], "Give a date."),
    ],
)
def test_an_answer_is_read_in_its_own_kind(one: FormField, values: list[str], expected: Any) -> None:
    assert read(one, *values) == expected


def test_what_is_wrong_in_one_field_does_not_lose_the_others() -> None:
    fields = [
        FormField(name="a", label="A", kind="number"),
        FormField(name="b", label="B"),
    ]

    reading = read_answers(fields, {"a": ["x"], "b": ["kept"], "c": ["unknown"]}, email=upper, phone=upper)

    assert reading.answers == {"b": "kept"}
    assert list(reading.problems) == ["a"]


@given(
    kind=st.sampled_from(
        ["text", "long_text", "choice", "choices", "number", "date", "yes_no", "email", "phone"]
    ),
    values=st.lists(st.text(max_size=40), max_size=3),
)
def test_whatever_is_written_is_read_or_answered_with_a_sentence(kind: str, values: list[str]) -> None:
    one = field(kind, **(CHOICE if kind in ("choice", "choices") else {}))

    reading = read_answers([one], {"x": values}, email=upper, phone=upper)

    assert len(reading.answers) + len(reading.problems) <= 1
    assert all(said.endswith(".") for said in reading.problems.values())
