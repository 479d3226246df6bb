"""The search for what a date starts finds what the plain definition says, and nothing else, through indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.models import DeadLetter, Instance, TriggerEvent, Watermark
from engine.services import date_search, dates
from engine.services.dates import follow_dates
from engine.services.dead_letters import dead_letter_replay
from journeys.models import Client, Journey, Vendor, Wedding, WeddingAnchor
from journeys.selectors import calendar_of
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey, a_vendor

NOON = datetime(2027, 3, 28, 12, tzinfo=UTC)
ZONES = (
    "Europe/Lisbon",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Niue",
    "Asia/Kathmandu",
    "America/St_Johns",
)
DERIVED = {
    "gallery": {"from": "wedding", "offset": "42d"},
    "album": {"from": "gallery", "offset": "10bd", "at": "10:00"},
    "rehearsal": {"from": "shoot", "offset": "-1mo"},
}

journeys = st.fixed_dictionaries(
    {
        "anchor": st.sampled_from(["wedding", "shoot", "gallery", "album", "rehearsal"]),
        "offset": st.sampled_from(["0d", "-7d", "-1mo", "2w", "-3bd", "5bd", "1d 30h", "-90min", "-12mo 1d"]),
        "at": st.sampled_from(["00:00", "01:30", "02:15", "09:00", "23:59"]),
        "zone": st.sampled_from(["wedding", "vendor"]),
    }
)
weddings = st.fixed_dictionaries(
    {
        "moved": st.integers(-2, 2),
        "zone": st.sampled_from(ZONES),
        "own": st.sampled_from(["", "shoot", "gallery", "album", "both"]),
        "status": st.sampled_from(["planned", "planned", "planned", "postponed", "cancelled"]),
    }
)


def plain(journey: Journey, wedding: Wedding, *, since: datetime, until: datetime) -> datetime | None:
    """Say it as the definition has it: one journey, one wedding."""
    if wedding.status != Wedding.Status.PLANNED or journey.current_version is None:
        return None
    moment = dates.moment(journey, calendar_of(wedding, journey.vendor), now=until)
    begun = max(since, journey.current_version.published_at)
    return moment if moment and begun < moment <= until else None


def found(*, since: datetime, until: datetime) -> set[tuple[int, int, datetime]]:
    started = dates.all_started(since=since)
    return {
        (journey.pk, wedding.pk, moment)
        for journey, wedding, moment in date_search.moments(started, until=until)
    }


def a_wedding_near(vendor: Vendor, near: date, zone: str, own: str, status: str) -> Wedding:
    couple = a_couple(vendor, now=NOON, time_zone=zone)
    wedding = couple.weddings.get()
    Wedding.objects.filter(pk=wedding.pk).update(date=near, status=status, time_zone=zone)
    for name in {"both": ("shoot", "album"), "": ()}.get(own, (own,)):
        WeddingAnchor.objects.create(vendor=vendor, wedding=wedding, name=name, date=near)
    wedding.refresh_from_db()
    return wedding


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    wanted=st.lists(journeys, min_size=1, max_size=3),
    those=st.lists(weddings, min_size=1, max_size=4),
    region=st.sampled_from(["PT", "US-CA"]),
    vendor_zone=st.sampled_from(ZONES),
    around=st.sampled_from([0, 180, 365]),
)
def test_what_is_found_is_what_the_definition_says(wanted, those, region, vendor_zone, around):
    with transaction.atomic():
        long_ago = NOON - timedelta(days=900)
        vendor = a_vendor(now=long_ago, region=region, time_zone=vendor_zone)
        vendor_change_settings(
            vendor=vendor, settings={"derived_anchors": DERIVED}, now=long_ago, actor=ACTOR
        )
        vendor.refresh_from_db()
        published = [
            a_journey().trigger("date_based", **one).wait("rest", for_="1d").publish(vendor, now=long_ago)
            for one in wanted
        ]
        day = (NOON + timedelta(days=around)).date()
        rows = [
            a_wedding_near(vendor, day + timedelta(days=one["moved"]), one["zone"], one["own"], one["status"])
            for one in those
        ]
        moments = [
            moment
            for journey in published
            for row in rows
            if row.status == "planned"
            and (moment := dates.moment(journey, calendar_of(row, vendor), now=NOON)) is not None
        ]
        for middle in moments:
            for since, until in (
                (middle - timedelta(minutes=1), middle),
                (middle, middle + timedelta(minutes=1)),
                (middle - timedelta(days=3), middle + timedelta(days=2)),
            ):
                expected = {
                    (journey.pk, row.pk, moment)
                    for journey in published
                    for row in rows
                    if (moment := plain(journey, row, since=since, until=until)) is not None
                }
                assert expected == found(since=since, until=until)
        transaction.set_rollback(True)


def by_date(vendor: Vendor, now: datetime, **given: Any) -> Journey:
    wanted = {"anchor": "wedding", "offset": "-7d", "at": "10:00", **given}
    return a_journey().trigger("date_based", **wanted).wait("rest", for_="9d").publish(vendor, now=now)


def entered(journey: Journey) -> list[int]:
    return sorted(Instance.objects.filter(journey=journey).values_list("client_id", flat=True))


def sweep(since: datetime, until: datetime, *, every: timedelta) -> int:
    Watermark.objects.update_or_create(name=dates.WATERMARK, defaults={"at": since})
    made, at = 0, since
    while at < until:
        at = min(until, at + every)
        made += follow_dates(now=at)
    return made


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        # The clocks jump from 01:00 to 02:00 on 28 March in Lisbon; from 02:00 to 03:00 on 14 March in New York.
        ("Europe/Lisbon", "01:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("America/New_York", "02:30", datetime(2027, 3, 14, 7, 30, tzinfo=UTC)),
        # They show 01:30 twice on 31 October in Lisbon: the first counts.
        ("Europe/Lisbon", "01:31", datetime(2027, 10, 31, 0, 31, tzinfo=UTC)),
    ],
)
def test_a_wall_clock_time_that_is_missing_or_comes_twice_starts_once(vendor, now, zone, at, expected):
    journey = by_date(vendor, datetime(2027, 1, 1, tzinfo=UTC), offset="0d", at=at)
    couple = a_couple(vendor, now=now, time_zone=zone)
    couple.weddings.update(date=expected.date())

    assert 0 == sweep(
        expected - timedelta(hours=5), expected - timedelta(seconds=1), every=timedelta(hours=1)
    )
    assert 1 == sweep(
        expected - timedelta(seconds=1), expected + timedelta(hours=5), every=timedelta(hours=1)
    )
    assert [couple.pk] == entered(journey)


def test_a_journey_published_later_looks_ahead_only(vendor, now):
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=7))
    moment = datetime.combine(now.date(), time(9), tzinfo=UTC)
    early = by_date(vendor, moment - timedelta(minutes=5))
    late = by_date(vendor, moment + timedelta(minutes=5))

    sweep(moment - timedelta(hours=1), moment + timedelta(hours=1), every=timedelta(hours=2))

    assert [couple.pk] == entered(early)
    assert [] == entered(late)


def test_a_wedding_that_moves_into_what_is_to_come_is_found_there(vendor, now):
    journey = by_date(vendor, now)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=40))
    assert 0 == sweep(now, now + timedelta(days=5), every=timedelta(days=1))

    day = (now + timedelta(days=14)).date()
    wedding_move(wedding=couple.weddings.get(), date=day, now=now + timedelta(days=5), actor=ACTOR)

    assert 1 == sweep(now + timedelta(days=5), now + timedelta(days=9), every=timedelta(days=1))
    assert [couple.pk] == entered(journey)


def test_an_event_that_breaks_holds_nobody_up_and_is_kept(vendor, now, monkeypatch):
    journey = by_date(vendor, now)
    bad, good = (a_couple(vendor, now=now, wedding_in=timedelta(days=9)) for _ in range(2))
    whole = dates.event_receive

    def breaks(*, client: Client, **given: Any) -> Any:
        if client.pk == bad.pk:
            raise RuntimeError
        return whole(client=client, **given)

    monkeypatch.setattr(dates, "event_receive", breaks)
    assert 1 == sweep(now, now + timedelta(days=3), every=timedelta(days=3))
    assert [good.pk] == entered(journey)
    monkeypatch.undo()
    letter = DeadLetter.objects.get(kind="date", vendor=vendor)

    dead_letter_replay(letter=letter, now=now + timedelta(days=4), actor=ACTOR)

    assert [bad.pk, good.pk] == entered(journey)
    assert 2 == TriggerEvent.objects.filter(type="date_based").count()


def test_what_a_tick_has_no_time_for_is_left_to_the_next(vendor, now):
    journey = by_date(vendor, now)
    couples = [a_couple(vendor, now=now, wedding_in=timedelta(days=9)) for _ in range(3)]
    follow_dates(now=now)
    later = now + timedelta(days=3)

    assert 0 == follow_dates(now=later, seconds=-1)
    assert now == Watermark.objects.get(name=dates.WATERMARK).at

    assert 3 == follow_dates(now=later, seconds=60)
    assert sorted(one.pk for one in couples) == entered(journey)


def test_what_was_made_before_a_crash_is_not_asked_about_again(vendor, now, monkeypatch):
    journey = by_date(vendor, now)
    a_couple(vendor, now=now, wedding_in=timedelta(days=9))
    sweep(now, now + timedelta(days=3), every=timedelta(days=3))
    Watermark.objects.update(at=now)
    monkeypatch.setattr(dates, "event_receive", lambda **_: pytest.fail("It is there."))

    assert 0 == follow_dates(now=now + timedelta(days=3))
    assert 1 == len(entered(journey))


def _names(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield plan["Node Type"], plan.get("Relation Name", "")
    for one in plan.get("Plans", ()):
        yield from _names(one)


def test_both_questions_go_through_indexes_when_tables_are_large(vendor, now):
    given = {"numbers": [0], "vendors": [vendor.pk], "names": ["shoot"]}
    days = {"firsts": [now.date()], "lasts": [now.date() + timedelta(days=3)]}
    with connection.cursor() as cursor:
        # As for large tables: reading them whole costs more than anything.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for question in (date_search._BY_WEDDING, date_search._BY_ANCHOR):
            cursor.execute(f"EXPLAIN (FORMAT JSON) {question}", given | days)
            (plan,) = cursor.fetchone()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            read = [node for node, table in _names(plan[0]["Plan"]) if table.startswith("journeys_")]
            assert read
            assert "Seq Scan" not in read
