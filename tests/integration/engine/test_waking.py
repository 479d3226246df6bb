"""The outbox: what happened is told to the steps that wait for it, whatever else goes wrong."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.models import Instance, Schedule, Wake
from engine.services import ending, waking
from engine.services.instances import instance_start
from journeys.services.clients import tag_add
from tests import builders
from tests.builders import a_journey
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(now: datetime) -> Instance:
    vendor = builders.a_vendor(now=now)
    journey = a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"}).publish(vendor, now=now)
    couple = builders.a_couple(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor="test"
    )
    run_until_idle(now)
    return instance


def test_a_process_that_dies_before_it_tells_leaves_it_to_the_next_tick(
    waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(waking, "process", lambda **_: 0)
        tag_add(client=waiting.client, name="vip", now=now, actor="test")
    assert Wake.objects.count() == 1
    place = Schedule.objects.get(instance=waiting)
    assert place.due_at is None or place.due_at > now

    run_until_idle(now)

    waiting.refresh_from_db()
    assert waiting.status == Instance.Status.COMPLETED
    assert not Wake.objects.exists()


def test_a_fault_in_a_rule_does_not_keep_waiting_steps_asleep(
    waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("not of this world")

    monkeypatch.setattr(ending, "end_where_rules_hold", broken)

    tag_add(client=waiting.client, name="vip", now=now, actor="test")
    run_until_idle(now)

    waiting.refresh_from_db()
    assert waiting.status == Instance.Status.COMPLETED
    assert not Wake.objects.exists()
