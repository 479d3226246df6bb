"""Tokens in branches: they are all carried out, come together, and leave nothing behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.models import Instance, InterventionTicket, NodeExecution, Schedule
from engine.services import tickets
from engine.services.instances import instance_start
from journeys.models import Client, Vendor
from tests import builders
from tests.builders import END, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)

Net = builders.JourneyBuilder
MISSING: tuple[str, dict[str, Any]] = ("sms", {"body": "Hello", "to": ["planner"]})


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return builders.a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return builders.a_couple(vendor, now=now)


def begin(net: Net, couple: Client, *, now: datetime) -> Instance:
    journey = net.publish(couple.vendor, now=now)
    instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor="test"
    )
    run_until_idle(now)
    return instance


def tags(couple: Client) -> set[str]:
    return set(couple.tags.values_list("name", flat=True))


def standing(instance: Instance) -> set[tuple[str, str]]:
    return set(Schedule.objects.filter(instance=instance).values_list("node_id", "branch"))


def ended(instance: Instance) -> str:
    instance.refresh_from_db()
    return f"{instance.status} {instance.result}".strip()


def in_two(join: tuple[str, dict[str, Any]], *, left: Any = None, right: Any = None) -> Net:
    return a_net(
        {
            "s": split_all("a", "b"),
            "left": left or tag("left"),
            "right": right or pause("2d"),
            "right_done": tag("right"),
            "m": join,
            "after": tag("after"),
            "end": END,
        },
        "start>s",
        "s.a>left",
        "s.b>right",
        "left>m",
        "right>right_done",
        "right_done>m",
        "m>after",
        "after>end",
    )


def test_a_merge_of_all_waits_for_the_slower_branch(couple: Client, now: datetime) -> None:
    instance = begin(in_two(merge("s")), couple, now=now)

    assert standing(instance) == {("m", "s@1.a"), ("right", "s@1.b")}
    assert tags(couple) == {"left"}

    run_until_idle(now + timedelta(days=2))

    assert tags(couple) == {"left", "right", "after"}
    assert ended(instance) == "completed completed"
    assert standing(instance) == set()


def test_a_merge_of_the_first_takes_the_other_branches_away(couple: Client, now: datetime) -> None:
    instance = begin(in_two(merge("s", "first")), couple, now=now)

    assert tags(couple) == {"left", "after"}
    assert ended(instance) == "completed completed"
    cancelled = NodeExecution.objects.get(instance=instance, status="cancelled")
    assert (cancelled.node_id, cancelled.branch) == ("right", "s@1.b")


def test_a_merge_of_the_first_may_let_the_others_go_on(couple: Client, now: datetime) -> None:
    instance = begin(in_two(merge("s", "first", others="go_on")), couple, now=now)

    assert tags(couple) == {"left", "after"}
    assert ended(instance) == "active"
    assert standing(instance) == {("right", "s@1.b")}

    run_until_idle(now + timedelta(days=2))

    assert tags(couple) == {"left", "after", "right"}
    assert ended(instance) == "completed completed"
    assert NodeExecution.objects.filter(instance=instance, node_id="after").count() == 1


def test_a_merge_goes_on_with_as_many_as_it_asks_for(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "s": split_all("a", "b", "c"),
            "one": pause("1d"),
            "two": pause("2d"),
            "three": pause("3d"),
            "m": merge("s", "count", count=2),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>one", "s.b>two", "s.c>three", "one>m", "two>m", "three>m", "m>after", "after>end"),
    )
    instance = begin(net, couple, now=now)
    run_until_idle(now + timedelta(days=1))
    assert tags(couple) == set()

    run_until_idle(now + timedelta(days=2))

    assert tags(couple) == {"after"}
    assert ended(instance) == "completed completed"


def test_a_branch_that_ends_is_not_waited_for(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "s": split_all("a", "b"),
            "left": pause("1d"),
            "stop": END,
            "m": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>left", "left>m", "s.b>stop", "m>after", "after>end"),
    )
    instance = begin(net, couple, now=now)
    assert ended(instance) == "active"

    run_until_idle(now + timedelta(days=1))

    assert tags(couple) == {"after"}
    assert ended(instance) == "completed completed"


def test_a_journey_is_over_when_its_last_branch_has_ended(couple: Client, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "left": pause("1d"), "end": END, "stop": ("end", {"result": "stopped"})},
        *("start>s", "s.a>left", "left>stop", "s.b>end"),
    )
    instance = begin(net, couple, now=now)
    assert ended(instance) == "active"

    run_until_idle(now + timedelta(days=1))

    assert ended(instance) == "completed stopped"


def test_an_end_of_the_journey_takes_the_other_branches_with_it(couple: Client, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "left": pause("9d"), "end": END, "all": ("end", {"ends": "journey"})},
        *("start>s", "s.a>left", "left>end", "s.b>all"),
    )

    instance = begin(net, couple, now=now)

    assert ended(instance) == "completed completed"
    assert standing(instance) == set()


def test_splits_inside_splits_come_together_from_the_inside(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "s": split_all("a", "b"),
            "t": split_all("c", "d"),
            "one": tag("one"),
            "two": pause("1d"),
            "m": merge("t"),
            "inner": tag("inner"),
            "three": tag("three"),
            "n": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>t", "t.c>one", "t.d>two", "one>m", "two>m", "m>inner", "inner>n"),
        *("s.b>three", "three>n", "n>after", "after>end"),
    )
    instance = begin(net, couple, now=now)
    assert standing(instance) == {("m", "s@1.a/t@1.c"), ("two", "s@1.a/t@1.d"), ("n", "s@1.b")}

    run_until_idle(now + timedelta(days=1))

    assert tags(couple) == {"one", "inner", "three", "after"}
    assert ended(instance) == "completed completed"


@pytest.mark.parametrize("failed", ["wait", "go_on"])
def test_a_branch_that_needs_a_person_is_waited_for_as_the_merge_says(
    couple: Client, now: datetime, failed: str
) -> None:
    instance = begin(in_two(merge("s", failed=failed), right=MISSING), couple, now=now)

    ticket = InterventionTicket.objects.get(lines__instance=instance)
    assert ("after" in tags(couple)) == (failed == "go_on")
    assert ended(instance) == "active"

    tickets.ticket_skip(ticket=ticket, now=now, actor="test")
    run_until_idle(now)

    assert tags(couple) == {"left", "right", "after"}
    assert ended(instance) == "completed completed"
    assert NodeExecution.objects.filter(instance=instance, node_id="after").count() == 1


def test_a_jump_goes_back_as_often_as_it_may_and_counts_anew_in_an_outer_round(
    couple: Client, now: datetime
) -> None:
    add: tuple[str, dict[str, Any]] = ("action", {"do": [{"kind": "create_task", "title": "Once more"}]})
    net = a_net(
        {
            "again": add,
            "inner": ("jump", {"at_most": 2}),
            "outer": ("jump", {"at_most": 1}),
            "end": END,
        },
        *("start>again", "again>inner", "inner.back>again", "inner.next>outer", "outer.back>again"),
        "outer.next>end",
    )

    instance = begin(net, couple, now=now)

    assert NodeExecution.objects.filter(instance=instance, node_id="again").count() == 6
    assert ended(instance) == "completed completed"


def test_a_loop_around_a_split_begins_a_new_passage_of_it_each_time(couple: Client, now: datetime) -> None:
    net = a_net(
        {
            "s": split_all("a", "b"),
            "left": tag("left"),
            "right": pause("1d"),
            "m": merge("s"),
            "again": ("jump", {"at_most": 1}),
            "end": END,
        },
        *(
            "start>s",
            "s.a>left",
            "s.b>right",
            "left>m",
            "right>m",
            "m>again",
            "again.back>s",
            "again.next>end",
        ),
    )
    instance = begin(net, couple, now=now)
    run_until_idle(now + timedelta(days=1))

    assert standing(instance) == {("m", "s@2.a"), ("right", "s@2.b")}

    run_until_idle(now + timedelta(days=2))

    assert ended(instance) == "completed completed"
    merged = NodeExecution.objects.filter(instance=instance, node_id="m", branch="").order_by("visit")
    assert [row.visit for row in merged] == [1, 2]


def test_a_goal_that_is_reached_ends_every_branch_before_it_does_more(couple: Client, now: datetime) -> None:
    net = in_two(merge("s"), left=tag("paid"))
    definition = net.definition()
    definition["goals"] = [{"name": "paid", "if": "'paid' in client.tags"}]
    net.definition = lambda: definition  # type: ignore[method-assign]

    instance = begin(net, couple, now=now)

    assert ended(instance) == "completed goal:paid"
    assert tags(couple) == {"paid"}
