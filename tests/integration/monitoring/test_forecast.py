"""The forecast beside what really happens when the clock is moved through it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from engine.models import NodeExecution
from engine.services import dates
from journeys.models import Client, Journey, Vendor, WeddingAnchor
from monitoring.forecast import forecast
from tests.builders import (
    END,
    JourneyBuilder,
    a_couple,
    a_journey,
    a_net,
    a_vendor,
    merge,
    pause,
    split_all,
    tag,
)
from tests.drive import enter, run_until_idle
from tests.forecasts import forecasted, moved_through

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(db: None) -> datetime:
    """A Wednesday morning in spring, in UTC."""
    return datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


def tagging(builder: JourneyBuilder, name: str, **settings: Any) -> JourneyBuilder:
    """Add a step that leaves a trace."""
    return builder.action(name, {"kind": "add_tag", "tag": name}, **settings)


def anchored(offset: str, **more: Any) -> dict[str, Any]:
    return {"kind": "anchor", "anchor": "wedding", "offset": offset, "at": "09:00", **more}


def couples(vendor: Vendor, *ahead: int, now: datetime, **fields: Any) -> list[Client]:
    return [a_couple(vendor, now=now, wedding_in=timedelta(days=days), **fields) for days in ahead]


def inside(journey: Journey, *ahead: int, now: datetime, **fields: Any) -> list[Client]:
    """Let couples with weddings so many days ahead enter, and go as far as they can."""
    known = couples(journey.vendor, *ahead, now=now, **fields)
    for couple in known:
        enter(journey, couple, now=now)
    run_until_idle(now)
    return known


def test_forecast_of_dated_steps_is_what_happens(vendor: Vendor, now: datetime) -> None:
    builder = tagging(a_journey().wait_for_date("month", "-30d"), "timeline").wait_for_date(
        "week", "-7d", at="10:30"
    )
    builder = tagging(tagging(builder, "check").wait_for_date("after", "1d"), "thank")
    inside(builder.publish(vendor, now=now), 33, 33, 35, 40, now=now)

    found = forecast(vendor=vendor, days=45, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 45)
    assert [day.standing for day in found.days if day.standing] == [2, 1, 1]


@pytest.mark.parametrize(
    ("now", "zone"),
    [
        (datetime(2027, 3, 20, 9, 0, tzinfo=UTC), "America/New_York"),
        (datetime(2027, 3, 20, 9, 0, tzinfo=UTC), "Pacific/Auckland"),
        (datetime(2027, 10, 22, 21, 50, tzinfo=UTC), "Europe/Lisbon"),
        (datetime(2027, 10, 22, 23, 59, tzinfo=UTC), "Asia/Kathmandu"),
    ],
    ids=["spring, New York", "spring, Auckland", "autumn, Lisbon", "autumn, Kathmandu"],
)
def test_forecast_knows_when_clocks_change(vendor: Vendor, now: datetime, zone: str) -> None:
    builder = tagging(a_journey().wait("days", for_="9d"), "one").wait(
        "evening", kind="duration", **{"for": "2d"}, at="23:45"
    )
    builder = tagging(tagging(builder, "two").wait("hours", for_="30h"), "three").wait_for_date(
        "day", "0d", at="00:10"
    )
    inside(tagging(builder, "four").publish(vendor, now=now), 12, 14, 16, now=now, time_zone=zone)

    found = forecast(vendor=vendor, days=20, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 20)


def test_journeys_by_date_are_forecast_before_anybody_is_in_them(vendor: Vendor, now: datetime) -> None:
    dates.follow_dates(now=now)
    builder = (
        a_journey().trigger("date_based", anchor="wedding", offset="-14d", at="09:00").wait("rest", for_="3d")
    )
    tagging(builder, "headcount").publish(vendor, now=now)
    couples(vendor, 5, 15, 18, 18, 30, 90, now=now)

    found = forecast(vendor=vendor, days=30, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 30)
    assert {day.date: day.to_start for day in found.days if day.to_start} == {
        date(2027, 4, 15): 1,
        date(2027, 4, 18): 2,
        date(2027, 4, 30): 1,
    }


def test_other_dates_and_those_that_follow_from_them_start_journeys(vendor: Vendor, now: datetime) -> None:
    dates.follow_dates(now=now)
    vendor.settings = {"derived_anchors": {"gallery": {"from": "wedding", "offset": "7d"}}}
    vendor.save()
    builder = a_journey().trigger("date_based", anchor="gallery", offset="0d", at="12:00")
    builder.wait("later", kind="anchor", anchor="gallery", offset="2d", at="12:00").publish(vendor, now=now)
    plain, own = couples(vendor, 3, 3, now=now)
    WeddingAnchor.objects.create(
        vendor=vendor, wedding=own.weddings.get(), name="gallery", date=(now + timedelta(days=20)).date()
    )

    found = forecast(vendor=vendor, days=30, now=now + MINUTE)

    assert plain != own
    assert forecasted(found) == moved_through(now + MINUTE, 30)
    assert sum(day.to_start for day in found.days) == 2


def test_who_may_not_enter_again_is_not_expected(vendor: Vendor, now: datetime) -> None:
    dates.follow_dates(now=now)
    builder = a_journey().trigger("date_based", anchor="wedding", offset="-14d", at="09:00")
    journey = builder.wait("rest", for_="1d").publish(vendor, now=now)
    been, _other = couples(vendor, 20, 20, now=now)
    enter(journey, been, now=now)
    run_until_idle(now)

    found = forecast(vendor=vendor, days=30, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 30)
    assert sum(day.to_start for day in found.days) == 1


def test_dates_that_the_clock_has_not_followed_yet_are_expected_today(vendor: Vendor, now: datetime) -> None:
    dates.follow_dates(now=now)
    builder = a_journey().trigger("date_based", anchor="wedding", offset="-14d", at="09:00")
    builder.wait("rest", for_="1d").publish(vendor, now=now)
    couples(vendor, 16, now=now)
    later = now + timedelta(days=3)

    found = forecast(vendor=vendor, days=5, now=later)

    assert found.days[0].to_start == 1
    assert forecasted(found) == moved_through(later, 5)


NETS = {
    "all branches": a_net(
        {
            "ways": split_all("left", "right"),
            "short": pause("1d"),
            "long": pause("5d"),
            "together": merge("ways"),
            "rest": pause("2d"),
            "end": END,
        },
        "start>ways",
        "ways.left>short",
        "ways.right>long",
        "short>together",
        "long>together",
        "together>rest",
        "rest>end",
    ),
    "the first branch": a_net(
        {
            "ways": split_all("left", "right"),
            "short": pause("1d"),
            "long": pause("5d"),
            "never": tag("never"),
            "together": merge("ways", "first"),
            "rest": pause("2d"),
            "end": END,
        },
        "start>ways",
        "ways.left>short",
        "ways.right>long",
        "short>together",
        "long>never",
        "never>together",
        "together>rest",
        "rest>end",
    ),
    "a branch that ends": a_net(
        {
            "ways": split_all("left", "middle", "right"),
            "short": pause("1d"),
            "done": END,
            "long": pause("5d"),
            "longer": pause("6d"),
            "together": merge("ways"),
            "rest": pause("2d"),
            "end": END,
        },
        "start>ways",
        "ways.left>short",
        "ways.middle>long",
        "ways.right>longer",
        "short>done",
        "long>together",
        "longer>together",
        "together>rest",
        "rest>end",
    ),
    "a branch that ends all": a_net(
        {
            "ways": split_all("left", "right"),
            "short": pause("3d"),
            "over": ("end", {"ends": "journey"}),
            "long": pause("5d"),
            "end": END,
        },
        "start>ways",
        "ways.left>short",
        "ways.right>long",
        "short>over",
        "long>end",
    ),
    "branches in a branch": a_net(
        {
            "outer": split_all("left", "right"),
            "inner": split_all("a", "b"),
            "a": pause("2d"),
            "b": pause("4d"),
            "inside": merge("inner"),
            "right": pause("3d"),
            "outside": merge("outer"),
            "rest": pause("1d"),
            "end": END,
        },
        "start>outer",
        "outer.left>inner",
        "outer.right>right",
        "inner.a>a",
        "inner.b>b",
        "a>inside",
        "b>inside",
        "inside>outside",
        "right>outside",
        "outside>rest",
        "rest>end",
    ),
    "a way back": a_net(
        {"rest": pause("2d"), "mark": tag("seen"), "again": ("jump", {"at_most": 3}), "end": END},
        "start>rest",
        "rest>mark",
        "mark>again",
        "again.back>rest",
        "again.next>end",
    ),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("gone", [0, 2], ids=["at the beginning", "on the way"])
def test_branches_and_rounds_are_followed(vendor: Vendor, now: datetime, name: str, gone: int) -> None:
    inside(NETS[name].publish(vendor, now=now), 60, 61, now=now)
    later = now + timedelta(days=gone, hours=2)
    for days in range(gone + 1):
        run_until_idle(now + timedelta(days=days, hours=2))

    found = forecast(vendor=vendor, days=25, now=later + MINUTE)

    assert forecasted(found) == moved_through(later + MINUTE, 25)


def test_waits_that_nobody_answers_end_by_their_time_outs(vendor: Vendor, now: datetime) -> None:
    event = {"event": "payment_received", "timeout": {"kind": "duration", "for": "4d"}}
    steps: dict[str, tuple[str, dict[str, Any]]] = {
        "rest": pause("1d"),
        "paid": ("wait_for", event),
        "thanks": tag("paid"),
        "ask": tag("unpaid"),
        "date": ("wait_until", {"if": "'vip' in client.tags", "timeout": anchored("-2d")}),
        "end": END,
    }
    edges = ("start>rest", "rest>paid", "paid>thanks", "thanks>end", "paid.timeout>ask", "ask>date")
    journey = a_net(steps, *edges, "date>end", "date.timeout>end").publish(vendor, now=now)
    inside(journey, 12, now=now - timedelta(days=2))
    inside(journey, 13, 14, now=now)

    found = forecast(vendor=vendor, days=15, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 15)


def test_letters_due_at_night_are_expected_when_people_may_be_written_to(now: datetime) -> None:
    hours = {"every": [["10:00", "18:00"]]}
    vendor = a_vendor(now=now, sending_hours=hours)
    inside(a_journey().wait("rest", for_="13h").email("night").publish(vendor, now=now), 60, now=now)

    found = forecast(vendor=vendor, days=3, now=now + MINUTE)

    assert [day.total for day in found.days] == [1, 2, 0]
    moved_through(now + MINUTE, 3)
    done = NodeExecution.objects.filter(at__gt=now, status="succeeded")
    assert sorted(row.at.date().day for row in done) == [14, 15, 15]


def test_steps_whose_time_has_passed_are_expected_as_their_rule_says(vendor: Vendor, now: datetime) -> None:
    builder = tagging(a_journey().wait("rest", for_="1d"), "missed", when=anchored("-90d"))
    builder = tagging(builder, "asked", when=anchored("-60d"), late={"rule": "ask"})
    inside(tagging(builder, "behind").publish(vendor, now=now), 30, now=now)

    found = forecast(vendor=vendor, days=5, now=now + MINUTE)

    assert forecasted(found) == moved_through(now + MINUTE, 5)
    assert sum(day.total for day in found.days) == 2
