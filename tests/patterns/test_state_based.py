"""Patterns 16 to 20: what the world decides, and what it calls off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.models import Instance
from engine.services.instances import instance_cancel
from journeys.models import Client, Task
from journeys.services.clients import tag_add
from tests.builders import ACTOR, END, JourneyBuilder, a_journey, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.patterns.passing import arrives, begin, done, finish, is_over, standing, withdrawn

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
FORM: tuple[str, dict[str, Any]] = ("wait_for", {"event": "form_submitted"})
PAYMENT: tuple[str, dict[str, Any]] = ("wait_for", {"event": "payment_received"})


@pytest.mark.parametrize(
    ("event", "chosen", "left"),
    [("form_submitted", "by_form", "payment"), ("payment_received", "by_payment", "form")],
)
def test_deferred_choice(couple: Client, now: datetime, event: str, chosen: str, left: str) -> None:
    """Both ways are open until the world takes one; that moment closes the other."""
    net = a_net(
        {
            "s": split_all("a", "b"),
            "form": FORM,
            "payment": PAYMENT,
            "m": merge("s", "first"),
            "which": ("condition", {"if": "has(steps.form.event)"}),
            "by_form": tag("form"),
            "by_payment": tag("payment"),
            "end": END,
        },
        *("start>s", "s.a>form", "s.b>payment", "form>m", "payment>m", "m>which"),
        *("which.yes>by_form", "which.no>by_payment", "by_form>end", "by_payment>end"),
    )
    instance = begin(net, couple, now=now)
    assert standing(instance) == ["form", "payment"]

    arrives(event, couple, now=now + DAY)

    assert done(instance) == [chosen]
    assert withdrawn(instance) == [left]
    assert is_over(instance)


def test_choice_by_a_person(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "ask": ("task", {"title": "Upgrade?", "choices": ["upgrade", "keep"]}),
            "upgrade": tag("upgrade"),
            "keep": tag("keep"),
            "end": END,
        },
        *("start>ask", "ask.upgrade>upgrade", "ask.keep>keep", "upgrade>end", "keep>end"),
    )
    instance = begin(net, couple, now=now)

    finish(Task.objects.all(), choice="keep", now=now + DAY)

    assert done(instance) == ["ask", "keep"]


@pytest.mark.parametrize("order", [["venue", "florist"], ["florist", "venue"]])
def test_interleaved_parallel_routing(couple: Client, now: datetime, order: list[str]) -> None:
    """Each once, in any order, never two at a time: a person takes the next as long as one is left."""
    net = a_net(
        {
            "next": ("task", {"title": "Which now?", "choices": ["venue", "florist"]}),
            "venue": ("task", {"title": "Talk to the venue"}),
            "florist": ("task", {"title": "Talk to the florist"}),
            "venue_done": tag("venue_done"),
            "florist_done": tag("florist_done"),
            "left": ("jump", {"at_most": 20, "while": "!(has_tag('venue_done') && has_tag('florist_done'))"}),
            "new_venue": ("condition", {"if": "has_tag('venue_done')"}),
            "new_florist": ("condition", {"if": "has_tag('florist_done')"}),
            "end": END,
        },
        *("start>next", "next.venue>new_venue", "next.florist>new_florist"),
        *("new_venue.yes>left", "new_venue.no>venue", "venue>venue_done", "venue_done>left"),
        *("new_florist.yes>left", "new_florist.no>florist", "florist>florist_done", "florist_done>left"),
        *("left.back>next", "left.next>end"),
    )
    instance = begin(net, couple, now=now)
    for choice in (order[0], order[0], order[1]):
        finish(Task.objects.filter(done_at=None), choice=choice, now=now)
        assert len(standing(instance)) == 1
        finish([task for task in Task.objects.filter(done_at=None) if not task.choices], now=now)

    assert [step for step in done(instance) if step in order] == order
    assert is_over(instance)


def a_menu_that_may_be_changed() -> JourneyBuilder:
    until = {"kind": "anchor", "anchor": "wedding", "offset": "-14d", "at": "09:00"}
    return a_net(
        {
            "change": ("wait_for", {"event": "form_submitted", "since": "reached", "timeout": until}),
            "write": tag("menu_changed"),
            "breath": pause("1h"),
            "again": ("jump", {"at_most": 90}),
            "print": tag("menu_printed"),
            "end": END,
        },
        *(
            "start>change",
            "change.next>write",
            "write>breath",
            "breath>again",
            "again.back>change",
            "again.next>print",
        ),
        *("change.timeout>print", "print>end"),
    )


def test_milestone(couple: Client, now: datetime) -> None:
    """The menu may be changed as often as they like until two weeks before the wedding, and no more after that."""
    instance = begin(a_menu_that_may_be_changed(), couple, now=now)
    for day in (10, 20):
        arrives("form_submitted", couple, now=now + day * DAY)
        run_until_idle(now + (day + 1) * DAY)
    assert done(instance) == ["write", "write"]

    run_until_idle(now + 190 * DAY)
    arrives("form_submitted", couple, now=now + 191 * DAY)

    assert done(instance) == ["write", "write", "print"]
    assert is_over(instance)


def test_cancel_activity(couple: Client, now: datetime) -> None:
    """A task is withdrawn as soon as the payment makes it pointless."""
    net = a_net(
        {
            "s": split_all("remind", "paid"),
            "call": ("task", {"title": "Call about the deposit"}),
            "payment": PAYMENT,
            "m": merge("s", "first"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.remind>call", "s.paid>payment", "call>m", "payment>m", "m>after", "after>end"),
    )
    instance = begin(net, couple, now=now)

    arrives("payment_received", couple, now=now + DAY)

    assert withdrawn(instance) == ["call"]
    assert done(instance) == ["after"]
    assert is_over(instance)


def test_cancel_activity_that_is_a_journey_of_its_own(couple: Client, now: datetime) -> None:
    album = a_journey().step("design", "task", title="Design the album").publish(couple.vendor, now=now)
    net = a_net(
        {
            "s": split_all("make", "paid"),
            "album": ("journey", {"journey": album.public_id}),
            "payment": PAYMENT,
            "m": merge("s", "first"),
            "end": END,
        },
        *("start>s", "s.make>album", "s.paid>payment", "album>m", "payment>m", "m>end"),
    )
    instance = begin(net, couple, now=now)

    arrives("payment_received", couple, now=now + DAY)

    assert withdrawn(instance) == ["album"]
    assert Instance.objects.get(journey=album).status == Instance.Status.CANCELLED
    assert is_over(instance)


def in_two_branches(**more: Any) -> JourneyBuilder:
    net = a_net(
        {"s": split_all("a", "b"), "form": FORM, "payment": PAYMENT, "m": merge("s"), "end": END},
        *("start>s", "s.a>form", "s.b>payment", "form>m", "payment>m", "m>end"),
    )
    definition = {**net.definition(), **more}
    net.definition = lambda: definition  # type: ignore[method-assign]
    return net


def test_cancel_case(couple: Client, now: datetime) -> None:
    instance = begin(in_two_branches(), couple, now=now)

    instance_cancel(instance=instance, now=now, actor=ACTOR)

    instance.refresh_from_db()
    assert instance.status == Instance.Status.CANCELLED
    assert standing(instance) == []


def test_cancel_case_by_a_rule(couple: Client, now: datetime) -> None:
    net = in_two_branches(exits=[{"name": "left", "if": "has_tag('left')"}])
    instance = begin(net, couple, now=now)

    tag_add(client=couple, name="left", now=now, actor=ACTOR)
    run_until_idle(now)

    assert is_over(instance)
    assert instance.result == "exit:left"
    assert withdrawn(instance) == ["form", "payment"]
