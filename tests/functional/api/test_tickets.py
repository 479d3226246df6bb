"""Tickets, as an integration works them."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth import get_user_model

from channels.contract import SendResult, Verdict
from channels.models import Message, SinkMessage
from channels.services import sending
from engine.models import Instance, InterventionTicket, TicketLine
from engine.services.instances import instance_start
from journeys import clock
from journeys.language.errors import ErrorClass
from journeys.models import Client, Journey, Membership, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller
from tests.tickets import EXPIRED, parked_steps, stop

PATH = "/api/journey-engine/tickets"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


@pytest.fixture
def hello(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello", to=["partner_1"]).publish(vendor, now=now)


@pytest.fixture
def ticket(hello: Journey, couple: Client, now: datetime) -> InterventionTicket:
    """One cause that has stopped three steps."""
    stop(parked_steps(hello, couple, 3, now=now), EXPIRED, now=now)
    return InterventionTicket.objects.get()


def test_a_ticket_tells_its_cause_and_how_much_it_has_stopped(
    api: Caller, ticket: InterventionTicket
) -> None:
    listed = api.get(f"{PATH}?status=open&level=engineering&code=401").json()["results"]

    assert [ticket.public_id] == [row["id"] for row in listed]
    assert ("provider:sendgrid:401", 3, 3) == tuple(
        listed[0][name] for name in ("cause", "lines_open", "lines_total")
    )
    assert listed[0] == api.get(f"{PATH}/{ticket.public_id}").json()
    instance = ticket.lines.all()[0].instance.public_id
    for query, count in ((f"instance_id={instance}", 1), ("instance_id=ins_x", 0), ("level=support", 0)):
        assert count == len(api.get(f"{PATH}?{query}").json()["results"])


def test_its_lines_are_listed_page_by_page(api: Caller, ticket: InterventionTicket) -> None:
    first = api.get(f"{PATH}/{ticket.public_id}/lines?limit=2").json()
    instance = first["results"][0]["instance_id"]
    only = api.get(f"{PATH}/{ticket.public_id}/lines?instance_id={instance}&status=open").json()["results"]

    assert 2 == len(first["results"])
    assert [first["results"][0]] == only
    assert (ticket.public_id, "hello", "401", False) == tuple(
        only[0][name] for name in ("ticket_id", "node_id", "code", "pauses")
    )


def test_lines_are_worked_one_by_one_and_then_all(api: Caller, ticket: InterventionTicket) -> None:
    line = ticket.lines.order_by("id")[0]

    one = api.post(f"{PATH}/{ticket.public_id}/skip", {"line_ids": [line.public_id]})
    again = api.post(f"{PATH}/{ticket.public_id}/skip", {"line_ids": [line.public_id]})
    rest = api.post(f"{PATH}/{ticket.public_id}/retry")

    assert ({"done": 1, "refused": [], "left": 0}, "open", 2) == (
        one.json()["work"],
        one.json()["status"],
        one.json()["lines_open"],
    )
    assert (400, "unknown_line") == (again.status_code, again.json()["code"])
    assert (2, "resolved", 0) == (
        rest.json()["work"]["done"],
        rest.json()["status"],
        rest.json()["lines_open"],
    )


def test_journeys_of_lines_are_stopped(api: Caller, ticket: InterventionTicket) -> None:
    answer = api.post(f"{PATH}/{ticket.public_id}/cancel")

    assert (200, 3, "cancel") == (
        answer.status_code,
        answer.json()["work"]["done"],
        answer.json()["resolution"],
    )
    assert {"cancelled"} == set(Instance.objects.values_list("status", flat=True))


@pytest.mark.parametrize(
    ("deed", "code"), [("resend", "nothing_to_resend"), ("mark-sent", "nothing_in_doubt")]
)
def test_what_can_not_be_done_is_refused(
    api: Caller, ticket: InterventionTicket, deed: str, code: str
) -> None:
    answer = api.post(f"{PATH}/{ticket.public_id}/{deed}")

    assert (409, code) == (answer.status_code, answer.json()["code"])


def test_a_wrong_number_is_put_right(
    api: Caller, hello: Journey, vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = SendResult(Verdict.REJECTED, error_class=ErrorClass.USER, code="21211", reason="Not valid.")
    with monkeypatch.context() as patched:
        patched.setattr(sending, "hand_over", lambda _message: refused)
        couple = a_couple(vendor, now=now)
        instance_start(vendor=vendor, journey=hello, client=couple, variables={}, now=now, actor=ACTOR)
        run_until_idle(now)
    path = f"{PATH}/{InterventionTicket.objects.get().public_id}/edit-and-retry"

    assert (400, "nothing_to_edit") == (api.post(path).status_code, api.post(path).json()["code"])
    answer = api.post(path, {"email": "right@example.com", "fields": {"album": "green"}})
    run_until_idle(clock.now())

    assert (200, "edit") == (answer.status_code, answer.json()["resolution"])
    couple.refresh_from_db()
    assert ("right@example.com", {"album": "green"}) == (couple.email, couple.fields)
    assert ("accepted", 1) == (Message.objects.get().status, SinkMessage.objects.count())


def test_a_ticket_is_assigned(api: Caller, ticket: InterventionTicket, vendor: Vendor, now: datetime) -> None:
    user = get_user_model().objects.create_user("ours")
    Membership.objects.create(vendor=vendor, user=user, created_at=now)
    path = f"{PATH}/{ticket.public_id}/assign"

    given = api.post(path, {"user_id": user.pk})
    found = api.get(f"{PATH}?assignee_id={user.pk}").json()["results"]
    nobody = api.post(path, {"user_id": None})
    stranger = api.post(path, {"user_id": user.pk + 999})

    assert (user.pk, [ticket.public_id]) == (given.json()["assignee_id"], [row["id"] for row in found])
    assert (None, None) == (nobody.json()["assignee_id"], nobody.json()["assigned_at"])
    assert (400, "not_a_member") == (stranger.status_code, stranger.json()["code"])


def test_the_time_line_names_the_ticket_and_its_line(
    api: Caller, hello: Journey, couple: Client, now: datetime
) -> None:
    stop(parked_steps(hello, couple, 1, now=now), EXPIRED, now=now)
    line = TicketLine.objects.select_related("ticket", "instance").get()

    entries = api.get(f"/api/journey-engine/instances/{line.instance.public_id}/timeline").json()["entries"]

    assert [(line.ticket.public_id, line.public_id)] == [
        (one["ticket_id"], one["line_id"]) for one in entries if one["ticket_id"]
    ]
