"""Patterns 1 to 5: basic control flow."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from journeys.models import Client
from journeys.services.clients import tag_add
from tests.builders import ACTOR, END, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.patterns.passing import begin, done, is_over, standing

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def test_sequence(couple: Client, now: datetime) -> None:
    net = a_net(
        {"one": tag("one"), "wait": pause("1d"), "two": tag("two"), "end": END},
        *("start>one", "one>wait", "wait>two", "two>end"),
    )
    instance = begin(net, couple, now=now)
    assert done(instance) == ["one"]

    run_until_idle(now + DAY)

    assert done(instance) == ["one", "two"]
    assert is_over(instance)


def test_parallel_split(couple: Client, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "one": pause("1d"), "two": pause("2d"), "e": END},
        *("start>s", "s.a>one", "s.b>two", "one>e", "two>e"),
    )

    instance = begin(net, couple, now=now)

    assert standing(instance) == ["one", "two"]


def test_synchronization(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "s": split_all("a", "b"),
            "one": pause("1d"),
            "two": pause("2d"),
            "m": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>one", "s.b>two", "one>m", "two>m", "m>after", "after>end"),
    )
    instance = begin(net, couple, now=now)
    run_until_idle(now + DAY)
    assert done(instance) == []

    run_until_idle(now + 2 * DAY)

    assert done(instance) == ["after"]
    assert is_over(instance)


CASES = {
    "s": ("split", {"by": {"kind": "case", "branches": [{"port": "vip", "if": "has_tag('vip')"}]}}),
    "vip": tag("call"),
    "rest": tag("letter"),
    "after": tag("after"),
    "end": END,
}
WAYS = ("start>s", "s.vip>vip", "s.else>rest", "vip>after", "rest>after", "after>end")


@pytest.mark.parametrize(("is_vip", "way"), [(True, "vip"), (False, "rest")])
def test_exclusive_choice(couple: Client, now: datetime, is_vip: bool, way: str) -> None:  # noqa: FBT001
    if is_vip:
        tag_add(client=couple, name="vip", now=now, actor=ACTOR)

    instance = begin(a_net(CASES, *WAYS), couple, now=now)

    assert done(instance)[0] == way


def test_simple_merge(couple: Client, now: datetime) -> None:
    instance = begin(a_net(CASES, *WAYS), couple, now=now)

    assert done(instance) == ["rest", "after"]
    assert is_over(instance)
