"""Serializers that are used again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from rest_framework import serializers

from journeys.api import kept
from journeys.api.strict import StrictSerializer, Text, Values


class Greeting(serializers.Serializer[Any]):
    """Greet somebody in the words of the context."""

    name = serializers.CharField()
    words = serializers.SerializerMethodField()

    def get_words(self, value: Any) -> str:
        """Give them."""
        return f"{self.context.get('words', 'none')} {value['name']}"


class Letter(StrictSerializer):
    """A name and whatever else."""

    name = Text(max_length=5)
    fields_ = Values(default=dict)


def test_writes_what_the_serializer_writes() -> None:
    values = [{"name": "Ana"}, {"name": "Tom"}]

    assert kept.write_one(Greeting, values[0], context={"words": "Olá"}) == (
        Greeting(values[0], context={"words": "Olá"}).data
    )
    assert kept.write_many(Greeting, values, context={}) == Greeting(values, many=True).data


def test_context_of_one_request_is_not_known_to_the_next() -> None:
    kept.write_one(Greeting, {"name": "Ana"}, context={"words": "Olá"})

    assert kept.write_one(Greeting, {"name": "Tom"}, context={})["words"] == "none Tom"


def test_reader_forgets_what_it_has_read() -> None:
    first = kept.read(Letter, {"name": "Ana", "fields_": {"a": 1}}, context={})
    first["fields_"]["b"] = 2
    second = kept.read(Letter, {"name": "Tom"}, context={})
    second["fields_"]["c"] = 3

    assert second == {"name": "Tom", "fields_": {"c": 3}}
    assert kept.read(Letter, {"name": "Eva"}, context={}) == {"name": "Eva", "fields_": {}}


@pytest.mark.parametrize("wrong", [{"name": "Leonor"}, {"nmae": "Ana"}, {}, None, [], "Ana"])
def test_error_of_one_body_does_not_reach_the_next(wrong: Any) -> None:
    plain = Letter(data=wrong)
    assert not plain.is_valid()

    with pytest.raises(serializers.ValidationError) as told:
        kept.read(Letter, wrong, context={})

    assert told.value.detail == plain.errors
    assert kept.read(Letter, {"name": "Ana"}, context={})["name"] == "Ana"


def test_two_requests_at_once_do_not_share_one() -> None:
    both = threading.Barrier(2, timeout=10)

    class Slow(Greeting):
        """Wait for the other one in the middle of the writing."""

        def get_words(self, value: Any) -> str:
            """Give them once both are here."""
            both.wait()
            return super().get_words(value)

    answers: dict[str, str] = {}

    def write(words: str) -> None:
        answers[words] = kept.write_one(Slow, {"name": "Ana"}, context={"words": words})["words"]

    threads = [threading.Thread(target=write, args=(words,)) for words in ("Olá", "Hallo")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert answers == {"Olá": "Olá Ana", "Hallo": "Hallo Ana"}
