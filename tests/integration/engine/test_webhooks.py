"""Webhooks both ways: a step calls a real server, and another service calls a door of ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import Client as Browser

from engine.models import (
    ErrorLog,
    IncomingHook,
    Instance,
    InterventionTicket,
    NodeExecution,
    Schedule,
    TriggerEvent,
    WebhookCall,
)
from engine.services import incoming
from engine.services.calling import Call
from engine.services.instances import instance_start
from engine.services.tickets import ticket_retry
from journeys import clock
from journeys.models import Client, Vendor
from journeys.services.secrets import secret_set, signing_secret, signing_secret_rotate
from journeys.services.vendors import vendor_change_settings
from journeys.validation import problems_of
from tests.builders import ACTOR, JourneyBuilder, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.fakes.webhook_server import Service, a_service


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with a_service() as running:
        yield running


def calling(service: Service, path: str = "/", **settings: Any) -> JourneyBuilder:
    return a_journey().step("call", "webhook", url=service.url + path, **settings)


def started(builder: JourneyBuilder, vendor: Vendor, couple: Client, now: datetime) -> Instance:
    journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    instance.refresh_from_db()
    return instance


def test_a_call_carries_what_is_known_signed_and_under_one_id(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    secret_set(vendor=vendor, name="crm_token", value="t0ps3cret", now=now, actor=ACTOR)
    builder = calling(
        service,
        "/clients/{{ client.display_name }}?to={{ client.email | default: 'none' }}",
        method="PUT",
        headers=[{"name": "Authorization", "value": "Bearer ", "secret": "crm_token"}],
        body={
            "who": "{{ client.first_name }}",
            "guests": "= wedding.guest_count",
            "tags": ["{{ client.status }}", True, None],
        },
    )
    instance = started(builder, vendor, couple, now)

    told = service.told[0]
    assert instance.status == Instance.Status.COMPLETED
    assert told.method == "PUT"
    assert told.path.startswith("/clients/In%C3%AAs%20%26%20Tom%C3%A1s?to=")
    assert told.json == {"who": "Inês", "guests": 80, "tags": ["booked", True, None]}
    assert told.headers["authorization"] == "Bearer t0ps3cret"
    call = WebhookCall.objects.get()
    assert told.headers["webhook-id"] == told.headers["idempotency-key"] == call.public_id
    key = base64.b64decode(signing_secret(vendor=vendor, now=now).value.removeprefix("whsec_"))
    signed = f"{call.public_id}.{int(now.timestamp())}.".encode() + told.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert told.headers["webhook-signature"] == f"v1,{expected}"
    assert (call.status, call.response_status, call.attempts) == ("answered", 200, 1)


def test_values_can_not_leave_their_place_in_the_address(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    couple.first_name = "../../admin?x=1#/é&{{ vendor.name }}"
    couple.save()

    started(calling(service, "/c/{{ client.first_name }}/end", method="GET"), vendor, couple, now)

    assert (
        service.told[0].path == "/c/..%2F..%2Fadmin%3Fx%3D1%23%2F%C3%A9%26%7B%7B%20vendor.name%20%7D%7D/end"
    )


def test_an_answer_becomes_variables_and_the_steps_result(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    service.answers = [(201, {}, json.dumps({"data": {"id": 42, "items": [{"url": "x"}]}}).encode())]
    builder = (
        calling(
            service,
            save={"crm_id": "data.id", "guests": "data.guests"},
            keep={"first": "data.items.0.url"},
        )
        .variable("crm_id", default="none")
        .variable("guests", kind="number", default=7)
        .condition("known", "steps.call.status == 201 && steps.call.answer.first == 'x'")
        .action("yes", {"kind": "add_tag", "tag": "known"})
    )

    instance = started(builder, vendor, couple, now)

    assert instance.variables == {"crm_id": "42", "guests": 7}
    assert couple.tags.filter(name="known").exists()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_may_be_better_later_is_tried_again_under_the_same_id(
    vendor: Vendor, couple: Client, service: Service, now: datetime, status: int
) -> None:
    service.answers = [(status, {"Retry-After": "1800"}, b""), (200, {}, b"{}")]
    instance = started(calling(service), vendor, couple, now)
    assert instance.status == Instance.Status.ACTIVE
    held = Schedule.objects.get()
    assert held.due_at is not None
    assert held.due_at >= now + timedelta(minutes=30)
    assert WebhookCall.objects.get().status == "retry"

    run_until_idle(now + timedelta(hours=2))

    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert len({told.headers["webhook-id"] for told in service.told}) == 1
    assert WebhookCall.objects.get().attempts == 2


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 410])
def test_what_is_wrong_with_the_step_needs_a_person(
    vendor: Vendor, couple: Client, service: Service, now: datetime, status: int
) -> None:
    service.answers = [(status, {"Location": "http://127.0.0.1:1/"}, b"")]

    started(calling(service), vendor, couple, now)

    ticket = InterventionTicket.objects.get()
    assert (ticket.error_class, ticket.code) == ("permanent", f"http_{status}")
    assert len(service.told) == 1


def test_what_is_wrong_with_this_clients_data_goes_as_the_step_says(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    service.answers = [(422, {}, b'{"error": "no such person"}')]

    instance = started(calling(service, on_error="skip"), vendor, couple, now)

    assert instance.status == Instance.Status.COMPLETED
    call = WebhookCall.objects.get()
    assert (call.status, call.error_code) == ("refused", "http_422")
    assert "no such person" in call.excerpt


def test_a_status_that_the_step_expects_is_an_answer(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    service.answers = [(404, {}, b"")]

    instance = started(calling(service, expect=[2, 4]), vendor, couple, now)

    assert instance.status == Instance.Status.COMPLETED


def test_an_answer_that_is_no_json_or_does_not_fit_is_not_used(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    service.answers = [(200, {}, b"<html>"), (200, {}, b'{"id": {"a": 1}}')]
    builder = calling(service, save={"crm_id": "id"}).variable("crm_id", default="none")

    instance = started(builder, vendor, couple, now)

    assert InterventionTicket.objects.get().code == "answer_unreadable"
    assert instance.variables == {"crm_id": "none"}
    assert ErrorLog.objects.get().code == "answer_unreadable"


def test_a_private_address_is_never_called(
    vendor: Vendor, couple: Client, service: Service, now: datetime, settings: Any
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False

    started(calling(service), vendor, couple, now)

    ticket = InterventionTicket.objects.get()
    assert ticket.code == "address_refused"
    assert service.told == []


def test_a_missing_secret_needs_a_person(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    started(calling(service, headers=[{"name": "X-Key", "secret": "nowhere"}]), vendor, couple, now)

    assert InterventionTicket.objects.get().code == "secret_missing"
    assert service.told == []


def test_a_host_from_variables_must_be_listed(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    couple.fields = {"host": "127.0.0.1"}
    couple.save()
    url = f"http://{{{{ client.fields.host | default: 'x' }}}}:{service.port}/in"
    builder = a_journey().step("call", "webhook", url=url)

    started(builder, vendor, couple, now)
    assert InterventionTicket.objects.get().code == "host_not_listed"
    assert service.told == []

    vendor_change_settings(vendor=vendor, settings={"webhook_hosts": ["127.0.0.1"]}, now=now, actor=ACTOR)
    ticket_retry(ticket=InterventionTicket.objects.get(), now=now, actor=ACTOR)
    run_until_idle(now)
    assert [told.path for told in service.told] == ["/in"]


def test_a_worker_that_dies_after_the_call_calls_again_under_the_same_id(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    class Died(BaseException):
        pass

    journey = calling(service).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    with mock.patch.object(Call, "close", side_effect=Died), pytest.raises(Died):
        run_until_idle(now)
    assert WebhookCall.objects.get().status == "calling"
    Schedule.objects.filter(state=Schedule.State.RUNNING).update(lease_until="2020-01-01T00:00:00Z")

    run_until_idle(now)

    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert len(service.told) == 2
    assert len({told.headers["webhook-id"] for told in service.told}) == 1
    assert NodeExecution.objects.filter(node_id="call", status="succeeded").count() == 1


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(
    vendor: Vendor, couple: Client, service: Service, now: datetime
) -> None:
    signing_secret(vendor=vendor, now=now)
    signing_secret_rotate(vendor=vendor, now=now, actor=ACTOR)

    started(calling(service), vendor, couple, now)

    assert len(service.told[0].headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "ftp://example.com/"}, "must begin with https"),
        ({"url": "https://example.com/{% if true %}x{% endif %}"}, "take the tags"),
        ({"url": "https://example.com/{{ client.nope }}"}, "client.nope"),
        ({"body": {"a": "{{ wedding.venue }}"}}, "may be empty"),
        ({"body": {"a": "= wedding.nope"}}, "wedding.nope"),
        ({"body": {"a": "{{ recipient.name }}"}}, "recipient is known only"),
        ({"method": "GET", "body": {}}, "A GET has no body"),
        ({"headers": [{"name": "Webhook-Id", "value": "x"}]}, "set with every call"),
        ({"headers": [{"name": "X\r\nY", "value": "x"}]}, "letters, digits"),
        ({"save": {"unknown": "a.b"}}, "variables.unknown"),
        ({"save": {"x": "a b"}}, "such as data.items.0.id"),
        ({"timeout_seconds": 60}, "timeout_seconds"),
    ],
)
def test_what_can_not_be_called_is_not_published(settings: dict[str, Any], said: str) -> None:
    given = {"url": "https://example.com/", **settings}
    definition = a_journey().variable("x", default="y").step("call", "webhook", **given).definition()

    assert any(said in problem.message for problem in problems_of(definition))


# -- the other way


def opened(vendor: Vendor, now: datetime, **fields: Any) -> incoming.Opened:
    given = {"name": "studio", "match": "email", "match_path": "who.mail", **fields}
    return incoming.hook_add(vendor=vendor, now=now, actor=ACTOR, **given)


def post(url: str, content: Any, now: datetime, **headers: str) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = "/" + url.partition("//")[2].partition("/")[2]
    with mock.patch.object(clock, "now", return_value=now):
        return Browser().post(path, body, content_type="application/json", headers=headers)


def test_what_another_service_tells_starts_a_journey_once(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    a_journey().trigger("webhook_received", hook="studio", where="trigger.stage == 'won'").publish(
        vendor, now=now
    )
    door = opened(vendor, now)
    content = {
        "who": {"mail": couple.weddings.get().stakeholders.get(role="partner_2").email.upper()},
        "stage": "won",
    }

    first = post(door.url, content, now, **{"webhook-id": "evt-1"})
    again = post(door.url, content, now, **{"webhook-id": "evt-1"})
    other = post(door.url, {**content, "stage": "lost"}, now, **{"webhook-id": "evt-2"})

    assert [one.status_code for one in (first, again, other)] == [202, 202, 202]
    assert first.json() == again.json()
    assert Instance.objects.count() == 1
    assert TriggerEvent.objects.filter(type="webhook_received", topic="studio", client=couple).count() == 2


def test_a_wait_hears_what_another_service_tells(vendor: Vendor, couple: Client, now: datetime) -> None:
    builder = (
        a_journey()
        .step("hear", "wait_for", event="webhook_received", topic="studio")
        .action("tag", {"kind": "add_tag", "tag": "heard"})
    )
    instance = started(builder, vendor, couple, now)
    assert instance.status == Instance.Status.ACTIVE

    door = opened(vendor, now, match="client_id", match_path="client")
    post(door.url, {"client": couple.public_id}, now)
    run_until_idle(now)

    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert couple.tags.filter(name="heard").exists()


def test_the_same_bytes_without_an_id_are_the_same_call(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    door = opened(vendor, now, id_path="id")

    for content in ({"a": 1}, {"a": 1}, {"a": 2}, {"id": "x", "a": 1}, {"id": "x", "a": 1}):
        assert post(door.url, content, now).status_code == 202

    heard = TriggerEvent.objects.filter(type="webhook_received")
    assert [event.client for event in heard] == [None] * 3


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'"\\u0000"', b"[" * 200 + b"]" * 200]
)
def test_what_is_no_json_is_refused_in_the_one_shape(vendor: Vendor, now: datetime, body: bytes) -> None:
    answer = post(opened(vendor, now).url, body, now)

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed"
    assert not TriggerEvent.objects.filter(type="webhook_received").exists()


def test_a_door_that_was_rotated_or_shut_leads_nowhere(vendor: Vendor, now: datetime) -> None:
    door = opened(vendor, now)
    fresh = incoming.hook_rotate(hook=door.hook, now=now, actor=ACTOR)

    assert post(door.url, {}, now).status_code == 404
    assert post(fresh.url, {}, now).status_code == 202
    incoming.hook_change(hook=door.hook, is_active=False, now=now, actor=ACTOR)
    assert post(fresh.url, {}, now).status_code == 404
    assert door.url.rpartition("/")[2] not in json.dumps(list(IncomingHook.objects.values("token_index")))


def test_somebody_elses_client_is_nobody(vendor: Vendor, couple: Client, now: datetime) -> None:
    stranger = a_vendor(name="Somebody Else", now=now)
    door = opened(stranger, now, match="client_id", match_path="client")

    post(door.url, {"client": couple.public_id}, now)

    assert TriggerEvent.objects.get(type="webhook_received").client is None
