"""Identifiers that the outside sees, made one by one or many at once."""

from __future__ import annotations

from collections import Counter

import pytest

from journeys.fields import ALPHABET, PUBLIC_ID_LENGTH, new_public_id, new_public_ids


@pytest.mark.parametrize("number", [0, 1, 7, 1_000])
def test_many_identifiers_look_like_single_ones(number: int) -> None:
    made = new_public_ids("ins", number)

    assert number == len(set(made))
    for one in [*made, new_public_id("ins")]:
        prefix, _, letters = one.partition("_")
        assert ("ins", PUBLIC_ID_LENGTH) == (prefix, len(letters))
        assert set(ALPHABET) >= set(letters)


def test_no_letter_is_likelier_than_another() -> None:
    letters = Counter("".join(one.partition("_")[2] for one in new_public_ids("ins", 20_000)))

    mean = 20_000 * PUBLIC_ID_LENGTH / len(ALPHABET)
    # Ten times the spread of chance: bytes taken by the remainder alone would be off by a quarter.
    assert all(abs(count - mean) < 10 * mean**0.5 for count in letters.values())
    assert set(ALPHABET) == set(letters)
