"""The forecast over REST."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from journeys import clock
from journeys.language.zones import local_time
from journeys.models import Vendor
from monitoring.api import forecasts
from tests.builders import a_couple, a_journey
from tests.drive import enter, run_until_idle
from tests.functional.api.calling import Caller

FORECAST = "/api/journey-engine/forecast"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


def test_forecast_names_the_days_the_queues_and_what_it_leaves_out(
    api: Caller, vendor: Vendor, now: datetime
) -> None:
    journey = a_journey().wait("rest", for_="3d").publish(vendor, now=now)
    enter(journey, a_couple(vendor, now=now, wedding_in=timedelta(days=5)), now=now)
    run_until_idle(now)

    answer = api.get(f"{FORECAST}?days=7")

    assert answer.status_code == 200, answer.json()
    found = answer.json()
    then = local_time(now + timedelta(days=3), vendor.time_zone).date().isoformat()
    (busy,) = [day for day in found["days"] if day["total"]]
    assert (busy["date"], busy["standing"], busy["to_start"], busy["to_follow"]) == (then, 1, 0, 1)
    assert busy["queues"] == {"critical": 0, "high": 2, "medium": 0, "low": 0}
    assert (len(found["days"]), found["peaks"], found["time_zone"]) == (7, [then], "Europe/Lisbon")
    assert [one["queue"] for one in found["queues"]] == ["critical", "high", "medium", "low"]
    assert found["left_out"] == {"paused": 0, "parked": 0, "open_ended": 0, "unreadable": 0}
    assert found["measured"]["steps"] == 1


def test_forecast_is_of_60_days_where_nothing_is_said(api: Caller) -> None:
    assert len(api.get(FORECAST).json()["days"]) == 60


def test_a_stranger_sees_nothing_of_it(api: Caller, stranger: Caller, vendor: Vendor, now: datetime) -> None:
    journey = a_journey().wait("rest", for_="3d").publish(vendor, now=now)
    enter(journey, a_couple(vendor, now=now, wedding_in=timedelta(days=5)), now=now)
    run_until_idle(now)

    found = stranger.get(f"{FORECAST}?days=7").json()

    assert {(day["total"], day["weddings"]) for day in found["days"]} == {(0, 0)}
    assert found["measured"] == {"steps": 0, "mean_ms": {}}


@pytest.mark.parametrize("query", ["days=0", "days=401", "days=-3", "days=two", "days=", "day=3", "days=1.5"])
def test_a_wrong_number_of_days_is_refused_by_name(api: Caller, query: str) -> None:
    answer = api.get(f"{FORECAST}?{query}")

    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == query.partition("=")[0]


def test_one_forecast_of_a_vendor_is_made_at_a_time(
    api: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, meanwhile = forecasts.forecast, []

    def slow(**given: Any) -> Any:
        if not meanwhile:
            meanwhile.append(None)
            meanwhile[:] = [api.get(FORECAST), stranger.get(FORECAST)]
        return made(**given)

    monkeypatch.setattr(forecasts, "forecast", slow)

    answers = [api.get(FORECAST), *meanwhile, api.get(FORECAST)]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 200]
    assert answers[1].headers["Retry-After"] == "2"


def test_a_forecast_that_breaks_leaves_the_way_free(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_given: Any) -> Any:
        message = "It broke."
        raise RuntimeError(message)

    with monkeypatch.context() as breaking:
        breaking.setattr(forecasts, "forecast", broken)
        assert api.get(FORECAST).status_code == 500

    assert api.get(FORECAST).status_code == 200
