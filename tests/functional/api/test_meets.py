"""Meetings, reviews and referrals over the API."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from engine.models import Meeting, Review
from engine.places import Place
from engine.services.asking import ask_note
from engine.services.instances import instance_start
from engine.services.reviews import review_of
from journeys import clock
from journeys.models import Client
from tests.builders import ACTOR, a_journey
from tests.functional.api.calling import WRITTEN, Caller

CALL = {"key": "final-call", "title": "Final call", "hours": {"every": ["09:00", "12:00"]}, "notice_hours": 0}


@pytest.fixture(autouse=True)
def _at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: WRITTEN)


@pytest.fixture
def call(api: Caller) -> dict[str, Any]:
    answer = api.post("/api/meetings/types", CALL)
    assert 201 == answer.status_code, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def times(api: Caller, call: dict[str, Any]) -> list[str]:
    answer = api.get(f"/api/meetings/types/{call['id']}/times?date_from=2027-04-15&date_to=2027-04-15")
    assert "Europe/Lisbon" == answer.json()["time_zone"]
    found: list[str] = answer.json()["times"]
    return found


def booked(api: Caller, call: dict[str, Any], couple: Client, starts_at: str, **more: Any) -> dict[str, Any]:
    body = {"type_id": call["id"], "client_id": couple.public_id, "starts_at": starts_at, **more}
    answer = api.post("/api/meetings", body)
    assert 201 == answer.status_code, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_free_times_are_listed(times: list[str]) -> None:
    assert ["2027-04-15T08:00:00Z", "2027-04-15T08:30:00Z"] == times[:2]
    assert 6 == len(times)


def test_a_meeting_is_booked_moved_and_cancelled(
    api: Caller, call: dict[str, Any], couple: Client, times: list[str]
) -> None:
    meeting = booked(api, call, couple, times[0], anchor="final_call", reminders=["2h"], roles=["partner_1"])

    assert ("booked", "final-call", couple.public_id) == (
        meeting["status"],
        meeting["type_key"],
        meeting["client_id"],
    )
    assert [("invitation", "partner_1"), ("invitation", "vendor"), ("reminder", "partner_1")] == [
        (one["kind"], one["role"]) for one in meeting["notices"]
    ]
    address = f"/api/meetings/{meeting['id']}"
    moved = api.post(f"{address}/move", {"starts_at": times[2]}).json()
    assert times[2] == moved["starts_at"]
    assert date(2027, 4, 15) == couple.weddings.get().anchors.get(name="final_call").date
    assert [meeting["id"]] == [one["id"] for one in api.get("/api/meetings?status=booked").json()["results"]]
    assert [] == api.get("/api/meetings?starts_from=2027-05-01T00:00:00Z").json()["results"]

    for _ in range(2):
        assert "cancelled" == api.post(f"{address}/cancel").json()["status"]
    assert 409 == api.post(f"{address}/move", {"starts_at": times[0]}).status_code
    assert "not_booked" == api.post(f"{address}/missed").json()["code"]


def test_a_time_is_given_once(api: Caller, call: dict[str, Any], couple: Client, times: list[str]) -> None:
    booked(api, call, couple, times[0])
    body = {"type_id": call["id"], "client_id": couple.public_id, "starts_at": times[0]}

    answer = api.post("/api/meetings", body)

    assert (409, "slot_taken") == (answer.status_code, answer.json()["code"])
    assert times[0] not in api.get(f"/api/meetings/types/{call['id']}/times").json()["times"]


def test_a_vendor_may_book_outside_of_its_hours_and_never_on_top_of_another(
    api: Caller, call: dict[str, Any], couple: Client
) -> None:
    evening = "2027-04-15T19:00:00Z"
    body = {"type_id": call["id"], "client_id": couple.public_id, "starts_at": evening}

    assert "slot_taken" == api.post("/api/meetings", body).json()["code"]
    booked(api, call, couple, evening, any_hour=True)
    assert "slot_taken" == api.post("/api/meetings", {**body, "any_hour": True}).json()["code"]


def test_the_same_request_books_once(
    api: Caller, call: dict[str, Any], couple: Client, times: list[str]
) -> None:
    body = {"type_id": call["id"], "client_id": couple.public_id, "starts_at": times[0]}

    first = api.post("/api/meetings", body, **{"Idempotency-Key": "once"})
    second = api.post("/api/meetings", body, **{"Idempotency-Key": "once"})

    assert (201, 201) == (first.status_code, second.status_code)
    assert first.json() == second.json()
    assert 1 == Meeting.objects.count()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"key": "Final Call"}, "key"),
        ({"title": " "}, "title"),
        ({"minutes": 1}, "minutes"),
        ({"minutes": "30"}, "minutes"),
        ({"hours": {"fri": ["18:00", "09:00"]}}, "hours"),
        ({"closed_days": ["soon"]}, "closed_days"),
        ({"horizon_days": 4000}, "horizon_days"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_kind_of_meeting_is_checked(api: Caller, wrong: dict[str, Any], field: str) -> None:
    answer = api.post("/api/meetings/types", {**CALL, **wrong})

    assert 400 == answer.status_code
    assert field in {one["field"].partition(".")[0] for one in answer.json()["details"]}, answer.json()


def test_a_kind_of_meeting_is_changed_and_removed(api: Caller, call: dict[str, Any]) -> None:
    address = f"/api/meetings/types/{call['id']}"

    changed = api.patch(address, {"time_zone": "America/New_York", "minutes": 60})
    assert ("America/New_York", 60) == (changed.json()["time_zone"], changed.json()["minutes"])
    assert 400 == api.patch(address, {"time_zone": "Mars/North"}).status_code
    assert 409 == api.post("/api/meetings/types", CALL).status_code
    assert 204 == api.delete(address).status_code
    assert [] == api.get("/api/meetings/types").json()["results"]


@pytest.mark.parametrize("starts_at", ["9999-12-31T23:00:00Z", "0001-01-01T00:00:00Z"])
def test_times_beyond_the_calendar_are_refused(
    api: Caller, call: dict[str, Any], couple: Client, starts_at: str
) -> None:
    body = {"type_id": call["id"], "client_id": couple.public_id, "starts_at": starts_at, "any_hour": True}

    assert 400 == api.post("/api/meetings", body).status_code
    times = api.get(f"/api/meetings/types/{call['id']}/times?date_from={starts_at[:10]}&date_to=9999-12-31")
    assert 200 == times.status_code


def a_review(couple: Client, now: datetime) -> Review:
    journey = a_journey().email("hello").publish(couple.vendor, now=now)
    instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    ask = ask_note(place=Place(instance.public_id, "review", "", 1), kind="review", reminder=0, now=now)
    assert ask is not None
    return review_of(ask=ask, now=now)


def test_reviews_are_listed_by_how_far_they_are(api: Caller, couple: Client) -> None:
    review = a_review(couple, WRITTEN)

    (found,) = api.get("/api/reviews?status=asked").json()["results"]
    assert (review.public_id, "asked", WRITTEN.isoformat().replace("+00:00", "Z")) == (
        found["id"],
        found["status"],
        found["asked_at"],
    )
    assert [] == api.get("/api/reviews?status=done").json()["results"]

    for _ in range(2):
        assert "done" == api.post(f"/api/reviews/{review.public_id}/done").json()["status"]
    assert "vendor" == api.get(f"/api/reviews/{review.public_id}").json()["done_by"]
    assert [] == api.get("/api/reviews?status=asked").json()["results"]
    assert 1 == len(api.get(f"/api/reviews?status=done&client_id={couple.public_id}").json()["results"])


def test_a_reported_review_counts_as_written(api: Caller, couple: Client) -> None:
    a_review(couple, WRITTEN - timedelta(days=1))
    event = {
        "type": "review_received",
        "event_id": "google-1",
        "client_id": couple.public_id,
        "topic": "google",
        "payload": {"rating": 5},
    }

    assert api.post("/api/journeys/trigger", event).status_code < 300

    assert "done" == api.get("/api/reviews?status=done").json()["results"][0]["status"]


def test_review_pages_are_set_whole(api: Caller) -> None:
    links = {"google": "https://g.page/r/luz", "theknot": "https://www.theknot.com/luz"}

    assert {"links": links} == api.put("/api/reviews/settings", {"links": links}).json()
    assert {"links": links} == api.get("/api/reviews/settings").json()
    answer = api.put("/api/reviews/settings", {"links": {"google": "http://g.page"}})
    assert 400 == answer.status_code
    assert "google" in {one["field"] for one in answer.json()["details"]}
    assert {"links": links} == api.get("/api/reviews/settings").json()


def test_a_link_is_made_once_switched_and_counted(api: Caller, couple: Client) -> None:
    first = api.post("/api/referrals", {"client_id": couple.public_id})
    second = api.post("/api/referrals", {"client_id": couple.public_id})

    assert (201, 201) == (first.status_code, second.status_code)
    assert first.json() == second.json()
    assert (0, 0, True) == (first.json()["visits"], first.json()["leads"], first.json()["is_active"])
    address = f"/api/referrals/{first.json()['id']}"
    assert api.patch(address, {"is_active": False}).json()["is_active"] is False
    assert 1 == len(api.get(f"/api/referrals?client_id={couple.public_id}").json()["results"])
    assert [] == api.get("/api/referrals/leads").json()["results"]


def test_the_referral_page_speaks_the_vendors_words(api: Caller) -> None:
    usual = api.get("/api/referrals/settings").json()
    changed = api.put("/api/referrals/settings", {"title": "Come in"}).json()

    assert {**usual, "title": "Come in"} == changed
    assert 400 == api.put("/api/referrals/settings", {"title": "x" * 121}).status_code
