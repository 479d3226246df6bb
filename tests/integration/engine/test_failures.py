"""What goes wrong is tried again, passed over as the step says, or handed to a person."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from channels.contract import SendResult, Verdict
from channels.models import Message, SinkMessage
from channels.services import sending
from engine.models import ErrorLog, Instance, InterventionTicket, NodeExecution, Schedule
from engine.services import dispatch, recovery, runner, tickets
from engine.services.claims import MAX_CLAIMS, claim
from engine.services.instances import instance_cancel, instance_retry, instance_start
from journeys.language.errors import ErrorClass
from journeys.models import Client, Journey, Vendor
from journeys.services.clients import set_field
from tests.builders import ACTOR, a_journey
from tests.drive import bells, run_until_idle


def begin(journey: Journey, couple: Client, *, now: datetime) -> Instance:
    album = {"album": ""} if "album" in journey.draft["variables"] else {}
    return instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables=album, now=now, actor=ACTOR
    )


def end_leases() -> None:
    """Let every lease have ended a second ago, as if its holder had died."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 second' "
            "WHERE lease_until IS NOT NULL"
        )


@pytest.fixture
def needs_album(vendor: Vendor, now: datetime) -> Journey:
    body = "About {% if client.fields.album %}{{ client.fields.album }}{% else %}{{ variables.album }}{% endif %}"
    return a_journey().variable("album").email("album", body=body).publish(vendor, now=now, name="Album")


def test_missing_data_opens_a_ticket_and_a_retry_goes_on(
    needs_album: Journey, couple: Client, now: datetime
) -> None:
    instance = begin(needs_album, couple, now=now)
    run_until_idle(now)

    ticket = InterventionTicket.objects.get(lines__instance=instance)
    assert ("open", "support", "text_incomplete") == (ticket.status, ticket.level, ticket.code)
    assert Schedule.State.PARKED == Schedule.objects.get(instance=instance).state
    assert not SinkMessage.objects.exists()
    assert "text_incomplete" == ErrorLog.objects.get(instance=instance).code

    set_field(client=couple, name="album", value="the green one", now=now, actor=ACTOR)
    instance_retry(instance=instance, now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status
    assert "the green one" in SinkMessage.objects.get().body_text


def test_a_ticket_can_be_skipped_once(needs_album: Journey, couple: Client, now: datetime) -> None:
    instance = begin(needs_album, couple, now=now)
    run_until_idle(now)
    ticket = InterventionTicket.objects.get(lines__instance=instance)

    tickets.ticket_skip(ticket=ticket, now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    ticket.refresh_from_db()
    assert (Instance.Status.COMPLETED, "skip") == (instance.status, ticket.resolution)
    with pytest.raises(Exception, match="resolved by test already"):
        tickets.ticket_skip(ticket=ticket, now=now, actor=ACTOR)


def test_a_ticket_can_end_the_journey(needs_album: Journey, couple: Client, now: datetime) -> None:
    instance = begin(needs_album, couple, now=now)
    run_until_idle(now)

    ticket = tickets.ticket_cancel(ticket=InterventionTicket.objects.get(), now=now, actor=ACTOR).ticket

    instance.refresh_from_db()
    assert (Instance.Status.CANCELLED, "cancel") == (instance.status, ticket.resolution)


def test_a_step_that_may_skip_is_passed_over(vendor: Vendor, couple: Client, now: datetime) -> None:
    body = "About {{ variables.album }}"
    journey = a_journey().variable("album").email("album", body=body, on_error="skip")
    published = journey.publish(vendor, now=now)

    instance = begin(published, couple, now=now)
    run_until_idle(now)

    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status
    assert "skipped" == NodeExecution.objects.get(instance=instance, node_id="album").status
    assert not InterventionTicket.objects.exists()


class Provider:
    """Answers of a provider, one after the other; the last one stays."""

    def __init__(self, *answers: SendResult) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self, _message: Message) -> SendResult:
        self.calls += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


BUSY = SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT, code="429", reason="Too many requests.")
TAKEN = SendResult(Verdict.ACCEPTED, provider_id="p-1")
NO_KEY = SendResult(
    Verdict.REJECTED, error_class=ErrorClass.PERMANENT, code="401", reason="The key is wrong."
)


