"""Answers that a person or an integration notes: what waits for them goes on, once."""

from __future__ import annotations

from datetime import datetime

import pytest

from channels.models import DeliveryEvent, Message
from engine.models import Instance, Schedule
from engine.services.instances import instance_start
from journeys import clock
from tests import builders
from tests.drive import run_until_idle
from tests.functional.api.calling import make_caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_noted_answer_lets_the_step_that_waits_for_it_go_on(now: datetime) -> None:
    vendor = builders.a_vendor(now=now)
    journey = (
        builders.a_journey()
        .email("question")
        .step("answer", "wait_for", event="message_answered", step="question")
        .publish(vendor, now=now)
    )
    couple = builders.a_couple(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor="test"
    )
    run_until_idle(now)
    message = Message.objects.get(client=couple)
    assert Schedule.objects.get(instance=instance).reason.startswith("Waits until a message is answered")
    api, address = make_caller(vendor), f"/api/journey-engine/messages/{message.public_id}/answered"

    answers = [api.post(address).status_code for _ in range(2)]
    run_until_idle(clock.now())

    assert answers == [200, 200]
    assert DeliveryEvent.objects.filter(message=message, kind="answered").count() == 1
    assert Instance.objects.get(pk=instance.pk).status == Instance.Status.COMPLETED
    stranger = make_caller(builders.a_vendor(name="Somebody Else", now=now))
    assert stranger.post(address).status_code == 404


def test_nobody_answers_what_has_not_gone_out(now: datetime) -> None:
    vendor = builders.a_vendor(now=now)
    journey = builders.a_journey().email("question").publish(vendor, now=now)
    couple = builders.a_couple(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor="test")
    run_until_idle(now)
    message = Message.objects.get(client=couple)
    Message.objects.filter(pk=message.pk).update(status=Message.Status.WITHHELD)

    answer = make_caller(vendor).post(f"/api/journey-engine/messages/{message.public_id}/answered")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_sent")
