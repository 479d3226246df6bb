"""The rules of a zone change: stored moments are computed anew from what was meant."""

from __future__ import annotations

import os
import subprocess
import sys
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from engine.models import (
    Instance,
    MeetingNotice,
    NodeExecution,
    Schedule,
    TriggerEvent,
    Watermark,
    ZoneUpdate,
)
from engine.services import dates, zones
from engine.services.instances import instance_start
from journeys.language import zones as language
from journeys.services.clients import client_add
from journeys.services.weddings import StakeholderData, WeddingData
from tests.builders import ACTOR, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.meets import a_booking, a_call, send_letters

NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
ZONE = "Africa/Casablanca"
#: The version before the one that is installed, and what it said: Morocco at +01 all year.
OLD = "2026a"


def data_of(zone: str) -> bytes:
    package, _, name = zone.rpartition("/")
    return resources.files(f"tzdata.zoneinfo.{package.replace('/', '.')}").joinpath(name).read_bytes()


@pytest.fixture
def zone_data(tmp_path, monkeypatch):
    """Swap what one zone says for what another one says, under the name of another version; None is the real data."""

    def swap(version: str, says: dict[str, str]) -> None:
        folder = tmp_path / version
        for zone, like in says.items():
            target = folder / zone
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data_of(like))
        zoneinfo.reset_tzpath(to=[str(folder)] if says else [])
        forget()
        monkeypatch.setattr(zones, "database_version", lambda: version)

    yield swap
    zoneinfo.reset_tzpath(to=[])
    forget()


def forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    language.zone_of.cache_clear()


@pytest.fixture
def vendor(db):
    return a_vendor(now=NOW, time_zone="Europe/Lisbon")


@pytest.fixture
def couple(vendor):
    return client_add(
        vendor=vendor,
        display_name="Salma & Youssef",
        status="booked",
        wedding=WeddingData(date=date(2026, 12, 12), time=time(16), time_zone=ZONE),
        stakeholders=[StakeholderData(role="partner_1", first_name="Salma", email="salma@example.com")],
        now=NOW,
        actor=ACTOR,
    )


@pytest.fixture
def instance(vendor, couple, zone_data) -> Instance:
    """A step that was placed while Morocco was still expected to keep +01 in December (Lagos keeps it)."""
    zone_data(OLD, {ZONE: "Africa/Lagos"})
    zones.apply(now=NOW)
    journey = (
        a_journey()
        .email("checklist", when={"kind": "anchor", "offset": "-30d", "at": "09:00"})
        .publish(vendor, now=NOW)
    )
    started = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=NOW, actor=ACTOR
    )
    run_until_idle(NOW)
    return started


def test_stored_moments_follow_a_new_database(instance, zone_data):
    token = Schedule.objects.get(instance=instance)
    assert datetime(2026, 11, 12, 8, tzinfo=UTC) == token.due_at

    zone_data("2026f", {})
    report = zones.catch_up(now=NOW)

    moved = Schedule.objects.get(instance=instance)
    assert datetime(2026, 11, 12, 9, tzinfo=UTC) == moved.due_at
    assert token.fence < moved.fence
    assert datetime(2026, 12, 12, 0, tzinfo=UTC) == moved.wedding_at
    assert ("2026f", OLD, 1, 1) == (report.version, report.was, report.examined, len(report.moved))
    kept = ZoneUpdate.objects.latest("id")
    assert {
        "vendor": instance.vendor.public_id,
        "instance": instance.public_id,
        "step": "checklist",
        "zone": ZONE,
        "before": "2026-11-12T08:00:00+00:00",
        "after": "2026-11-12T09:00:00+00:00",
    } == kept.report[0]


def test_nothing_is_done_twice(instance, zone_data):
    zone_data("2026f", {})
    zones.catch_up(now=NOW)
    fence = Schedule.objects.get(instance=instance).fence

    assert zones.catch_up(now=NOW) is None
    again = zones.apply(now=NOW)

    assert () == again.moved
    assert fence == Schedule.objects.get(instance=instance).fence


