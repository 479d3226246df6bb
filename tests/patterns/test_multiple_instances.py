"""Patterns 12 to 15: the same thing several times over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.models import Instance
from journeys.models import Client, Journey, Task
from tests.builders import END, JourneyBuilder, a_journey, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.patterns.passing import begin, done, finish, is_over, standing

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def an_album(couple: Client, *, now: datetime) -> Journey:
    """A journey that may be under way for a couple several times at once."""
    album = (
        a_journey()
        .step("design", "task", title="Design an album")
        .action("ready", {"kind": "increment", "name": "albums_ready"})
    )
    return album.publish(couple.vendor, now=now, name="An album", re_entry="always")


def open_tasks(couple: Client, title: str) -> list[Task]:
    return [task for task in Task.objects.filter(client=couple, done_at=None) if task.title == title]


def test_multiple_instances_without_synchronization(couple: Client, now: datetime) -> None:
    album = an_album(couple, now=now)
    net = a_net(
        {
            "album": ("journey", {"journey": album.public_id, "wait": False}),
            "again": ("jump", {"at_most": 2}),
            "after": tag("after"),
            "end": END,
        },
        *("start>album", "album>again", "again.back>album", "again.next>after", "after>end"),
    )

    instance = begin(net, couple, now=now)

    assert done(instance) == ["after"]
    assert is_over(instance)
    assert Instance.objects.filter(journey=album, status="active").count() == 3


def three_albums(title: str = "Design an album") -> JourneyBuilder:
    return a_net(
        {
            "s": split_all("a", "b", "c"),
            "design": ("task", {"title": title}),
            "m": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>design", "s.b>design", "s.c>design", "design>m", "m>after", "after>end"),
    )


def test_multiple_instances_with_a_number_known_at_design_time(couple: Client, now: datetime) -> None:
    """The branches share one step: each has a task of its own there."""
    instance = begin(three_albums(), couple, now=now)
    first, second, third = Task.objects.order_by("id")
    assert standing(instance) == ["design"] * 3

    finish([second], now=now)
    assert standing(instance) == ["design", "design", "m"]
    finish([first, third], now=now)

    assert done(instance) == ["design", "design", "design", "after"]
    assert is_over(instance)


@pytest.mark.parametrize("albums", [1, 3])
def test_multiple_instances_with_a_number_known_when_they_begin(
    couple: Client, now: datetime, albums: int
) -> None:
    cases = [{"port": f"album_{number}", "if": f"variables.albums >= {number}"} for number in range(1, 5)]
    net = a_net(
        {
            "s": ("split", {"by": {"kind": "matching", "branches": cases}}),
            "design": ("task", {"title": "Design an album"}),
            "m": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", *(f"s.album_{number}>design" for number in range(1, 5)), "s.else>m", "design>m"),
        *("m>after", "after>end"),
    ).variable("albums", kind="number", default=0)
    instance = begin(net, couple, now=now, albums=albums)
    assert Task.objects.count() == albums

    finish(Task.objects.all()[1:], now=now)
    assert "after" not in done(instance)
    finish(Task.objects.all()[:1], now=now)

    assert done(instance) == ["design"] * albums + ["after"]
    assert is_over(instance)


def test_multiple_instances_whose_number_shows_as_they_go(couple: Client, now: datetime) -> None:
    """A person orders one more at a time, while the first are under way; at the end all are waited for."""
    album = an_album(couple, now=now)
    net = a_net(
        {
            "more": ("task", {"title": "Another album?", "choices": ["another", "enough"]}),
            "album": ("journey", {"journey": album.public_id, "wait": False}),
            "count": ("action", {"do": [{"kind": "increment", "name": "albums_begun"}]}),
            "again": ("jump", {"at_most": 50}),
            "all": ("wait_until", {"if": "client.fields.albums_ready == client.fields.albums_begun"}),
            "after": tag("after"),
            "end": END,
        },
        *("start>more", "more.another>album", "album>count", "count>again", "again.back>more"),
        *("again.next>all", "more.enough>all", "all>after", "after>end"),
    )
    instance = begin(net, couple, now=now)
    for day in range(1, 4):
        finish(open_tasks(couple, "Another album?"), choice="another", now=now + day * DAY)
    finish(open_tasks(couple, "Design an album")[:1], now=now + 4 * DAY)
    finish(open_tasks(couple, "Another album?"), choice="enough", now=now + 5 * DAY)
    assert standing(instance) == ["all"]

    finish(open_tasks(couple, "Design an album"), now=now + 6 * DAY)

    assert done(instance)[-1] == "after"
    assert Instance.objects.filter(journey=album, status="completed").count() == 3
    assert is_over(instance)


def test_instances_may_be_of_different_length(couple: Client, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "long": pause("2d"), "work": tag("work"), "m": merge("s"), "end": END},
        *("start>s", "s.a>work", "s.b>long", "long>work", "work>m", "m>end"),
    )
    instance = begin(net, couple, now=now)
    run_until_idle(now + 2 * DAY)

    assert done(instance) == ["work", "work"]
    assert is_over(instance)
