"""Clients over REST."""

from __future__ import annotations

from typing import Any

from journeys.api.views.clients import EXAMPLE
from journeys.models import Client
from tests.functional.api.calling import Caller


def test_client_is_added_with_wedding_and_people(api: Caller) -> None:
    answer = api.post("/api/clients", EXAMPLE)

    assert answer.status_code == 201, answer.json()
    client = answer.json()
    assert client["display_name"] == "Ana & Tom"
    assert client["tags"] == ["outdoor"]
    assert client["fields"] == {"package": "Full day"}
    wedding = client["weddings"][0]
    assert wedding["date"] == "2027-06-12"
    assert wedding["anchors"]["engagement_shoot"] == "2027-03-20"
    assert sorted(person["role"] for person in wedding["stakeholders"]) == [
        "partner_1",
        "partner_2",
        "planner",
    ]


def test_client_is_read_and_changed(api: Caller, couple: Client) -> None:
    path = f"/api/clients/{couple.public_id}"
    change: dict[str, Any] = {"status": "done", "tags": ["album"], "fields": {"package": "Half day"}}

    first = api.patch(path, change)
    again = api.patch(path, change)

    assert first.status_code == 200
    assert first.json() == again.json() == api.get(path + "/").json()
    assert first.json()["tags"] == ["album"]
    assert first.json()["status"] == "done"


def test_clients_are_filtered(api: Caller, couple: Client) -> None:
    api.post("/api/clients", {"display_name": "Kim & Lee", "status": "lead"})

    def found(query: str) -> list[str]:
        return [row["display_name"] for row in api.get(f"/api/clients?{query}").json()["results"]]

    assert found("") == ["Kim & Lee", "Ana & Tom"]
    assert found("status=booked") == ["Ana & Tom"]
    assert found("tag=outdoor") == ["Ana & Tom"]
    assert found("email=ANA@example.com") == ["Ana & Tom"]
    assert found("external_ref=crm-1") == ["Ana & Tom"]
    assert found("status=lead&tag=outdoor") == []


def test_list_of_clients_takes_the_same_number_of_queries_however_long(
    api: Caller, couple: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        api.post("/api/clients", EXAMPLE | {"external_ref": f"x-{number}"})

    with django_assert_max_num_queries(10):
        rows = api.get("/api/clients").json()["results"]

    assert len(rows) == 6


def test_same_external_ref_is_a_conflict(api: Caller, couple: Client) -> None:
    answer = api.post("/api/clients", {"display_name": "Ana", "external_ref": "crm-1"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "duplicate_external_ref"
