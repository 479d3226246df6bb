"""The widest splits, the deepest nesting and the longest names that are accepted can be carried out."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from channels.models import SinkMessage
from engine.models import Instance, NodeExecution
from engine.services.instances import instance_start
from engine.services.replaying import differences
from journeys.language.branches import MAX_DEPTH
from journeys.models import Client, Task
from tests.builders import ACTOR, END, JourneyBuilder, a_net, merge, split_all
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)
LONGEST_ID, LONGEST_PORT, MOST_BRANCHES = 64, 40, 20


def begin(net: JourneyBuilder, couple: Client, *, now: datetime) -> Instance:
    instance = instance_start(
        vendor=couple.vendor,
        journey=net.publish(couple.vendor, now=now),
        client=couple,
        variables={},
        now=now,
        actor=ACTOR,
    )
    run_until_idle(now)
    instance.refresh_from_db()
    return instance


def test_a_split_may_have_as_many_branches_with_as_long_names_as_is_accepted(
    couple: Client, now: datetime
) -> None:
    ports = [f"p{number:02d}".ljust(LONGEST_PORT, "x") for number in range(MOST_BRANCHES)]
    net = a_net(
        {"s": split_all(*ports), "m": merge("s"), "end": END},
        "start>s",
        *(f"s.{port}>m" for port in ports),
        "m>end",
    )

    instance = begin(net, couple, now=now)

    assert (instance.status, differences([instance])) == ("completed", {})
    assert NodeExecution.objects.get(instance=instance, node_id="s").port == ",".join(ports)


def test_a_message_and_a_task_may_stand_as_deep_as_is_accepted(couple: Client, now: datetime) -> None:
    splits = [f"s{level}".ljust(LONGEST_ID, "x") for level in range(MAX_DEPTH)]
    port, other = "a".ljust(LONGEST_PORT, "x"), "b"
    text, task = "text".ljust(LONGEST_ID, "x"), "task".ljust(LONGEST_ID, "x")
    steps: dict[str, Any] = {name: split_all(port, other) for name in splits}
    steps |= {f"m{level}": merge(name) for level, name in enumerate(splits)}
    steps |= {
        text: ("sms", {"body": "Hello", "to": ["partner_1"]}),
        task: ("task", {"title": "Call", "wait": False}),
        "end": END,
    }
    edges = [f"start>{splits[0]}", f"{splits[-1]}.{port}>{text}", f"{text}>{task}"]
    edges += [f"{outer}.{port}>{inner}" for outer, inner in pairwise(splits)]
    edges += [f"{name}.{other}>m{level}" for level, name in enumerate(splits)]
    edges += [f"{task}>m{MAX_DEPTH - 1}", "m0>end"]
    edges += [f"m{level}>m{level - 1}" for level in range(1, MAX_DEPTH)]

    instance = begin(a_net(steps, *edges), couple, now=now)

    assert (instance.status, differences([instance])) == ("completed", {})
    assert (SinkMessage.objects.count(), Task.objects.count()) == (1, 1)


def test_a_split_that_cannot_be_answered_is_skipped_where_the_step_says_so(
    couple: Client, now: datetime
) -> None:
    cases = [{"port": "many", "if": "client.fields.guests > 100"}]
    by = {"kind": "matching", "branches": cases}
    net = a_net(
        {"s": ("split", {"by": by, "on_error": "skip"}), "m": merge("s"), "end": END},
        *("start>s", "s.many>m", "s.else>m", "m>end"),
    )

    instance = begin(net, couple, now=now)

    row = NodeExecution.objects.get(instance=instance, node_id="s")
    assert (row.status, row.port, instance.status) == ("skipped", "else", "completed")


def test_a_condition_that_cannot_be_answered_is_skipped_where_the_step_says_so(
    couple: Client, now: datetime
) -> None:
    net = a_net(
        {"c": ("condition", {"if": "client.fields.guests > 100", "on_error": "skip"}), "end": END},
        *("start>c", "c.yes>end", "c.no>end"),
    )

    instance = begin(net, couple, now=now)

    row = NodeExecution.objects.get(instance=instance, node_id="c")
    assert (row.status, row.port, instance.status) == ("skipped", "no", "completed")