def test_a_busy_provider_is_asked_again_later(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider(BUSY, TAKEN)
    monkeypatch.setattr(sending, "hand_over", provider)
    instance = begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    run_until_idle(now)

    waiting = Schedule.objects.get(instance=instance)
    assert ("hello", 1, 1) == (waiting.node_id, waiting.attempt, provider.calls)
    assert now <= waiting.due_at <= now + timedelta(seconds=30)

    run_until_idle(now + timedelta(hours=1))
    instance.refresh_from_db()
    assert (Instance.Status.COMPLETED, 2) == (instance.status, provider.calls)
    states = NodeExecution.objects.filter(instance=instance, node_id="hello").order_by("id")
    assert ["retrying", "succeeded"] == [row.status for row in states]


def test_a_provider_that_stays_busy_becomes_a_ticket_after_four_attempts(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider(BUSY)
    monkeypatch.setattr(sending, "hand_over", provider)
    begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)

    for hours in range(8):
        run_until_idle(now + timedelta(hours=2 * hours))

    assert 4 == provider.calls
    assert "429" == InterventionTicket.objects.get().code


def test_a_refused_message_is_sent_again_only_after_a_person_says_so(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider(NO_KEY, TAKEN)
    monkeypatch.setattr(sending, "hand_over", provider)
    begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    run_until_idle(now)
    run_until_idle(now + timedelta(days=1))
    assert 1 == provider.calls
    ticket = InterventionTicket.objects.get()
    assert ("engineering", "401") == (ticket.level, ticket.code)

    tickets.ticket_retry(ticket=ticket, now=now + timedelta(days=1), actor=ACTOR)
    run_until_idle(now + timedelta(days=1))

    assert (2, Message.Status.ACCEPTED) == (provider.calls, Message.objects.get().status)


def test_a_worker_that_dies_after_the_provider_took_it_sends_nothing_twice(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sending.hand_over

    class Died(BaseException):
        """The process is gone."""

    def die_after(message: Message) -> SendResult:
        real(message)
        raise Died

    monkeypatch.setattr(sending, "hand_over", die_after)
    instance = begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    with pytest.raises(Died):
        run_until_idle(now)
    monkeypatch.setattr(sending, "hand_over", real)
    assert (1, Message.Status.SENDING) == (SinkMessage.objects.count(), Message.objects.get().status)

    end_leases()
    run_until_idle(now)

    message = Message.objects.get()
    assert (Message.Status.ACCEPTED, "lookup", 1) == (
        message.status,
        message.settled_by,
        SinkMessage.objects.count(),
    )
    instance.refresh_from_db()
    if instance.status == Instance.Status.ACTIVE:
        run_until_idle(now + timedelta(minutes=1))
        instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status


def test_a_late_result_of_a_robbed_worker_changes_nothing(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = a_journey().action("mark", {"kind": "add_tag", "tag": "once"}).publish(vendor, now=now)
    instance = begin(journey, couple, now=now)
    dispatch.dispatch(now=now)
    stale = bells()
    claim(stale)
    end_leases()
    assert 1 == recovery.sweep()

    assert 0 == runner.run(places=stale, now=now)
    run_until_idle(now)

    assert 1 == NodeExecution.objects.filter(instance=instance, node_id="start").count()


def test_a_step_that_kills_its_workers_is_quarantined(vendor: Vendor, couple: Client, now: datetime) -> None:
    begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    for _ in range(MAX_CLAIMS):
        dispatch.dispatch(now=now)
        assert claim(bells())
        end_leases()
        recovery.sweep()

    run_until_idle(now)

    assert "poison" == InterventionTicket.objects.get().code


@pytest.mark.parametrize("way", ["cancel", "skip"])
def test_no_message_stays_open_when_its_step_is_left(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(sending, "hand_over", Provider(BUSY))
    instance = begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    for hours in range(8):
        run_until_idle(now + timedelta(hours=2 * hours))
    assert Message.Status.RETRY == Message.objects.get().status

    if way == "cancel":
        instance_cancel(instance=instance, now=now, actor=ACTOR)
    else:
        tickets.ticket_skip(ticket=InterventionTicket.objects.get(), now=now, actor=ACTOR)

    assert Message.Status.WITHHELD == Message.objects.get().status


def test_an_answer_that_comes_after_the_cancellation_is_still_heard(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = begin(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    real = sending.hand_over

    def cancelled_meanwhile(message: Message) -> SendResult:
        result = real(message)
        instance_cancel(instance=instance, now=now, actor=ACTOR)
        assert Message.Status.UNKNOWN == Message.objects.get().status
        return result

    monkeypatch.setattr(sending, "hand_over", cancelled_meanwhile)
    run_until_idle(now)

    assert Message.Status.ACCEPTED == Message.objects.get().status
    instance.refresh_from_db()
    assert Instance.Status.CANCELLED == instance.status
