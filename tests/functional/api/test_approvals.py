"""Approvals and contact rules, as an integration uses them."""

from __future__ import annotations

from datetime import datetime

import pytest

from channels.models import Message
from journeys import clock
from journeys.models import Client, Vendor
from journeys.services.clients import client_change
from tests.builders import ACTOR
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller
from tests.functional.api.waiting import an_approval

PATH = "/api/journey-engine/approvals"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


def test_what_waits_is_listed_word_for_word(api: Caller, vendor: Vendor, now: datetime) -> None:
    approval = an_approval(vendor, now=now)

    rows = api.get(f"{PATH}?status=pending").json()["results"]

    assert [approval.public_id] == [row["id"] for row in rows]
    row = rows[0]
    assert ("note", "note", "transactional", "pending") == (
        row["node_id"],
        row["step_name"],
        row["purpose"],
        row["status"],
    )
    assert "Dear Inês" == row["copies"][0]["body"]
    assert row["edited"] is False
    for query in (f"client_id={row['client_id']}", f"journey_id={row['journey_id']}", "status=approved"):
        found = api.get(f"{PATH}?{query}").json()["results"]
        assert ("status" not in query) == bool(found)


def test_it_is_edited_approved_and_sent(api: Caller, vendor: Vendor, now: datetime) -> None:
    approval = an_approval(vendor, now=now)
    path = f"{PATH}/{approval.public_id}"

    edited = api.patch(path, {"copies": [{"role": "partner_1", "body": "In my own words"}]})
    answer = api.post(f"{path}/approve", {"note": "Better so"})
    again = api.post(f"{path}/approve", {})

    assert (200, True, "pending") == (edited.status_code, edited.json()["edited"], edited.json()["status"])
    assert (200, "approved", "Better so") == (
        answer.status_code,
        answer.json()["status"],
        answer.json()["note"],
    )
    assert (409, "decided") == (again.status_code, again.json()["code"])
    run_until_idle(clock.now())
    assert Message.objects.get().body_text.startswith("In my own words")


def test_it_is_rejected(api: Caller, vendor: Vendor, now: datetime) -> None:
    approval = an_approval(vendor, now=now)

    answer = api.post(f"{PATH}/{approval.public_id}/reject", {"note": "Not now"})
    run_until_idle(clock.now())

    assert (200, "rejected") == (answer.status_code, answer.json()["status"])
    assert 0 == Message.objects.count()


def test_many_are_decided_at_once(api: Caller, vendor: Vendor, now: datetime) -> None:
    ids = [an_approval(vendor, now=now).public_id for _ in range(2)]

    answer = api.post(f"{PATH}/bulk", {"action": "approve", "ids": [*ids, "apr_nobody"]})
    again = api.post(f"{PATH}/bulk", {"action": "reject", "ids": ids})

    assert [True, True, False] == [row["ok"] for row in answer.json()["results"]]
    assert "not_found" == answer.json()["results"][2]["code"]
    assert {"decided"} == {row["code"] for row in again.json()["results"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"copies": [{"role": "florist", "body": "Hello"}]}, 400, "bad_recipient"),
        ({"copies": [{"role": "partner_1", "body": " \n "}]}, 400, "validation_error"),
        ({"copies": [{"role": "partner_1", "text": "Hello"}]}, 400, "validation_error"),
        ({"copies": [{"role": "Partner 1"}]}, 400, "validation_error"),
    ],
)
def test_edits_that_can_not_be_used_are_refused(
    api: Caller, vendor: Vendor, now: datetime, body: dict, status: int, code: str
) -> None:
    approval = an_approval(vendor, now=now)

    answer = api.post(f"{PATH}/{approval.public_id}/approve", body)

    assert status == answer.status_code, answer.content
    assert code == answer.json()["code"] or code == "validation_error"
    approval.refresh_from_db()
    assert "pending" == approval.status


def test_contact_rules_are_read_with_their_defaults_and_replaced(api: Caller) -> None:
    before = api.get("/api/contact-rules").json()
    answer = api.patch(
        "/api/contact-rules",
        {"contact_rules": {"spacing": {"hours": 6}}, "sending_hours": {"every": ["09:00", "19:00"]}},
    )

    assert {"quiet_hours": {"sms": []}} == before["contact_rules"]
    assert {"sms": [], "email": []} == before["effective"]["quiet_hours"]
    assert 200 == answer.status_code
    assert 6 == answer.json()["effective"]["spacing"]["hours"]
    assert ["21:00", "08:00"] == answer.json()["effective"]["quiet_hours"]["sms"]
    assert {"spacing": {"hours": 6}} == api.get("/api/contact-rules").json()["contact_rules"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"contact_rules": {"spacing": {"hours": -1}}}, "spacing.hours"),
        ({"contact_rules": {"blackuot": {}}}, "blackuot"),
        ({"sending_hours": {"someday": []}}, "no day"),
        ({"quiet": []}, "quiet"),
    ],
)
def test_contact_rules_that_can_not_be_read_are_refused(api: Caller, body: dict, said: str) -> None:
    answer = api.patch("/api/contact-rules", body)

    assert 400 == answer.status_code
    assert said in answer.content.decode()


def test_people_say_how_and_when_they_are_written_to(api: Caller) -> None:
    answer = api.post(
        "/api/clients",
        {
            "display_name": "Ana & Tom",
            "quiet_hours": ["22:00", "07:00"],
            "approve_all": True,
            "partners": [{"first_name": "Ana", "email": "ana@example.com", "channel": "sms"}],
            "stakeholders": [{"role": "planner", "first_name": "Rita", "quiet_hours": []}],
        },
    )

    assert 201 == answer.status_code, answer.content
    client = answer.json()
    assert (["22:00", "07:00"], True) == (client["quiet_hours"], client["approve_all"])
    people = {one["role"]: one for one in client["weddings"][0]["stakeholders"]}
    assert ("sms", None) == (people["partner_1"]["channel"], people["partner_1"]["quiet_hours"])
    assert [] == people["planner"]["quiet_hours"]
    changed = api.patch(f"/api/clients/{client['id']}", {"quiet_hours": None, "approve_all": False}).json()
    assert (None, False) == (changed["quiet_hours"], changed["approve_all"])


@pytest.mark.parametrize("hours", [["22:00"], ["22:00", "22:00"], ["late", "early"], "night"])
def test_quiet_hours_that_can_not_be_read_are_refused(api: Caller, couple: Client, hours: object) -> None:
    answer = api.patch(f"/api/clients/{couple.public_id}", {"quiet_hours": hours})

    assert 400 == answer.status_code
    client_change(client=couple, quiet_hours=["21:00", "08:00"], now=clock.now(), actor=ACTOR)


def test_coming_messages_are_asked_about_ahead(api: Caller) -> None:
    assert {"asked": 0} == api.post(f"{PATH}/prepare", {"days": 7}).json()
    assert 400 == api.post(f"{PATH}/prepare", {"days": 31}).status_code
