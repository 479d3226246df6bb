"""The settings every step has."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from journeys.language.settings import DateTiming, LateRule, NodeSettings


def read(raw, **parameters):
    return NodeSettings.model_validate(raw, context={"parameters": parameters})


def test_settings_are_empty_by_default():
    settings = NodeSettings()

    assert (None, None, "ticket") == (settings.when, settings.late, settings.on_error)


def test_settings_replace_parameters_by_their_values():
    settings = read(
        {"when": {"kind": "anchor", "offset": "$final -7d", "at": "$hour"}}, final="-60d", hour="18:00"
    )

    assert ("-67d", "18:00") == (settings.when.offset, settings.when.at)


def test_settings_keep_references_when_nobody_gives_values():
    settings = NodeSettings.model_validate({"when": {"kind": "duration", "for": "$pause", "at": "$hour"}})

    assert ("$pause", "$hour") == (settings.when.for_, settings.when.at)


def test_settings_are_written_as_they_are_read():
    raw = {"when": {"kind": "duration", "for": "3d", "at": None}, "late": None, "on_error": "skip"}

    assert raw == NodeSettings.model_validate(raw).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"when": {"kind": "duration", "for": "-3d"}}, "goes forward"),
        ({"when": {"kind": "duration", "for": "0d"}}, "goes forward"),
        ({"when": {"kind": "duration", "for": "1mo -30d"}}, "goes forward"),
        ({"when": {"kind": "duration", "for": "$late"}}, "goes forward"),
        ({"when": {"kind": "duration", "for": 3}}, "as text"),
        ({"when": {"kind": "duration"}}, "required"),
        ({"when": {"kind": "anchor", "offset": "$nothing"}}, "no parameter 'nothing'"),
        ({"when": {"kind": "anchor", "offset": "$number"}}, "is not an offset"),
        ({"when": {"kind": "anchor", "at": "$nothing"}}, "no parameter 'nothing'"),
        ({"when": {"kind": "anchor", "at": "$number"}}, "hours and minutes"),
        ({"when": {"kind": "anchor", "at": "9:00"}}, "hours and minutes"),
        ({"when": {"kind": "anchor", "at": "24:00"}}, "hours and minutes"),
        ({"when": {"kind": "anchor", "anchor": "The Day"}}, "match pattern"),
        ({"when": {"kind": "anchor", "zone": "Europe/Lisbon"}}, "'wedding' or 'vendor'"),
        ({"when": {"kind": "date", "date": "1.5.2027"}}, "year, month and day"),
        ({"when": {"kind": "date", "date": 20270501}}, "year, month and day"),
        ({"when": {"kind": "date", "date": "2027-02-30"}}, "valid date"),
        ({"when": {"kind": "someday"}}, "does not match"),
        ({"late": {"rule": "skip", "hours": 3}}, "belong to the rule within"),
        ({"late": {"rule": "within", "hours": 0}}, "greater than or equal to 1"),
        ({"late": "send"}, "valid dictionary"),
        ({"on_error": "ignore"}, "'ticket' or 'skip'"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_settings_say_what_is_wrong(raw, said):
    with pytest.raises(ValidationError, match=said):
        read(raw, late="-1d", number=3)


def test_late_rule_within_has_hours_by_default():
    assert 48 == LateRule().hours
    assert LateRule(rule="send").hours is None


def test_date_is_taken_as_a_date_too():
    assert date(2027, 5, 1) == DateTiming(date=date(2027, 5, 1)).date
    assert date(2027, 5, 1) == DateTiming.model_validate({"date": "2027-05-01"}).date


def test_settings_have_a_schema_that_a_form_can_be_drawn_from():
    schema = NodeSettings.model_json_schema()

    assert {"when", "late", "on_error"} == set(schema["properties"])
    assert "offset" == schema["$defs"]["AnchorTiming"]["properties"]["offset"]["format"]
