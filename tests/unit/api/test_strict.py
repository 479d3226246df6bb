"""Input is taken exactly as it is described."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from journeys.api.errors import field_problems
from journeys.api.strict import Flag, StrictSerializer, Text, Values, Whole


class Inner(StrictSerializer):
    name = Text(max_length=5)


class Outer(StrictSerializer):
    text = Text(required=False)
    count = Whole(required=False, min_value=0, max_value=10)
    flag = Flag(required=False)
    values = Values(required=False)
    inner = Inner(required=False)
    many = Inner(many=True, required=False)
    shown = serializers.CharField(read_only=True)


def problems(data: Any) -> dict[str, str]:
    serializer = Outer(data=data)
    serializer.is_valid()
    return {one["field"]: one["code"] for one in field_problems(serializer.errors)}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {}),
        ({"text": "a", "count": 3, "flag": True, "values": {"x": 1}, "inner": {"name": "b"}}, {}),
        ({"text": 1}, {"text": "invalid"}),
        ({"text": None}, {"text": "null"}),
        ({"text": True}, {"text": "invalid"}),
        ({"count": "3"}, {"count": "invalid"}),
        ({"count": True}, {"count": "invalid"}),
        ({"count": 1.0}, {"count": "invalid"}),
        ({"count": 11}, {"count": "max_value"}),
        ({"flag": "true"}, {"flag": "invalid"}),
        ({"flag": 1}, {"flag": "invalid"}),
        ({"values": []}, {"values": "not_an_object"}),
        ({"txet": "a"}, {"txet": "unknown_field"}),
        ({"shown": "a"}, {"shown": "unknown_field"}),
        ({"inner": {"nmae": "b"}}, {"inner.nmae": "unknown_field"}),
        ({"inner": {"name": "long name"}}, {"inner.name": "max_length"}),
        ({"many": [{"name": "a"}, {"name": 1}]}, {"many.1.name": "invalid"}),
        ([], {"": "invalid"}),
    ],
)
def test_field_is_named_by_its_path(data: Any, expected: dict[str, str]) -> None:
    assert problems(data) == expected


def test_known_fields_are_named_to_whoever_mistyped_one() -> None:
    serializer = Inner(data={"nmae": "a"})
    serializer.is_valid()

    assert "Known: name." in str(serializer.errors["nmae"][0])
