"""Two journeys at once, and room for one message."""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import datetime
from typing import Any

import pytest

from channels.models import SinkMessage
from engine.models import Schedule
from engine.services import dispatch, runner
from journeys.models import Vendor
from journeys.services.vendors import vendor_change_settings
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import bells, enter
from tests.racing import WAIT_SECONDS, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

JOURNEYS = 4


@pytest.fixture
def vendor(transactional_db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param({"cap": {"transactional": {"count": 1, "days": 7}}}, id="cap"),
        pytest.param({"spacing": {"hours": 4}}, id="spacing"),
    ],
)
def test_journeys_that_run_at_once_do_not_both_find_room(
    vendor: Vendor,
    now: datetime,
    setting: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given four journeys of one couple, all about to write to both partners, and room for one message
    vendor_change_settings(vendor=vendor, contact_rules=setting, now=now, actor=ACTOR)
    couple = a_couple(vendor, now=now)
    for number in range(JOURNEYS):
        journey = a_journey().email(f"mail_{number}", to=["couple"]).publish(vendor, now=now)
        enter(journey, couple, now=now)
    dispatch.dispatch(now=now)
    runner.run(places=bells(), now=now)
    dispatch.dispatch(now=now)
    places = bells()
    assert JOURNEYS == len(places)

    # When all have asked whether they may send before any has written its ledger
    barrier = threading.Barrier(JOURNEYS)
    decide = runner.decide

    def wait_for_the_others(step: Any, *, now: datetime) -> Any:
        if step.node.type == "email" and step.claim.attempt == 1 and not met[step.claim.node_id]:
            met[step.claim.node_id] = True
            barrier.wait(WAIT_SECONDS)
        return decide(step, now=now)

    met: dict[str, bool] = defaultdict(bool)
    monkeypatch.setattr(runner, "decide", wait_for_the_others)

    done = together(*[lambda place=place: runner.run(places=[place], now=now) for place in places])

    # Then one has sent its two copies, and the others were put off
    assert [1] * JOURNEYS == done
    assert 2 == SinkMessage.objects.count()
    held = Schedule.objects.filter(node_id__startswith="mail_", state=Schedule.State.WAITING)
    assert JOURNEYS - 1 == held.count()
    assert all(place.reason.startswith("Put off until") for place in held)
