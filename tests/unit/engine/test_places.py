"""The names that messages and tasks of a step are known by."""

from __future__ import annotations

import pytest

from engine.places import Place


@pytest.mark.parametrize(
    "place",
    [
        Place("ins_a", "welcome", "", 1),
        Place("ins_a", "welcome", "left", 12),
        Place("ins_a", "w", "a:b:c", 3),
    ],
)
def test_a_place_is_found_again_in_a_messages_key(place: Place) -> None:
    assert place == Place.of_key(f"{place}:partner_1")


@pytest.mark.parametrize("key", ["", "by hand", "hand:1", "a:b:c:d"])
def test_a_key_of_another_kind_is_no_place(key: str) -> None:
    assert Place.of_key(key) is None
