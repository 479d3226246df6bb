"""Forecasts of whole systems, of what can not be read, and of dates and branches that need a person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from engine.models import Instance, NodeExecution
from engine.services import dates
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph
from journeys.models import Vendor
from journeys.services.journeys import journey_create, journey_publish
from monitoring.forecast import forecast, gathering
from tests.builders import (
    ACTOR,
    END,
    a_couple,
    a_journey,
    a_net,
    a_vendor,
    pause,
    split_all,
)
from tests.drive import enter, run_until_idle
from tests.forecasts import forecasted, inside, moved_through, totals, waiting

pytestmark = pytest.mark.django_db

TEMPLATES = Path(__file__).resolve().parents[3] / "journeys" / "templates"


@pytest.fixture
def now(db: None) -> datetime:
    """A Wednesday morning in spring, in UTC."""
    return datetime(2027, 4, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


def test_the_whole_system_is_asked_for_in_parts(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "AT_ONCE", 2)
    dates.follow_dates(now=now)
    for number in range(5):
        vendor = a_vendor(now=now, name=f"Vendor {number}")
        inside(waiting(number + 1).publish(vendor, now=now), 1, now=now, ahead=20)
        by_date = a_journey().trigger("date_based", anchor="wedding", offset="-14d", at="09:00")
        by_date.publish(vendor, now=now)

    found = forecast(vendor=None, days=12, now=now)

    assert sum(day.standing for day in found.days) == 5
    assert sum(day.to_start for day in found.days) == 5
    assert sum(day.to_follow for day in found.days) == 5 + 5
    assert forecast(vendor=None, days=21, now=now).days[20].weddings == 5


def test_a_version_that_can_not_be_read_is_counted_and_holds_nothing_up(
    vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = waiting(2).publish(vendor, now=now)
    inside(gone, 3, now=now)
    inside(waiting(4).publish(vendor, now=now), 1, now=now)
    read = gathering.graph_of

    def broken(version_id: int) -> Graph:
        if version_id == gone.current_version_id:
            raise DefinitionInvalid([])
        return read(version_id)

    monkeypatch.setattr(gathering, "graph_of", broken)

    found = forecast(vendor=vendor, days=10, now=now)

    assert (found.unreadable, totals(found)) == (1, {date(2027, 4, 18): 2})


def test_dates_in_the_couples_own_data_count_only_for_steps_that_stand(vendor: Vendor, now: datetime) -> None:
    builder = a_journey().variable("shoot", kind="text", default="2027-04-20")
    fact = {"kind": "fact", "path": "variables.shoot", "offset": "0d", "at": "09:00"}
    journey = builder.wait("first", **fact).wait("again", **{**fact, "offset": "1d"}).publish(vendor, now=now)
    inside(journey, 1, now=now)

    assert totals(forecast(vendor=vendor, days=10, now=now)) == {date(2027, 4, 20): 1}


def test_a_branch_that_needs_a_person_is_waited_for_only_where_the_merge_says_so(
    vendor: Vendor, now: datetime
) -> None:
    late = {"when": {"kind": "anchor", "offset": "-90d"}, "late": {"rule": "ask"}}
    for failed in ("go_on", "wait"):
        net = a_net(
            {
                "rest": pause("1d"),
                "ways": split_all("left", "right"),
                "asks": ("action", {"do": [{"kind": "add_tag", "tag": "a"}], **late}),
                "plain": pause("2d"),
                "together": ("merge", {"split": "ways", "failed": failed}),
                "end": END,
            },
            "start>rest",
            "rest>ways",
            "ways.left>asks",
            "ways.right>plain",
            "asks>together",
            "plain>together",
            "together>end",
        )
        other = a_vendor(now=now, name=failed)
        inside(net.publish(other, now=now), 1, now=now, ahead=30)

        later = now + timedelta(minutes=1)

        found = forecast(vendor=other, days=10, now=later)

        assert forecasted(found) == moved_through(later, 10)
        Instance.objects.all().delete()
        NodeExecution.objects.all().delete()


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("dj_band", 0),
        ("month_of_coordinator", 0),
        ("late_booking", 0),
        ("caterer", 1),
        ("florist", 1),
        ("photographer_full_service", 1),
        ("venue", 1),
    ],
)
def test_ready_made_journeys_differ_by_no_more_than_their_choices(
    vendor: Vendor, now: datetime, name: str, choices: int
) -> None:
    content = yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8"))
    definition = content["definition"]
    journey = journey_create(vendor=vendor, name=name, definition=definition, now=now, actor=ACTOR)
    journey_publish(journey=journey, now=now, actor=ACTOR)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=100))
    if not couple.instances.exists():
        journey.refresh_from_db()
        enter(journey, couple, now=now)
    run_until_idle(now)
    later = now + timedelta(minutes=1)

    found = totals(forecast(vendor=vendor, days=160, now=later))

    happened = {day: sum(queues.values()) for day, queues in moved_through(later, 160).items()}
    assert found.keys() == happened.keys()
    assert max(abs(found[day] - happened[day]) for day in found) <= choices
