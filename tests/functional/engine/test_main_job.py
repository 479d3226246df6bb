"""The whole road: an event over HTTP, a real worker, a message at the provider, and the wait that follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from engine.models import Instance, Schedule
from engine.services import runner
from journeys import clock
from journeys.services.api_keys import api_key_create
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.chaos.ledger import all_ended, completed_twice, disagreements, history, provider_env
from tests.fakes.provider import FakeProvider
from tests.functional.api.calling import Caller
from tests.processes import processes, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_static_files() -> Iterator[None]:
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


def test_payment_over_http_sends_waits_follows_the_moved_wedding_and_ends(tmp_path: Path) -> None:
    now = clock.now()
    vendor = a_vendor(now=now)
    _, key = api_key_create(vendor=vendor, name="shop", now=now, actor=ACTOR)
    api = Caller(vendor, key)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=200))
    (
        a_journey()
        .trigger("payment_received")
        .email("thanks")
        .wait("breath", for_="3d")
        .email("questions")
        .wait_for_date("month_before", "-30d")
        .email("timeline")
        .publish(vendor, now=now)
    )
    with (
        FakeProvider(ledger=tmp_path / "ledger.jsonl") as provider,
        processes(tmp_path, "one", **provider_env(provider)) as system,
    ):
        event = {
            "type": "payment_received",
            "event_id": "pay-1",
            "client_id": couple.public_id,
            "topic": "deposit",
            "payload": {"amount": 600, "currency": "EUR"},
        }
        answers = [api.post("/api/journeys/trigger", event) for _ in range(2)]
        assert {200, 201} >= {answer.status_code for answer in answers}, answers[0].content

        wait_for(lambda: waits_at("breath"), seconds=20, what="the journey waits after its first message")
        assert ["About thanks"] == subjects(provider)
        assert 1 == Instance.objects.count()
        breath = Schedule.objects.get()
        assert timedelta(days=3) > breath.due_at - clock.now() > timedelta(days=3, minutes=-2)

        clock.advance(by=timedelta(days=3))
        wait_for(
            lambda: waits_at("month_before"),
            seconds=20,
            what="the next message went out and the next wait began",
        )
        assert ["About thanks", "About questions"] == subjects(provider)

        wedding = couple.weddings.get()
        before = Schedule.objects.get()
        moved_to = wedding.date + timedelta(days=40)
        answer = api.post(f"/api/weddings/{wedding.public_id}/reschedule", {"date": moved_to.isoformat()})
        assert 200 == answer.status_code, answer.content
        after = Schedule.objects.get()
        assert moved_to - timedelta(days=30) == after.due_at.date()
        assert after.fence > before.fence

        # The bell of before the move, had one been rung, is void; and so is the time of before.
        assert 0 == runner.run(places=[(before.id, before.fence)], now=clock.now())
        clock.advance(by=before.due_at + timedelta(hours=2) - clock.now())
        system.wait_for_ticks(2)
        still = Schedule.objects.get()
        assert (after.id, after.fence, Schedule.State.WAITING) == (still.id, still.fence, still.state)

        clock.advance(by=after.due_at + timedelta(minutes=1) - clock.now())
        wait_for(all_ended, seconds=20, what="the journey came to its end")

        assert ["About thanks", "About questions", "About timeline"] == subjects(provider)
        assert ([], set()) == (completed_twice(), disagreements(provider))
    road = ["start", "thanks", "breath", "questions", "month_before", "timeline", "end"]
    assert [(node, "succeeded") for node in road] == history(Instance.objects.get())


def waits_at(node_id: str) -> bool:
    return Schedule.objects.filter(node_id=node_id, state=Schedule.State.WAITING).exists()


def subjects(provider: FakeProvider) -> list[str]:
    return [entry["subject"] for entry in provider.accepted()]
