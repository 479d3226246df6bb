"""Looking ahead, and saying why, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from channels.models import Message
from engine.models import Instance, NodeExecution, Schedule, TriggerEvent
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import AuditRecord, Client, Journey
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey(api: Caller) -> Journey:
    builder = (
        a_journey()
        .email("hello")
        .wait("breath", for_="3d")
        .condition("paid", "'deposit' in payments.received")
        .email("thanks")
    )
    return builder.publish(api.vendor, now=clock.now())


@pytest.fixture
def couple(api: Caller) -> Client:
    return a_couple(api.vendor, now=clock.now())


def simulate(api: Caller, journey: Journey, **body: Any) -> Any:
    answer = api.post(f"/api/journeys/{journey.public_id}/simulate", body)
    return answer.json() if answer.status_code == 200 else answer


def steps(way: dict[str, Any]) -> list[str]:
    return [one["step"] for one in way["calendar"]]


def test_simulating_a_client_tells_everything_and_does_nothing(
    api: Caller, journey: Journey, couple: Client
) -> None:
    deeds = AuditRecord.objects.count()

    answer = simulate(api, journey, clients=[couple.public_id])

    way = answer["couples"][0]["ways"][0]
    assert ["start", "hello", "breath", "paid", "end"] == steps(way)
    assert ["About hello"] == [one["subject"] for one in way["calendar"][1]["messages"]]
    assert "completed" == way["ends"]["result"]
    assert 1 == answer["version"]
    assert 1 == answer["sums"]["messages"]
    assert 0 == Instance.objects.count() == Message.objects.count() == NodeExecution.objects.count()
    assert 0 == TriggerEvent.objects.exclude(type="client_added").count()
    assert deeds == AuditRecord.objects.count()


def test_every_way_is_told_with_what_leads_to_it(api: Caller, journey: Journey) -> None:
    answer = simulate(api, journey, invented=[{"wedding": {"date": "2027-06-12"}}], ways="every")

    ways = answer["couples"][0]["ways"]
    assert [("no", True), ("yes", False)] == [(way["choices"][0]["port"], way["likely"]) for way in ways]
    assert "'deposit' in payments.received" in ways[0]["choices"][0]["because"]
    assert "thanks" in steps(ways[1])


def test_a_chosen_way_and_assumed_events_are_followed(api: Caller, journey: Journey) -> None:
    chosen = simulate(api, journey, invented=[{}], ways="chosen", chosen={"paid": "yes"})
    event = {
        "type": "payment_received",
        "topic": "deposit",
        "payload": {"amount": 1, "currency": "EUR"},
        "after": "1d",
    }
    heard = simulate(api, journey, invented=[{}], events=[event])

    assert "thanks" in steps(chosen["couples"][0]["ways"][0])
    assert "thanks" in steps(heard["couples"][0]["ways"][0])


def test_a_live_instance_is_followed_from_where_it_stands(
    api: Caller, journey: Journey, couple: Client
) -> None:
    now = clock.now()
    instance_start(vendor=api.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    due = Schedule.objects.get().due_at

    here = simulate(api, journey, clients=[couple.public_id])["couples"][0]["ways"][0]
    anew = simulate(api, journey, clients=[couple.public_id], begin="now")["couples"][0]["ways"][0]

    assert ["breath", "paid", "end"] == steps(here)
    assert due is not None
    assert due.isoformat() == here["calendar"][0]["at"]
    assert "hello" in steps(anew)


def test_the_draft_is_looked_at_before_anybody_publishes_it(api: Caller, journey: Journey) -> None:
    definition = a_journey().email("other").definition()
    api.patch(
        f"/api/journeys/{journey.public_id}", {"definition": definition, "revision": journey.draft_revision}
    )

    answer = simulate(api, journey, draft=True, invented=[{}])

    assert answer["version"] is None
    assert "other" in steps(answer["couples"][0]["ways"][0])


def test_all_clients_of_a_status_are_summed_up(api: Caller, journey: Journey) -> None:
    for _ in range(60):
        a_couple(api.vendor, now=clock.now())

    answer = simulate(api, journey, status="booked", texts=False, calendar=False)

    assert [] == answer["couples"]
    assert (60, 60) == (answer["sums"]["couples"], answer["sums"]["messages"])
    assert {"completed": 60} == answer["sums"]["results"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "clients"),
        ({"invented": [{"wedding": {"date": "soon"}}]}, "invented.0.wedding.date"),
        ({"invented": [{"wedding": {"zone": "Mars/Olympus"}}]}, "invented.0.wedding.zone"),
        ({"invented": [{}], "events": [{"type": "payment_received"}]}, "events.0"),
        ({"invented": [{}], "answers": "maybe"}, None),
        ({"invented": [{}], "speed": 2}, "speed"),
    ],
)
def test_what_can_not_be_simulated_is_named(
    api: Caller, journey: Journey, body: dict[str, Any], field: str | None
) -> None:
    answer = simulate(api, journey, **body)

    assert 400 == answer.status_code
    if field:
        assert field in [one.get("field") for one in answer.json()["details"]]


def test_an_instance_is_explained_step_by_step(api: Caller, journey: Journey, couple: Client) -> None:
    now = clock.now()
    instance = instance_start(
        vendor=api.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    path = f"/api/journey-engine/instances/{instance.public_id}/explain"

    before = {one["step"]: one for one in api.get(path).json()["steps"]}
    run_until_idle(now + timedelta(days=3))
    whole = api.get(path).json()
    after = {one["step"]: one for one in whole["steps"]}

    assert "sent" == before["hello"]["state"]
    assert "waiting" == before["breath"]["state"]
    assert ["It waits 3 days from when it is reached."] == before["breath"]["because"]
    assert "planned" == before["paid"]["state"]
    assert {"payments.received": []} == after["paid"]["values"]
    assert "'deposit' in payments.received led to no." in after["paid"]["because"]
    assert {"kind": "person", "sentence": "Begun by hand."}.items() <= whole["started_by"].items()
    only = api.get(f"{path}?step=paid").json()["steps"]
    assert ["paid"] == [one["step"] for one in only]
    assert 404 == api.get(f"{path}?step=nowhere").status_code


def test_a_message_is_explained_with_its_step(api: Caller, journey: Journey, couple: Client) -> None:
    now = clock.now()
    instance_start(vendor=api.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    message = Message.objects.get()

    answer = api.get(f"/api/journey-engine/messages/{message.public_id}/explain").json()

    assert ["hello"] == [one["step"] for one in answer["instance"]["steps"]]
    assert ["Sink took the message to partner 1."] == answer["because"]
