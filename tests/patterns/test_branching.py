"""Patterns 6 to 9: branches of which some are taken, and the ways in which they come together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from journeys.models import Client
from journeys.services.clients import tag_add
from tests.builders import ACTOR, END, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.patterns.passing import begin, done, is_over, withdrawn

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def some_of_three(join: tuple[str, dict[str, Any]]) -> Any:
    cases = [{"port": port, "if": f"has_tag('{port}')"} for port in ("album", "film", "booth")]
    return a_net(
        {
            "s": ("split", {"by": {"kind": "matching", "branches": cases}}),
            "album": tag("one"),
            "film": pause("1d"),
            "booth": pause("2d"),
            "m": join,
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.album>album", "s.film>film", "s.booth>booth", "s.else>m"),
        *("album>m", "film>m", "booth>m", "m>after", "after>end"),
    )


@pytest.mark.parametrize(
    ("wanted", "days"), [(["album", "film"], 1), (["album", "film", "booth"], 2), ([], 0)]
)
def test_multi_choice_and_synchronizing_merge(
    couple: Client, now: datetime, wanted: list[str], days: int
) -> None:
    for name in wanted:
        tag_add(client=couple, name=name, now=now, actor=ACTOR)
    instance = begin(some_of_three(merge("s")), couple, now=now)
    assert ("after" in done(instance)) == (days == 0)

    run_until_idle(now + days * DAY)

    assert done(instance) == [*(["album"] if "album" in wanted else []), "after"]
    assert is_over(instance)


def test_multi_merge(couple: Client, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "one": pause("1d"), "two": pause("2d"), "after": tag("after"), "end": END},
        *("start>s", "s.a>one", "s.b>two", "one>after", "two>after", "after>end"),
    )
    instance = begin(net, couple, now=now)

    run_until_idle(now + DAY)
    assert done(instance) == ["after"]
    run_until_idle(now + 2 * DAY)

    assert done(instance) == ["after", "after"]
    assert is_over(instance)


def three_side_by_side(join: tuple[str, dict[str, Any]]) -> Any:
    return a_net(
        {
            "s": split_all("a", "b", "c"),
            "one": pause("1d"),
            "two": pause("2d"),
            "three": pause("3d"),
            "last": tag("last"),
            "m": join,
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>one", "s.b>two", "s.c>three", "one>m", "two>m", "three>last", "last>m"),
        *("m>after", "after>end"),
    )


def test_discriminator(couple: Client, now: datetime) -> None:
    """The first goes on, the others are heard and lead nowhere."""
    instance = begin(three_side_by_side(merge("s", "first", others="go_on")), couple, now=now)

    run_until_idle(now + DAY)
    assert done(instance) == ["after"]
    run_until_idle(now + 3 * DAY)

    assert done(instance) == ["after", "last"]
    assert withdrawn(instance) == ["m", "m"]
    assert is_over(instance)


def test_cancelling_discriminator(couple: Client, now: datetime) -> None:
    instance = begin(three_side_by_side(merge("s", "first")), couple, now=now)

    run_until_idle(now + DAY)

    assert done(instance) == ["after"]
    assert withdrawn(instance) == ["three", "two"]
    assert is_over(instance)


def test_n_out_of_m(couple: Client, now: datetime) -> None:
    instance = begin(three_side_by_side(merge("s", "count", count=2)), couple, now=now)
    run_until_idle(now + DAY)
    assert done(instance) == []

    run_until_idle(now + 2 * DAY)

    assert done(instance) == ["after"]
    assert withdrawn(instance) == ["three"]
    assert is_over(instance)
