"""Events, instances, tickets and figures over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.models import Instance, InterventionTicket, QueueControl, Schedule, TriggerEvent
from journeys import clock
from journeys.models import Client, Journey, Vendor
from tests.builders import a_couple, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller

INSTANCES = "/api/journey-engine/instances"
TICKETS = "/api/journey-engine/tickets"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def waiting(vendor: Vendor, now: datetime) -> Journey:
    """A letter, three days, another letter."""
    return a_journey().email("hello").wait("pause", for_="3d").email("more").publish(vendor, now=now)


@pytest.fixture
def failing(vendor: Vendor, now: datetime) -> Journey:
    """A letter that lacks what it names."""
    body = "About {% if client.fields.album %}{{ client.fields.album }}{% else %}{{ variables.album }}{% endif %}"
    return a_journey().variable("album").email("album", body=body).publish(vendor, now=now, name="Album")


def start(api: Caller, journey: Journey, couple: Client, **more: Any) -> Any:
    return api.post(INSTANCES, {"journey_id": journey.public_id, "client_id": couple.public_id} | more)


def ticket_of(api: Caller, journey: Journey, couple: Client) -> InterventionTicket:
    answer = start(api, journey, couple, variables={"album": ""})
    assert answer.status_code == 201, answer.json()
    run_until_idle(clock.now())
    return InterventionTicket.objects.get()


def test_instance_is_started_and_shows_where_it_stands(api: Caller, waiting: Journey, couple: Client) -> None:
    answer = start(api, waiting, couple, vendor_id=api.vendor.public_id)
    assert answer.status_code == 201, answer.json()
    run_until_idle(clock.now())

    path = f"{INSTANCES}/{answer.json()['id']}"
    instance = api.get(path).json()

    assert instance["status"] == "active"
    assert instance["client_name"] == "Inês & Tomás"
    assert [place["node_id"] for place in instance["schedules"]] == ["pause"]
    assert [row["node_id"] for row in instance["executions"]] == ["hello", "start"]
    listed = api.get(f"{INSTANCES}?status=active&journey_id={waiting.public_id}").json()["results"]
    assert [row["id"] for row in listed] == [instance["id"]]
    assert api.get(f"{INSTANCES}?client_id=cli_other").json()["results"] == []


def test_second_start_is_a_conflict(api: Caller, waiting: Journey, couple: Client) -> None:
    start(api, waiting, couple)

    answer = start(api, waiting, couple)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_active")
    assert Instance.objects.count() == 1


def test_instance_of_another_vendors_client_or_journey_is_not_found(
    api: Caller, stranger: Caller, waiting: Journey, couple: Client, now: datetime
) -> None:
    other = a_couple(stranger.vendor, now=now)

    assert start(api, waiting, other).status_code == 404
    assert start(stranger, waiting, other).status_code == 404
    assert start(api, waiting, couple, vendor_id=stranger.vendor.public_id).status_code == 404
    assert not Instance.objects.exists()


def test_unknown_variable_is_named(api: Caller, waiting: Journey, couple: Client) -> None:
    answer = start(api, waiting, couple, variables={"colour": "blue"})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_variable")
    assert [one["field"] for one in answer.json()["details"]] == ["variables.colour"]


def test_instance_is_paused_resumed_and_cancelled(api: Caller, waiting: Journey, couple: Client) -> None:
    path = f"{INSTANCES}/{start(api, waiting, couple).json()['id']}"

    paused = api.post(f"{path}/pause", {"reason": "They asked for quiet"})
    paused_again = api.post(f"{path}/pause/")
    resumed = api.post(f"{path}/resume")
    nothing = api.post(f"{path}/retry")
    cancelled = api.post(f"{path}/cancel")
    too_late = api.post(f"{path}/resume")

    assert (paused.json()["status"], paused.json()["reason"]) == ("paused", "They asked for quiet")
    assert paused_again.json()["status"] == "paused"
    assert resumed.json()["status"] == "active"
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retry")
    assert (cancelled.json()["status"], cancelled.json()["schedules"]) == ("cancelled", [])
    assert (too_late.status_code, too_late.json()["code"]) == (409, "ended")


def test_many_are_paused_at_once_and_each_tells_what_became_of_it(
    api: Caller, stranger: Caller, waiting: Journey, vendor: Vendor, now: datetime
) -> None:
    ids = [start(api, waiting, a_couple(vendor, now=now)).json()["id"] for _ in range(3)]
    api.post(f"{INSTANCES}/{ids[2]}/cancel")

    answer = api.post(f"{INSTANCES}/bulk", {"action": "pause", "ids": [*ids, ids[0], "ins_unknown"]})
    foreign = stranger.post(f"{INSTANCES}/bulk", {"action": "cancel", "ids": ids})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [row["ok"] for row in results] == [True, True, False, False]
    assert [row["code"] for row in results[2:]] == ["ended", "not_found"]
    assert {row["code"] for row in foreign.json()["results"]} == {"not_found"}
    assert Instance.objects.filter(status="paused").count() == 2


def test_executions_are_listed_in_pages(api: Caller, waiting: Journey, couple: Client) -> None:
    instance = start(api, waiting, couple).json()["id"]
    run_until_idle(clock.now())
    path = "/api/journey-engine/executions"

    whole = api.get(f"{path}?instance_id={instance}").json()["results"]
    first = api.get(f"{path}?limit=1").json()
    second = api.get(f"{path}?limit=1&after={first['next']}").json()

    assert [row["node_id"] for row in whole] == ["hello", "start"]
    assert first["results"] + second["results"] == whole
    assert second["next"] is None
    assert api.get(f"{path}?node_id=start&status=succeeded").json()["results"] == whole[1:]
    assert api.get(f"{path}?instance_id=ins_unknown").status_code == 404


def test_event_starts_a_journey_once(api: Caller, vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().trigger("payment_received", kind="deposit").email("thanks").publish(vendor, now=now)
    event = {
        "type": "payment_received",
        "event_id": "pay-1",
        "client_id": couple.public_id,
        "topic": "deposit",
        "payload": {"amount": 600},
    }

    first = api.post("/api/journeys/trigger", event)
    again = api.post("/api/journeys/trigger/", event)
    reused = api.post("/api/journeys/trigger", event | {"topic": "final"})

    assert first.status_code == 201, first.json()
    assert [row["outcome"] for row in first.json()["outcomes"]] == ["started"]
    assert first.json()["outcomes"][0]["journey"] == journey.public_id
    assert (again.status_code, again.json()) == (200, first.json())
    assert (reused.status_code, reused.json()["code"]) == (409, "event_id_reused")
    assert Instance.objects.count() == 1


def test_event_without_an_id_gets_one_and_is_in_the_log(api: Caller, couple: Client) -> None:
    made = api.post("/api/journeys/trigger", {"type": "manual", "client_id": couple.public_id})

    assert made.status_code == 201
    assert made.json()["event_id"]
    log = api.get(f"/api/journeys/trigger?client_id={couple.public_id}&type=manual").json()["results"]
    assert log == [made.json()]
    assert api.get("/api/journeys/trigger?client_id=cli_unknown").json()["results"] == []


def test_event_keeps_the_time_at_which_it_happened(api: Caller, couple: Client) -> None:
    event = {"type": "manual", "client_id": couple.public_id, "occurred_at": "2026-01-02T03:04:05+01:00"}

    made = api.post("/api/journeys/trigger", event)

    assert made.json()["occurred_at"] == "2026-01-02T02:04:05Z"
    assert TriggerEvent.objects.filter(type="manual").count() == 1


def test_ticket_is_listed_and_skipped_once(api: Caller, failing: Journey, couple: Client) -> None:
    ticket = ticket_of(api, failing, couple)
    path = f"{TICKETS}/{ticket.public_id}"

    listed = api.get(f"{TICKETS}?status=open&level=support").json()["results"]
    skipped = api.post(f"{path}/skip")
    again = api.post(f"{path}/skip")

    assert [row["id"] for row in listed] == [ticket.public_id]
    assert listed[0]["code"] == "text_incomplete"
    assert (skipped.json()["status"], skipped.json()["resolution"]) == ("resolved", "skip")
    assert skipped.json()["resolved_by"].startswith("key:")
    assert (again.status_code, again.json()["code"]) == (409, "resolved")
    assert api.get(f"{TICKETS}?status=open").json()["results"] == []


@pytest.mark.parametrize(("deed", "status"), [("retry", "active"), ("cancel", "cancelled")])
def test_ticket_is_retried_or_cancelled(
    api: Caller, failing: Journey, couple: Client, deed: str, status: str
) -> None:
    ticket = ticket_of(api, failing, couple)

    answer = api.post(f"{TICKETS}/{ticket.public_id}/{deed}")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["resolution"] == deed
    assert Instance.objects.get().status == status
    worked = answer.json()
    assert worked.pop("work") == {"done": 1, "refused": [], "left": 0}
    assert api.get(f"{TICKETS}/{ticket.public_id}").json() == worked


def test_errors_are_listed(api: Caller, failing: Journey, couple: Client) -> None:
    ticket = ticket_of(api, failing, couple)
    instance = ticket.lines.get().instance.public_id

    rows = api.get(f"/api/journey-engine/errors?instance_id={instance}&error_class=user").json()["results"]

    assert [row["code"] for row in rows] == ["text_incomplete"]
    assert rows[0]["instance_id"] == instance


def test_time_line_tells_what_was_and_what_comes(api: Caller, waiting: Journey, couple: Client) -> None:
    instance = start(api, waiting, couple).json()["id"]
    run_until_idle(clock.now())

    entries = api.get(f"{INSTANCES}/{instance}/timeline").json()["entries"]

    states = {entry["node_id"]: entry["state"] for entry in entries}
    assert states == {
        "start": "done",
        "hello": "done",
        "pause": "planned",
        "more": "planned",
        "end": "planned",
    }
    sent = next(entry for entry in entries if entry["node_id"] == "hello")["messages"]
    assert [message["recipient_role"] for message in sent] == ["partner_1"]


@pytest.mark.parametrize("timeframe", ["", "?timeframe=5m", "?timeframe=24h", "?timeframe=90d"])
def test_metrics_count_what_happened(api: Caller, waiting: Journey, couple: Client, timeframe: str) -> None:
    start(api, waiting, couple)
    run_until_idle(clock.now())

    answer = api.get(f"/api/journey-engine/metrics{timeframe}")

    assert answer.status_code == 200
    figures = answer.json()
    assert figures["steps"]["by_status"]["succeeded"] == 2
    assert figures["instances"]["active"] == 1
    assert sum(point["done"] for point in figures["series"]) == 2


def test_queue_is_stopped_started_and_restarted(api: Caller, waiting: Journey, couple: Client) -> None:
    path = "/api/journey-engine/queue"
    start(api, waiting, couple)

    stopped = api.post(path, {"action": "stop"})
    status = api.get(path)
    started = api.post(path, {"action": "start"}, **{"Idempotency-Key": "q-1"})
    restarted = api.post(f"{path}/", {"action": "restart"})

    assert stopped.json()["running"] is False
    assert status.json()["running"] is False
    assert [line["queue"] for line in status.json()["queues"]] == ["critical", "high", "medium", "low"]
    assert started.json()["running"] is True
    assert restarted.json()["running"] is True
    assert QueueControl.objects.get().changed_by.startswith("key:")


def test_modules_carry_the_schema_of_their_settings(api: Caller) -> None:
    modules = api.get("/api/journey-engine/modules").json()

    steps = {step["type"]: step for step in modules["steps"]}
    assert {"start", "email", "sms", "wait", "condition", "action", "end"} <= set(steps)
    assert steps["condition"]["ports"] == ["yes", "no"]
    assert "subject" in steps["email"]["settings"]["properties"]
    assert "payment_received" in {trigger["type"] for trigger in modules["triggers"]}


def test_client_added_over_rest_enters_the_journey_for_new_clients(
    api: Caller, vendor: Vendor, now: datetime
) -> None:
    a_journey().trigger("client_added", where="client.status == 'booked'").email("hi").publish(
        vendor, now=now
    )

    api.post("/api/clients", {"display_name": "Ana & Tom", "status": "booked"})
    api.post("/api/clients", {"display_name": "Kim", "status": "lead"})

    assert [row["client_name"] for row in api.get(INSTANCES).json()["results"]] == ["Ana & Tom"]


def test_list_of_instances_takes_the_same_number_of_queries_however_long(
    api: Caller, waiting: Journey, vendor: Vendor, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        start(api, waiting, a_couple(vendor, now=now))
    assert Schedule.objects.count() == 4

    with django_assert_max_num_queries(6):
        assert len(api.get(INSTANCES).json()["results"]) == 4
