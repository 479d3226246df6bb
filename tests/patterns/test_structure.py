"""Patterns 10 and 11: cycles of any shape, and an end that nobody has to draw."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from journeys.models import Client
from journeys.services.clients import tag_add
from tests.builders import ACTOR, END, a_net, pause, split_all, tag
from tests.drive import run_until_idle
from tests.patterns.passing import begin, done, is_over

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("first", "expected"), [("vip", ["b", "a", "b"]), ("plain", ["a", "b"])])
def test_arbitrary_cycles(couple: Client, now: datetime, first: str, expected: list[str]) -> None:
    """A cycle with two ways in and two ways out."""
    tag_add(client=couple, name=first, now=now, actor=ACTOR)
    net = a_net(
        {
            "way_in": ("condition", {"if": "has_tag('vip')"}),
            "a": tag("seen"),
            "enough": ("condition", {"if": "has_tag('enough')"}),
            "wait": pause("1d"),
            "b": tag("asked"),
            "again": ("condition", {"if": "has_tag('stop') || !has_tag('vip') || has_tag('seen')"}),
            "stop": END,
            "end": END,
        },
        *("start>way_in", "way_in.yes>b", "way_in.no>a", "a>enough", "enough.yes>stop", "enough.no>wait"),
        *("wait>b", "b>again", "again.no>a", "again.yes>end"),
    )
    instance = begin(net, couple, now=now)

    run_until_idle(now + DAY)

    assert done(instance) == expected
    assert is_over(instance)


def test_implicit_termination(couple: Client, now: datetime) -> None:
    """Each branch ends where it ends; the journey is over when nothing is left to do."""
    net = a_net(
        {
            "s": split_all("a", "b", "c"),
            "one": pause("1d"),
            "two": pause("3d"),
            "end_of_a": END,
            "end_of_b": END,
            "end_of_c": END,
        },
        *("start>s", "s.a>one", "one>end_of_a", "s.b>two", "two>end_of_b", "s.c>end_of_c"),
    )
    instance = begin(net, couple, now=now)

    run_until_idle(now + 2 * DAY)
    assert not is_over(instance)
    run_until_idle(now + 3 * DAY)

    assert is_over(instance)
