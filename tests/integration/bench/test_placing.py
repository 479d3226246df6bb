"""Couples that the bench puts at the start of a journey, and how it takes everything away again."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection

from bench import definitions, filling, people
from bench.placing import clear, place
from engine.models import Heartbeat, Instance, Schedule
from engine.services import heartbeats
from engine.services.instances import wedding_start
from journeys.models import Client, Vendor
from journeys.selectors import main_wedding

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def statements_go_to_the_tests_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bench writes by statements of its own goes where these tests read."""
    own = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    monkeypatch.setenv("DATABASE_URL", own.geturl())


def test_copies_stand_where_the_first_stands_each_for_its_own_couple(now: datetime) -> None:
    # Given
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, 30, now=now)
    journey = people.publish(definitions.FIRST_STEP, vendor, now=now)
    due = [now + timedelta(seconds=number) for number in range(30)]
    # When
    ids = place(journey, couples, due=due)
    # Then
    found = Schedule.objects.select_related("instance").order_by("id")
    assert [one.instance_id for one in found] == ids
    assert [one.instance.client_id for one in found] == [couple.id for couple in couples]
    weddings = [main_wedding(couple) for couple in couples]
    assert [one.instance.wedding_id for one in found] == [wedding.id for wedding in weddings if wedding]
    assert [(one.due_at, one.placed_at, one.instance.started_at) for one in found] == [
        (moment, moment, moment) for moment in due
    ]
    assert [one.wedding_at for one in found] == list(map(wedding_start, weddings))
    assert {(one.node_id, one.state, one.instance.status) for one in found} == {
        ("start", "waiting", "active")
    }
    assert all(one.instance.variables == {} for one in found)


def test_couples_can_be_placed_again_once_they_were_cleared(now: datetime) -> None:
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, 25, now=now)
    journey = people.publish(definitions.EMPTY, vendor, now=now)
    first = place(journey, couples, due=[now] * 25)

    clear(journey)
    second = place(journey, couples, due=[now] * 25)

    assert not set(first) & set(second)
    assert Schedule.objects.count() == 25
    assert Instance.objects.filter(status=Instance.Status.ACTIVE).count() == 25


def test_emptying_leaves_those_on_record_who_are_at_work(now: datetime) -> None:
    people.make_couples(people.make_vendor(now=now), 2, now=now)
    heartbeats.beat("worker:steps")

    filling.empty(at_work=True)

    assert Heartbeat.objects.filter(name="worker:steps").exists()
    assert not Client.objects.exists()
    assert not Vendor.objects.exists()


def test_emptying_takes_everything_where_nobody_is_at_work(now: datetime) -> None:
    people.make_vendor(now=now)
    heartbeats.beat("worker:steps")

    filling.empty()

    assert not Vendor.objects.exists()
    assert not Heartbeat.objects.exists()
