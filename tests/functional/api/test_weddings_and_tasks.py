"""Weddings and tasks over REST."""

from __future__ import annotations

from journeys.models import AuditRecord, Client
from journeys.services.tasks import task_add
from tests.functional.api.calling import WRITTEN, Caller


def test_wedding_is_moved(api: Caller, couple: Client) -> None:
    wedding = couple.weddings.get()
    path = f"/api/weddings/{wedding.public_id}"

    answer = api.post(f"{path}/reschedule", {"date": "2027-09-18", "time": "16:00"})

    assert answer.status_code == 200
    assert answer.json()["date"] == "2027-09-18"
    assert answer.json()["time"] == "16:00:00"
    assert api.get(path).json().items() <= answer.json().items()
    moved = AuditRecord.objects.get(action="wedding.moved")
    assert moved.actor == f"key:{api.key.partition('.')[0]}"


def test_wedding_is_postponed_without_a_date(api: Caller, couple: Client) -> None:
    path = f"/api/weddings/{couple.weddings.get().public_id}/reschedule"

    answer = api.post(path, {"date": None})

    assert (answer.json()["date"], answer.json()["status"]) == (None, "postponed")


def test_weddings_are_filtered_by_date(api: Caller, couple: Client) -> None:
    assert len(api.get("/api/weddings?date_from=2027-06-12&date_to=2027-06-12").json()["results"]) == 1
    assert api.get("/api/weddings?date_from=2027-06-13").json()["results"] == []
    assert len(api.get(f"/api/weddings?client_id={couple.public_id}&status=planned").json()["results"]) == 1


def test_wedding_changes_place_dates_and_people(api: Caller, couple: Client) -> None:
    wedding = couple.weddings.get()
    change = {
        "venue": "Casa Azul",
        "guest_count": 80,
        "anchors": {"gallery_delivery": "2027-07-24", "booking": None},
        "stakeholders": [{"role": "planner", "first_name": "Rita", "email": "rita@example.com"}],
    }

    answer = api.patch(f"/api/weddings/{wedding.public_id}", change)

    assert answer.status_code == 200, answer.json()
    assert answer.json()["venue"] == "Casa Azul"
    assert answer.json()["anchors"] == {"gallery_delivery": "2027-07-24"}
    assert {person["role"] for person in answer.json()["stakeholders"]} == {
        "partner_1",
        "partner_2",
        "planner",
    }


def test_task_is_finished_once(api: Caller, couple: Client) -> None:
    task = task_add(client=couple, title="Call the venue", now=WRITTEN, actor="test")
    path = f"/api/tasks/{task.public_id}"
    assert [row["id"] for row in api.get("/api/tasks?open=true").json()["results"]] == [task.public_id]

    first = api.post(f"{path}/finish")
    again = api.post(f"{path}/finish/")

    assert first.json()["done_at"] is not None
    assert first.json() == again.json() == api.get(path).json()
    assert api.get("/api/tasks?open=true").json()["results"] == []
