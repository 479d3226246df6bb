"""A step that changes something in a walk: the next one sees it, and many passages ask no more than one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from engine.models import Schedule
from engine.services import runner
from journeys.models import Vendor
from tests.builders import a_couple, a_journey
from tests.drive import bells, enter, run_until_idle
from tests.integration.engine.walks import tagged, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({"kind": "add_tag", "tag": "seen"}, "'seen' in client.tags"),
        ({"kind": "remove_tag", "tag": "old"}, "!('old' in client.tags)"),
        ({"kind": "set_status", "status": "lost"}, "client.status == 'lost'"),
        ({"kind": "set_field", "name": "size", "value": 3}, "client.fields.size == 3"),
        ({"kind": "increment", "name": "size", "by": 2}, "client.fields.size == 3"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("size", [1, 10])
def test_a_step_sees_what_the_one_before_it_has_changed(
    vendor: Vendor, now: datetime, settings: Any, change: dict[str, Any], holds: str, size: int
) -> None:
    settings.QUEUE_BATCH_SIZE = size
    journey = a_journey().condition("before", holds, no="change").action("change", change)
    published = journey.condition("after", holds).publish(vendor, now=now)
    passages = [
        enter(published, a_couple(vendor, now=now, tags=["old"], fields={"size": 1}), now=now)
        for _ in range(3)
    ]

    run_until_idle(now)

    for one in passages:
        ports = {row[0]: row[5] for row in told(one)}
        assert ("no", "yes") == (ports["before"], ports["after"])


def questions(places: list[tuple[int, int]], *, now: datetime) -> int:
    """Carry out what was rung for, and count the statements."""
    with CaptureQueriesContext(connection) as asked:
        runner.run(places=places, now=now)
    return len(asked)


def test_many_passages_cost_no_more_questions_than_one(vendor: Vendor, now: datetime) -> None:
    journey = tagged().publish(vendor, now=now)
    # What is read once in each process is read here.
    enter(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)

    enter(journey, a_couple(vendor, now=now), now=now)
    alone = questions(bells(), now=now)
    for _ in range(10):
        enter(journey, a_couple(vendor, now=now), now=now)
    together = questions(bells(), now=now)

    assert 10 == Schedule.objects.filter(node_id="rest").count() - 2
    assert together <= alone
