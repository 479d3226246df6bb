"""What is broken holds the whole passage until its ticket is settled; what is a question does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from channels.services import sending
from engine.models import InterventionTicket
from engine.services import tickets
from engine.services.instances import instance_pause, instance_resume
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, a_couple, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.tickets import (
    BAD_NUMBER,
    TAKEN,
    TOO_LARGE,
    Provider,
    begin,
    deeds_of,
)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    provider = Provider(TOO_LARGE)
    monkeypatch.setattr(sending, "hand_over", provider)
    return provider


def side_by_side(vendor: Vendor, *, now: datetime) -> Journey:
    """A message in one branch, a day's wait and a message in the other."""
    send = {"to": ["partner_1"], "subject": "Hello", "body": "Hello"}
    return a_net(
        {
            "s": split_all("a", "b"),
            "hello": ("email", send),
            "day": pause("1d"),
            "mark": tag("marked"),
            "m": merge("s"),
            "end": ("end", {}),
        },
        *("start>s", "s.a>hello", "s.b>day", "day>mark", "hello>m", "mark>m", "m>end"),
    ).publish(vendor, now=now)


def test_a_broken_step_holds_the_other_branches_until_it_is_mended(
    vendor: Vendor, couple: Client, provider: Provider, now: datetime
) -> None:
    instance = begin(side_by_side(vendor, now=now), couple, now=now)
    run_until_idle(now)
    ticket = InterventionTicket.objects.get()
    instance.refresh_from_db()
    assert "paused" == instance.status
    assert instance.reason.startswith(f"Held by ticket {ticket.public_id}: The message is too large")

    run_until_idle(now + timedelta(days=2))
    assert not couple.tags.filter(name="marked").exists()
    provider.answer = TAKEN
    tickets.ticket_retry(ticket=ticket, now=now + timedelta(days=2), actor=ACTOR)
    run_until_idle(now + timedelta(days=2))

    instance.refresh_from_db()
    assert ("completed", "") == (instance.status, instance.reason)
    assert couple.tags.filter(name="marked").exists()
    assert ["instance.paused", "instance.resumed"] == [one for one in deeds_of(instance) if "ed" in one][1:3]


def test_a_held_passage_goes_on_when_its_step_is_skipped(
    vendor: Vendor, couple: Client, provider: Provider, now: datetime
) -> None:
    instance = begin(side_by_side(vendor, now=now), couple, now=now)
    run_until_idle(now)

    tickets.ticket_skip(ticket=InterventionTicket.objects.get(), now=now, actor=ACTOR)
    run_until_idle(now + timedelta(days=2))

    instance.refresh_from_db()
    assert "completed" == instance.status


def test_a_pause_of_a_person_stays_when_the_ticket_is_settled(
    vendor: Vendor, couple: Client, provider: Provider, now: datetime
) -> None:
    instance = begin(side_by_side(vendor, now=now), couple, now=now)
    run_until_idle(now)
    instance_pause(instance=instance, now=now, actor="user:1", reason="They asked us to wait.")

    tickets.ticket_skip(ticket=InterventionTicket.objects.get(), now=now, actor=ACTOR)

    instance.refresh_from_db()
    assert ("paused", "They asked us to wait.") == (instance.status, instance.reason)
    instance_resume(instance=instance, now=now, actor="user:1")
    run_until_idle(now + timedelta(days=2))
    instance.refresh_from_db()
    assert "completed" == instance.status


def test_a_question_about_one_step_lets_the_rest_go_on(
    vendor: Vendor, couple: Client, provider: Provider, now: datetime
) -> None:
    provider.answer = BAD_NUMBER
    instance = begin(side_by_side(vendor, now=now), couple, now=now)
    run_until_idle(now)

    run_until_idle(now + timedelta(days=2))

    instance.refresh_from_db()
    assert "active" == instance.status
    assert couple.tags.filter(name="marked").exists()


def test_an_error_on_the_wedding_day_holds_the_passage(
    vendor: Vendor, provider: Provider, now: datetime
) -> None:
    provider.answer = BAD_NUMBER
    couple = a_couple(vendor, now=now, wedding_in=timedelta(0))
    instance = begin(side_by_side(vendor, now=now), couple, now=now)

    run_until_idle(now)

    instance.refresh_from_db()
    assert ("paused", "emergency") == (instance.status, InterventionTicket.objects.get().level)