def test_rehearsal_tells_and_keeps_nothing(instance, zone_data):
    zone_data("2026f", {})
    before = list(Schedule.objects.values())

    report = zones.rehearse(now=NOW)

    assert 1 == len(report.moved)
    assert before == list(Schedule.objects.values())
    assert OLD == zones.in_force()


def test_step_under_way_with_the_old_moment_is_held_until_the_new_one(instance, zone_data):
    """The database changes between the dispatcher's look and the worker's."""
    old_due = datetime(2026, 11, 12, 8, tzinfo=UTC)
    zone_data("2026f", {})

    run_until_idle(old_due)

    token = Schedule.objects.get(instance=instance)
    assert old_due + timedelta(hours=1) == token.due_at
    assert not NodeExecution.objects.filter(node_id="checklist", status="succeeded").exists()


def test_moment_that_comes_earlier_is_not_missed_by_journeys_that_start_by_a_date(vendor, couple, zone_data):
    """West of where it was expected to be, 09:00 comes later; east of it, earlier: here two hours."""
    zone_data(OLD, {ZONE: "Africa/Abidjan"})
    zones.apply(now=NOW)
    a_journey().trigger("date_based", anchor="wedding", offset="-30d", at="09:00").email("month").publish(
        vendor, now=NOW
    )
    between = datetime(2026, 11, 12, 8, 30, tzinfo=UTC)
    Watermark.objects.update_or_create(name=dates.WATERMARK, defaults={"at": between})

    zone_data("2026g", {ZONE: "Africa/Johannesburg"})
    zones.catch_up(now=between)
    made = dates.follow_dates(now=between)
    again = dates.follow_dates(now=between + timedelta(hours=2))

    assert (1, 0) == (made, again)
    assert 1 == TriggerEvent.objects.filter(type="date_based").count()


def test_command_tells_first_and_applies_when_told(instance, zone_data):
    zone_data("2026f", {})
    told, done = StringIO(), StringIO()

    call_command("zones", stdout=told)
    call_command("zones", "--apply", stdout=done)

    assert "1 steps would move" in told.getvalue()
    assert "Thu 12 Nov 2026, 09:00 to Thu 12 Nov 2026, 10:00" not in told.getvalue()
    assert f"{instance.public_id} checklist" in told.getvalue()
    assert "1 steps moved" in done.getvalue()
    assert "2026f" == zones.in_force()


def test_system_with_a_wrong_zone_computes_the_right_instant(tmp_path):
    """The machine says that Lisbon is in Tokyo; the pinned package is asked, in a process of its own."""
    wrong = tmp_path / "Europe"
    wrong.mkdir()
    (wrong / "Lisbon").write_bytes(data_of("Asia/Tokyo"))
    code = (
        "from datetime import date, time\n"
        "from journeys.language.zones import local_instant\n"
        "print(local_instant(date(2027, 6, 12), time(9), 'Europe/Lisbon').isoformat())"
    )

    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "2027-06-12T08:00:00+00:00" == said.stdout.strip()


def test_a_meeting_keeps_the_time_on_the_clock_and_everybody_is_told(vendor, couple, zone_data) -> None:
    zone_data(OLD, {ZONE: "Africa/Lagos"})  # +01 all year, as Morocco was
    zones.catch_up(now=NOW)
    call = a_call(vendor, now=NOW, time_zone=ZONE)
    three = datetime(2026, 10, 6, 10, 0, tzinfo=UTC)
    meeting = a_booking(call, couple, three, now=NOW)
    assert meeting.meant == f"2026-10-06T11:00 {ZONE}"
    send_letters(NOW)

    zone_data("2026c", {ZONE: "Africa/Abidjan"})  # +00
    zones.catch_up(now=NOW)

    meeting.refresh_from_db()
    assert (meeting.starts_at, meeting.sequence) == (datetime(2026, 10, 6, 11, 0, tzinfo=UTC), 1)
    assert meeting.ends_at - meeting.starts_at == timedelta(minutes=30)
    moved = MeetingNotice.objects.filter(kind="moved")
    assert {row.role for row in moved} == {"partner_1", "vendor"}
    zones.apply(now=NOW)
    meeting.refresh_from_db()
    assert meeting.sequence == 1
