"""Messages and the circuit of their provider: none fails, none is lost, and they do not all come back at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.models import Circuit, Message
from channels.registry import adapter_named
from channels.services import circuits
from channels.services.callbacks import receive
from channels.services.circuits import circuit_set
from engine.models import ErrorLog, Instance, InterventionTicket, NodeExecution, Schedule, TicketLine
from engine.services.tickets import ticket_retry
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey
from tests.drive import enter, run_until_idle
from tests.fakes.callbacks import sign_twilio
from tests.fakes.provider import SENDGRID_KEY, TWILIO_TOKEN, FakeProvider

HOUR = timedelta(hours=1)
#: Hours from now in which what was meant for 22 hours ahead waits; the wedding begins after 53 and a half.
LAST_HOURS = (22, 40, 52.5, 52.9, 53.2)


def begin(journey: Journey, *couples: Client, now: datetime) -> list[Instance]:
    return [enter(journey, couple, now=now) for couple in couples]


def published(vendor: Vendor, now: datetime, builder: JourneyBuilder | None = None) -> Journey:
    return (builder or a_journey().email("hello")).publish(vendor, now=now)


def circuit(name: str = "sendgrid") -> Circuit:
    return Circuit.objects.get(key=f"provider:{name}")


def run_until_the_wedding(now: datetime) -> None:
    """Live through the last hours; at their end at each moment for which something was put off."""
    for hours in LAST_HOURS:
        run_until_idle(now + hours * HOUR)
    at = now + LAST_HOURS[-1] * HOUR
    while (due := Schedule.objects.order_by("due_at").values_list("due_at", flat=True).first()) is not None:
        at = max(at, due)
        if at > now + 54 * HOUR:
            return
        run_until_idle(at)


def requests(provider: FakeProvider) -> int:
    return sum(method == "POST" for method, *_ in provider.requests)


@pytest.fixture
def wrong_key(settings: Any, provider: FakeProvider) -> None:
    settings.SENDGRID_API_KEY = "SG.wrong"


def test_wrong_key_fails_nobody_and_is_told_to_the_provider_once(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, wrong_key: None
) -> None:
    begin(published(vendor, now), couple, *(a_couple(vendor, now=now) for _ in range(4)), now=now)

    run_until_idle(now)

    assert requests(provider) == 1
    assert (circuit().state, circuit().code) == ("open", "sendgrid_401")
    assert not TicketLine.objects.exists()
    assert [(row.state, row.attempt) for row in Schedule.objects.all()] == [("waiting", 0)] * 5
    assert {row.reason for row in Schedule.objects.all()} == {circuit().held_sentence}
    # The one that found it is in the ledger; of the others nothing was written.
    assert [(row.status, row.error_class) for row in Message.objects.all()] == [("retry", "account")]
    assert [(row.error_class, row.code) for row in ErrorLog.objects.all()] == [("account", "sendgrid_401")]


def test_mended_key_lets_one_probe_through_and_then_all_of_them(
    vendor: Vendor,
    couple: Client,
    now: datetime,
    provider: FakeProvider,
    settings: Any,
    wrong_key: None,
    full_jitter: None,
) -> None:
    instances = begin(published(vendor, now), couple, *(a_couple(vendor, now=now) for _ in range(4)), now=now)
    run_until_idle(now)
    settings.SENDGRID_API_KEY = SENDGRID_KEY
    run_until_idle(circuit().probe_at - timedelta(seconds=1))
    assert requests(provider) == 1

    run_until_idle(circuit().probe_at)
    assert (len(provider.accepted()), circuit().state) == (1, "closed")

    run_until_idle(now + HOUR)
    assert len(provider.accepted()) == len({entry["to"] for entry in provider.accepted()}) == 5
    assert {one.status for one in Instance.objects.filter(id__in=[one.id for one in instances])} == {
        "completed"
    }
    assert Message.objects.exclude(status="accepted").count() == 0


def test_probe_that_fails_uses_no_attempt_however_often(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, wrong_key: None
) -> None:
    begin(published(vendor, now), couple, now=now)
    run_until_idle(now)

    for _ in range(12):
        run_until_idle(circuit().probe_at)

    assert requests(provider) == 13
    assert (Schedule.objects.get().attempt, circuit().opens) == (0, 13)
    assert not TicketLine.objects.exists()
    # Thirteen times the same is one row of history.
    assert NodeExecution.objects.filter(node_id="hello").count() == 1


def test_what_was_held_comes_back_spread(
    vendor: Vendor, now: datetime, provider: FakeProvider, wrong_key: None
) -> None:
    couples = [a_couple(vendor, now=now) for _ in range(30)]
    begin(published(vendor, now), *couples, now=now)

    run_until_idle(now)

    first, *others = Schedule.objects.order_by("due_at").values_list("due_at", flat=True)
    probe_at = circuit().probe_at
    assert first == probe_at
    assert all(probe_at <= due <= probe_at + timedelta(seconds=120) for due in others)
    assert len(set(others)) == 29
    assert max(others) - min(others) > timedelta(seconds=40)


def test_near_the_wedding_the_spread_is_shorter(
    vendor: Vendor, now: datetime, provider: FakeProvider, wrong_key: None, full_jitter: None
) -> None:
    journey = published(vendor, now)
    begin(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)

    begin(
        journey,
        a_couple(vendor, now=now, wedding_in=timedelta(days=300)),
        a_couple(vendor, now=now, wedding_in=timedelta(days=5)),
        now=now,
    )
    run_until_idle(now)

    spreads = {due - circuit().probe_at for due in Schedule.objects.values_list("due_at", flat=True)}
    assert spreads == {timedelta(), timedelta(seconds=120), timedelta(seconds=60)}


def test_outage_opens_the_circuit_and_spares_the_rest(
    vendor: Vendor, now: datetime, provider: FakeProvider, settings: Any
) -> None:
    provider.fail("sendgrid", "429", times=1000, retry_after=60)
    couples = [a_couple(vendor, now=now) for _ in range(12)]
    begin(published(vendor, now), *couples, now=now)

    run_until_idle(now)

    assert requests(provider) == circuits.TROUBLES
    assert circuit().probe_at >= now + timedelta(seconds=60)
    assert sorted(Schedule.objects.values_list("attempt", flat=True)) == [0] * 7 + [1] * 5
    provider.forget_faults()
    for minutes in range(60):
        run_until_idle(now + timedelta(minutes=minutes))
    assert len(provider.accepted()) == 12
    assert not TicketLine.objects.exists()


def test_hour_of_outage_makes_no_ticket(vendor: Vendor, now: datetime, provider: FakeProvider) -> None:
    provider.fail("sendgrid", "429", times=10_000)
    couples = [a_couple(vendor, now=now) for _ in range(10)]
    begin(published(vendor, now), *couples, now=now)

    for minutes in range(60):
        run_until_idle(now + timedelta(minutes=minutes))
    assert not TicketLine.objects.exists()
    asked = requests(provider)
    provider.forget_faults()
    for minutes in range(60, 100):
        run_until_idle(now + timedelta(minutes=minutes))

    assert asked < 10 + 30
    assert len(provider.accepted()) == len({entry["to"] for entry in provider.accepted()}) == 10


def test_texts_go_on_while_email_waits(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, wrong_key: None
) -> None:
    begin(published(vendor, now), couple, now=now)
    begin(published(vendor, now, a_journey().sms("text")), a_couple(vendor, now=now), now=now)

    run_until_idle(now)

    assert [entry["provider"] for entry in provider.accepted()] == ["twilio"]
    assert circuits.troubled(circuits.account_of("twilio")) is None  # type: ignore[arg-type]


def test_step_that_writes_both_ways_sends_what_it_can(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any, wrong_key: None
) -> None:
    settings.SENDGRID_API_KEY = SENDGRID_KEY
    circuits.heard(circuits.account_of("sendgrid"), circuits.Sign.BROKEN, reason="Broken.", now=now)  # type: ignore[arg-type]
    partner = couple.weddings.get().stakeholders.get(role="partner_2")
    partner.email, partner.phone = "", "+351912000000"
    partner.save()
    builder = a_journey().email(
        "hello", to=["partner_1", "partner_2"], short="Hello {{ recipient.first_name }}"
    )
    (instance,) = begin(published(vendor, now, builder), couple, now=now)

    run_until_idle(now)
    assert [entry["provider"] for entry in provider.accepted()] == ["twilio"]
    assert Schedule.objects.get().reason == "Waits for SendGrid: Broken."

    run_until_idle(now + HOUR)
    assert [entry["provider"] for entry in provider.accepted()] == ["twilio", "sendgrid"]
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert NodeExecution.objects.get(node_id="hello", status="succeeded").output["sent"] == 2


def test_doubt_is_looked_into_while_the_circuit_is_open(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider
) -> None:
    provider.fail("sendgrid", "accept_then_close")
    (instance,) = begin(published(vendor, now), couple, now=now)
    run_until_idle(now)
    circuits.heard(circuits.account_of("sendgrid"), circuits.Sign.BROKEN, reason="Broken.", now=now)  # type: ignore[arg-type]
    Circuit.objects.update(probe_at=now + HOUR)

    run_until_idle(now + timedelta(minutes=2))

    instance.refresh_from_db()
    assert (instance.status, len(provider.accepted())) == (Instance.Status.COMPLETED, 1)


def test_probe_is_given_back_where_nothing_is_sent(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any, wrong_key: None
) -> None:
    opted_out = a_couple(vendor, now=now)
    begin(published(vendor, now), couple, now=now)
    run_until_idle(now)
    Schedule.objects.update(due_at=now + HOUR)
    person = opted_out.weddings.get().stakeholders.get(role="partner_1")
    person.email_allowed = False
    person.save()

    (withheld,) = begin(published(vendor, now), opted_out, now=circuit().probe_at)
    run_until_idle(circuit().probe_at)

    withheld.refresh_from_db()
    assert withheld.status == Instance.Status.COMPLETED
    assert (circuit().state, circuit().probe_fence) == ("open", 1)


def test_what_is_held_for_too_long_becomes_one_ticket_and_a_retry_gets_the_same_time_again(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any, wrong_key: None
) -> None:
    settings.CIRCUIT_GIVE_UP_HOURS = 24
    begin(published(vendor, now), couple, a_couple(vendor, now=now), now=now)
    for hours in (1, 8, 16, 23):
        run_until_idle(now + hours * HOUR)
    assert not TicketLine.objects.exists()

    at = now + 25 * HOUR
    run_until_idle(at)
    ticket = InterventionTicket.objects.get()
    assert (ticket.code, ticket.error_class, ticket.level) == ("circuit_open", "account", "engineering")
    assert ticket.cause == "provider:sendgrid:circuit_open"
    assert "SendGrid has not worked for 24 hours" in ticket.summary
    assert TicketLine.objects.filter(status="open").count() == 2

    begin(published(vendor, at), a_couple(vendor, now=at), now=at)
    run_until_idle(at)
    ticket_retry(ticket=ticket, now=at, actor=ACTOR)
    for hours in (0, 2, 4):
        run_until_idle(at + hours * HOUR)
    assert TicketLine.objects.filter(status="open").count() == 0
    settings.SENDGRID_API_KEY = SENDGRID_KEY
    run_until_idle(at + 6 * HOUR)
    run_until_idle(at + 7 * HOUR)
    assert len(provider.accepted()) == 3


@pytest.mark.parametrize(
    ("late", "status"), [({"rule": "skip"}, "skipped"), ({"rule": "ask"}, "failed"), (None, "skipped")]
)
def test_what_would_come_behind_its_date_goes_as_its_late_rule_says(
    vendor: Vendor,
    now: datetime,
    provider: FakeProvider,
    settings: Any,
    wrong_key: None,
    late: Any,
    status: str,
) -> None:
    settings.CIRCUIT_GIVE_UP_HOURS = 48
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=2))
    rule = {"late": late} if late else {}
    builder = a_journey().wait_for_date("day_before", "-1d", at="08:00").email("hello", **rule)
    begin(published(vendor, now, builder), couple, now=now)
    run_until_idle(now)

    run_until_the_wedding(now)

    row = NodeExecution.objects.filter(node_id="hello").order_by("-id").first()
    assert row is not None
    assert row.status == status
    assert row.at < now + 53.5 * HOUR
    assert "behind its date" in row.reason or "before its date had passed" in row.reason
    assert provider.accepted() == []


def test_what_may_come_late_waits_on(
    vendor: Vendor, now: datetime, provider: FakeProvider, settings: Any, wrong_key: None
) -> None:
    settings.CIRCUIT_GIVE_UP_HOURS = 48
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=2))
    builder = a_journey().wait_for_date("day_before", "-1d", at="08:00").email("hello", late={"rule": "send"})
    begin(published(vendor, now, builder), couple, now=now)
    run_until_the_wedding(now)
    settings.SENDGRID_API_KEY = SENDGRID_KEY

    run_until_idle(now + 55 * HOUR)

    assert len(provider.accepted()) == 1


def test_reset_by_hand_brings_back_what_waits(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any, wrong_key: None
) -> None:
    begin(published(vendor, now), couple, now=now)
    begin(published(vendor, now, a_journey().wait(for_="9d")), a_couple(vendor, now=now), now=now)
    run_until_idle(now)
    Schedule.objects.filter(node_id="hello").update(due_at=now + 5 * HOUR)
    settings.SENDGRID_API_KEY = SENDGRID_KEY

    circuit_set(circuit=circuit(), forced="", now=now, actor=ACTOR)

    assert Schedule.objects.get(node_id="hello").due_at <= now + timedelta(minutes=2)
    assert Schedule.objects.exclude(node_id="hello").get().due_at > now + timedelta(days=8)
    run_until_idle(now + timedelta(minutes=2))
    assert len(provider.accepted()) == 1


def test_stopped_by_hand_holds_everything_until_it_is_reset(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider
) -> None:
    circuits.accounts_make(now=now)
    circuit_set(circuit=circuit(), forced="open", now=now, actor=ACTOR)
    begin(published(vendor, now), couple, now=now)
    for minutes in range(0, 120, 10):
        run_until_idle(now + timedelta(minutes=minutes))
    assert requests(provider) == 0
    assert Schedule.objects.get().reason == "Waits for SendGrid: it was stopped by hand."

    circuit_set(circuit=circuit(), forced="", now=now + 2 * HOUR, actor=ACTOR)
    run_until_idle(now + 2 * HOUR + timedelta(minutes=2))

    assert len(provider.accepted()) == 1


def test_let_through_by_hand_a_fault_of_the_account_needs_a_person(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, wrong_key: None
) -> None:
    circuits.accounts_make(now=now)
    circuit_set(circuit=circuit(), forced="closed", now=now, actor=ACTOR)

    begin(published(vendor, now), couple, now=now)
    run_until_idle(now)

    line = TicketLine.objects.get()
    assert (line.code, line.error_class) == ("sendgrid_401", "account")


@pytest.mark.parametrize(("days", "pause"), [(200, 30), (5, 15), (1, 5)])
@pytest.mark.parametrize("asked", [None, 3, 90])
def test_retry_comes_sooner_near_the_wedding_but_never_before_it_was_asked_for(
    vendor: Vendor,
    now: datetime,
    provider: FakeProvider,
    full_jitter: None,
    days: int,
    pause: int,
    asked: int | None,
) -> None:
    provider.fail("sendgrid", "429", **({} if asked is None else {"retry_after": asked}))
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=days))

    begin(published(vendor, now), couple, now=now)
    run_until_idle(now)

    row = Schedule.objects.get()
    assert (row.due_at - now).total_seconds() == max(pause, asked or 0)
    assert row.attempt == 1


@pytest.mark.parametrize("code", ["30003", "30005", "30008"])
def test_error_that_comes_after_delivery_sends_nothing_again(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, code: str
) -> None:
    (instance,) = begin(published(vendor, now, a_journey().sms("text")), couple, now=now)
    run_until_idle(now)
    url = provider.accepted()[0]["callback"]
    form = {"MessageSid": provider.accepted()[0]["id"], "MessageStatus": "undelivered", "ErrorCode": code}
    headers, body = sign_twilio(url, form, token=TWILIO_TOKEN)

    reports = adapter_named("twilio").parse_callback(headers=headers, body=body, url=url, now=now)
    receive(provider="twilio", reports=reports, now=now)
    run_until_idle(now + timedelta(days=1))

    message = Message.objects.get()
    assert (message.status, message.delivery, len(provider.accepted())) == ("accepted", "bounced", 1)
    assert not Circuit.objects.exists()
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
