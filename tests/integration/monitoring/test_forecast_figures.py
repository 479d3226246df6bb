"""What a forecast says of choices, peaks and processes, whom it speaks of, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from engine.models import Heartbeat, NodeExecution
from engine.services.instances import instance_pause
from journeys.errors import Invalid
from journeys.models import Journey, Vendor
from monitoring.forecast import Forecast, forecast
from tests.builders import (
    ACTOR,
    END,
    JourneyBuilder,
    a_couple,
    a_journey,
    a_net,
    a_vendor,
    pause,
    tag,
)
from tests.drive import enter, run_until_idle
from tests.forecasts import inside, totals, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(db: None) -> datetime:
    """A Wednesday morning in spring, in UTC."""
    return datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


def choosing() -> JourneyBuilder:
    """Two days, then a choice: one more step for those with many guests, and none for the others."""
    return a_net(
        {
            "rest": pause("2d"),
            "large": ("condition", {"if": "wedding.guest_count > 100"}),
            "extra": tag("large"),
            "end": END,
        },
        "start>rest",
        "rest>large",
        "large.yes>extra",
        "large.no>end",
        "extra>end",
    )


def history(vendor: Vendor, journey: Journey, *, now: datetime, **fields: Any) -> None:
    """Write down that a step was done an hour ago."""
    at = now - timedelta(hours=1)
    NodeExecution.objects.create(
        vendor=vendor,
        instance_id=1,
        schedule_id=1,
        version_id=journey.current_version_id,
        status=NodeExecution.Status.SUCCEEDED,
        due_at=at,
        ready_at=at,
        started_at=at,
        at=at,
        **fields,
    )


def test_an_empty_database_has_days_without_steps(vendor: Vendor, now: datetime) -> None:
    for whose in (vendor, None):
        found = forecast(vendor=whose, days=3, now=now)

        assert [day.date for day in found.days] == [date(2027, 4, 14), date(2027, 4, 15), date(2027, 4, 16)]
        assert {day.total for day in found.days} == {0}
        assert (found.mean, found.peaks, found.history.measured) == (0, [], 0)
        assert [(one.busiest_at, one.processes_needed) for one in found.queues] == [(None, 1)] * 4


@pytest.mark.parametrize("days", [0, -1, 401])
def test_days_out_of_bounds_are_refused(vendor: Vendor, now: datetime, days: int) -> None:
    with pytest.raises(Invalid, match="Look 1 to 400 days ahead"):
        forecast(vendor=vendor, days=days, now=now)


def test_the_longest_forecast_is_made(vendor: Vendor, now: datetime) -> None:
    inside(waiting().publish(vendor, now=now), 1, now=now)

    assert len(forecast(vendor=vendor, days=400, now=now).days) == 400


def test_choices_without_history_are_even(vendor: Vendor, now: datetime) -> None:
    inside(choosing().publish(vendor, now=now), 4, now=now)

    found = forecast(vendor=vendor, days=5, now=now)

    # The wait, the choice, half of the extra steps, the end.
    assert totals(found) == {date(2027, 4, 16): 4 + 4 + 2 + 4}
    assert found.days[2].standing == 4


def test_choices_follow_what_was_chosen_until_now(vendor: Vendor, now: datetime) -> None:
    journey = choosing().publish(vendor, now=now)
    inside(journey, 4, now=now)
    for port in ("yes", "no", "no", "no"):
        history(vendor, journey, now=now, node_id="large", node_type="condition", port=port)

    found = forecast(vendor=vendor, days=5, now=now)

    assert totals(found) == {date(2027, 4, 16): 4 + 4 + 1 + 4}


def test_a_forecast_of_choices_lies_between_the_least_and_the_most_that_can_happen(
    vendor: Vendor, now: datetime
) -> None:
    inside(choosing().publish(vendor, now=now), 4, now=now)
    found = forecast(vendor=vendor, days=5, now=now)

    later = now + timedelta(days=2)
    run_until_idle(later)

    happened = NodeExecution.objects.filter(at=later, status="succeeded").count()
    assert happened == 4 * 3
    assert 4 * 3 <= found.days[2].total <= 4 * 4


def test_variants_are_expected_by_their_weights(vendor: Vendor, now: datetime) -> None:
    variants = [{"port": "a", "weight": 3}, {"port": "b", "weight": 1}]
    net = a_net(
        {
            "rest": pause("1d"),
            "ways": ("split", {"by": {"kind": "weight", "branches": variants}}),
            "more": tag("more"),
            "end": END,
        },
        "start>rest",
        "rest>ways",
        "ways.a>more",
        "ways.b>end",
        "more>end",
    )
    inside(net.publish(vendor, now=now), 8, now=now)

    assert totals(forecast(vendor=vendor, days=3, now=now)) == {date(2027, 4, 15): 8 + 8 + 6 + 8}


def test_branches_that_may_be_taken_count_with_their_shares(vendor: Vendor, now: datetime) -> None:
    cases = [{"port": "a", "if": "wedding.guest_count > 1"}, {"port": "b", "if": "wedding.guest_count > 2"}]
    net = a_net(
        {
            "rest": pause("1d"),
            "ways": ("split", {"by": {"kind": "matching", "branches": cases}}),
            "one": tag("one"),
            "two": tag("two"),
            "together": ("merge", {"split": "ways"}),
            "end": END,
        },
        "start>rest",
        "rest>ways",
        "ways.a>one",
        "ways.b>two",
        "ways.else>together",
        "one>together",
        "two>together",
        "together>end",
    )
    journey = net.publish(vendor, now=now)
    inside(journey, 2, now=now)
    history(vendor, journey, now=now, node_id="ways", node_type="split", port="a,b")
    history(vendor, journey, now=now, node_id="ways", node_type="split", port="a")

    # The wait, the split, all of one and half of the other, each of which comes to the merge; the merge, the end.
    assert totals(forecast(vendor=vendor, days=3, now=now)) == {
        date(2027, 4, 15): 2 * (1 + 1 + 1.5 + 1.5 + 1 + 1)
    }


def test_what_is_overdue_is_expected_today(vendor: Vendor, now: datetime) -> None:
    inside(waiting().publish(vendor, now=now), 2, now=now)

    found = forecast(vendor=vendor, days=2, now=now + timedelta(days=30))

    assert (found.days[0].standing, found.days[0].to_follow) == (2, 2)


def test_what_cannot_go_on_by_itself_is_left_out_and_counted(vendor: Vendor, now: datetime) -> None:
    (paused,) = inside(waiting().publish(vendor, now=now), 1, now=now)
    instance_pause(instance=paused, reason="Asked", now=now, actor=ACTOR)
    open_ended = a_journey().step("paid", "wait_for", event="payment_received").publish(vendor, now=now)
    inside(open_ended, 2, now=now)
    undated = a_journey().wait_for_date("day", "0d").publish(vendor, now=now)
    enter(undated, a_couple(vendor, now=now, wedding_in=None), now=now)
    run_until_idle(now)

    found = forecast(vendor=vendor, days=30, now=now)

    assert totals(found) == {}
    assert (found.left_out.paused, found.left_out.parked, found.left_out.open_ended) == (1, 1, 2)


def test_a_forecast_of_one_vendor_says_nothing_of_others(vendor: Vendor, now: datetime) -> None:
    other = a_vendor(now=now, name="Somebody Else", time_zone="Asia/Tokyo")
    inside(waiting().publish(vendor, now=now), 2, now=now)
    inside(waiting().publish(other, now=now), 3, now=now)

    own, theirs, both = (forecast(vendor=whose, days=10, now=now) for whose in (vendor, other, None))

    assert totals(own) == {date(2027, 4, 17): 4}
    assert totals(theirs) == {date(2027, 4, 17): 6}
    assert totals(both) == {date(2027, 4, 17): 10}
    assert (own.time_zone, theirs.time_zone, both.time_zone) == ("Europe/Lisbon", "Asia/Tokyo", "UTC")


def test_the_queue_of_a_step_is_that_of_its_own_day(vendor: Vendor, now: datetime) -> None:
    builder = (
        a_journey().wait_for_date("weeks", "-20d").wait_for_date("days", "-5d").wait_for_date("day", "0d")
    )
    inside(builder.publish(vendor, now=now), 1, now=now, ahead=40)

    found = forecast(vendor=vendor, days=45, now=now)

    queues = {
        day.date.day: {name for name, steps in day.queues.items() if steps} for day in found.days if day.total
    }
    assert queues == {4: {"medium"}, 19: {"high"}, 24: {"critical"}}


def test_days_far_above_the_mean_are_peaks_and_weddings_are_counted(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().wait_for_date("day", "0d").publish(vendor, now=now)
    for ahead, couples in ((5, 4), (6, 1), (8, 9)):
        inside(journey, couples, now=now, ahead=ahead)

    found = forecast(vendor=vendor, days=10, now=now)

    assert [(day.date.day, day.weddings, day.total) for day in found.peaks] == [(22, 9, 18), (19, 4, 8)]
    assert found.mean == pytest.approx(2.8)
    assert [day.is_peak for day in found.days].count(True) == 2


def test_processes_follow_from_the_busiest_hour_and_measured_times(vendor: Vendor, now: datetime) -> None:
    journey = waiting(2).publish(vendor, now=now)
    inside(journey, 3, now=now)
    history(vendor, journey, now=now, node_id="rest", node_type="wait", port="next", duration_ms=4_000_000)
    history(vendor, journey, now=now, node_id="end", node_type="end", duration_ms=1_000_000)
    Heartbeat.objects.create(
        name="worker:urgent@here", beat_at=now, detail={"queues": ["critical", "high"], "processes": 2}
    )
    Heartbeat.objects.create(
        name="worker:all@here",
        beat_at=now,
        detail={"queues": ["high", "low", "low.steps"], "processes": 1, "most": 5},
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engine_heartbeat SET beat_at = clock_timestamp()")

    low = forecast(vendor=vendor, days=5, now=now).queues[-1]

    assert (low.queue, low.busiest_at, low.busiest_steps) == ("low", now + timedelta(days=2), 6)
    assert low.work_seconds == pytest.approx(3 * 5_000)
    assert (low.processes_needed, low.processes_there, low.is_enough) == (5, 5, True)


def test_questions_do_not_grow_with_the_couples(vendor: Vendor, now: datetime) -> None:
    journey = choosing().publish(vendor, now=now)
    inside(journey, 2, now=now)
    asked: Callable[[], Forecast] = lambda: forecast(vendor=vendor, days=10, now=now)  # noqa: E731 said twice
    asked()
    with CaptureQueriesContext(connection) as few:
        asked()
    for ahead in range(100, 110):
        inside(journey, 1, now=now, ahead=ahead)
    with CaptureQueriesContext(connection) as many:
        asked()

    assert len(few) == len(many)


def test_operators_read_the_forecast_of_the_whole_system(vendor: Vendor) -> None:
    out = StringIO()
    call_command("forecast", "--days", "3", stdout=out)

    assert "0 steps a day on average; days by the clock of UTC." in out.getvalue()
    assert "critical: 0 steps, 0 in the busiest hour, needs 1 of 5 processes" in out.getvalue()

    out = StringIO()
    call_command("forecast", "--vendor", vendor.public_id, "--json", stdout=out)
    assert '"time_zone": "Europe/Lisbon"' in out.getvalue()


@pytest.mark.parametrize(
    ("words", "says"), [(["--days", "0"], "Look 1 to 400"), (["--vendor", "ven_none"], "There is no vendor")]
)
def test_the_command_says_what_is_wrong(db: None, words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("forecast", *words)
