"""A circuit's life: what opens it, who probes it, what closes it, and what a person sets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from channels.contract import SendResult, Sign, Verdict
from channels.models import Circuit, Message
from channels.services import circuits
from channels.services.circuits import Barred, Line, Pass
from channels.signals import circuit_changed
from journeys.language.errors import ErrorClass
from journeys.models import AuditRecord, Vendor
from tests.builders import ACTOR, a_couple, a_vendor
from tests.fakes.messages import a_spec
from tests.racing import together

pytestmark = pytest.mark.django_db
State = Circuit.State
Forced = Circuit.Forced


def a_line(*, went_well: int = 0) -> Line:
    return Line(
        key="provider:fake", kind="account", name="Fake", vendor=None, went_well=lambda _since: went_well
    )


LINE = a_line()


def circuit() -> Circuit:
    return Circuit.objects.get(key=LINE.key)


def fail(sign: Sign = Sign.TROUBLE, *, now: datetime, line: Line = LINE, **details: Any) -> None:
    circuits.heard(line, sign, code="c", reason="It does not work.", now=now, **details)


def opened(now: datetime) -> Circuit:
    fail(Sign.BROKEN, now=now)
    return circuit()


def probing(now: datetime) -> int:
    """Take the probe as soon as it may be taken."""
    answer = circuits.admit(circuit(), now=now)
    assert isinstance(answer, Pass)
    return answer.probe


@pytest.fixture
def full_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pause be as long as it may be."""
    monkeypatch.setattr(circuits.random, "random", lambda: 1.0)


@pytest.fixture
def told() -> Any:
    heard: list[tuple[bool, bool, str]] = []

    def listen(*, circuit: Circuit, let_through: bool, actor: str, **_rest: Any) -> None:
        heard.append((let_through, circuit.lets_through, actor))

    circuit_changed.connect(listen)
    yield heard
    circuit_changed.disconnect(listen)


def test_what_goes_well_writes_nothing(now: datetime):
    circuits.heard(LINE, Sign.WELL, now=now)
    circuits.heard(LINE, Sign.NOTHING, now=now)

    assert not Circuit.objects.exists()
    assert circuits.troubled(LINE) is None


def test_fault_of_the_account_opens_at_once(now: datetime, told: list[Any]):
    found = opened(now)

    assert (found.state, found.code, found.reason) == (State.OPEN, "c", "It does not work.")
    assert found.opened_at == now
    assert now + timedelta(seconds=5) <= found.probe_at <= now + timedelta(seconds=30)
    assert circuits.troubled(LINE) == found
    assert told == [(True, False, "engine")]


@pytest.mark.parametrize(
    ("sign", "needed"), [(Sign.TROUBLE, circuits.TROUBLES), (Sign.MISFIT, circuits.MISFITS)]
)
def test_several_failures_together_open_it(now: datetime, sign: Sign, needed: int):
    for seconds in range(needed - 1):
        fail(sign, now=now + timedelta(seconds=seconds))
    assert circuit().state == State.CLOSED

    fail(sign, now=now + timedelta(seconds=needed))

    assert circuit().state == State.OPEN


def test_failures_that_lie_behind_say_nothing_about_now(now: datetime):
    for minutes in range(12):
        fail(now=now + timedelta(minutes=minutes))

    assert circuit().state == State.CLOSED
    assert len(circuit().failures) == 2


@pytest.mark.parametrize(("went_well", "state"), [(5, State.OPEN), (6, State.CLOSED)])
def test_failures_count_among_the_last_ten_results(now: datetime, went_well: int, state: str):
    for _ in range(circuits.TROUBLES):
        fail(now=now, line=a_line(went_well=went_well))

    assert circuit().state == state


def test_messages_that_were_taken_are_found_in_the_ledger(now: datetime):
    vendor = a_vendor(now=now)
    spec = a_spec(vendor, a_couple(vendor, now=now))
    for number in range(3):
        Message.objects.create(
            vendor=vendor,
            client=spec.client,
            key=f"k{number}",
            provider="sendgrid",
            channel="email",
            recipient_role="partner_1",
            status=Message.Status.ACCEPTED,
            created_at=now,
            settled_at=now + timedelta(minutes=number),
        )
    line = circuits.account_of("sendgrid")
    assert line is not None

    assert line.went_well(now + timedelta(minutes=1)) == 2
    assert circuits.account_of("sink") is None


def test_pauses_double_up_to_a_quarter_of_an_hour(now: datetime, full_jitter: None):
    found = opened(now)
    pauses = [found.probe_at - now]
    for _ in range(6):
        at = circuit().probe_at
        fail(now=at, probe=probing(at))
        pauses.append(circuit().probe_at - at)

    assert [pause.total_seconds() for pause in pauses] == [30, 60, 120, 240, 480, 900, 900]
    assert circuit().opened_at == now


def test_pause_is_anywhere_below_its_ceiling(now: datetime, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(circuits.random, "random", lambda: 0.5)

    assert opened(now).probe_at == now + timedelta(seconds=15)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (timedelta(minutes=7), timedelta(minutes=7)),
        (timedelta(hours=6), timedelta(hours=1)),
        (timedelta(seconds=1), timedelta(seconds=30)),
    ],
)
def test_what_the_other_side_asks_for_counts_within_reason(
    now: datetime, full_jitter: None, asked: timedelta, pause: timedelta
):
    fail(Sign.BROKEN, now=now, asked=asked)

    assert circuit().probe_at == now + pause


def test_nobody_goes_through_before_its_time(now: datetime):
    found = opened(now)

    answer = circuits.admit(found, now=found.probe_at - timedelta(microseconds=1))

    assert isinstance(answer, Barred)
    assert (answer.until, answer.since) == (found.probe_at, now)
    assert answer.reason == "Waits for Fake: It does not work."


def test_one_goes_through_as_the_probe_and_the_others_wait(now: datetime):
    at = opened(now).probe_at

    first, second = circuits.admit(circuit(), now=at), circuits.admit(circuit(), now=at)

    assert first == Pass(probe=1)
    assert isinstance(second, Barred)
    assert second.until == at + circuits.WHILE_TRIED
    assert circuit().state == State.HALF_OPEN


def test_probe_that_goes_well_closes(now: datetime, told: list[Any]):
    at = opened(now).probe_at

    circuits.heard(LINE, Sign.WELL, probe=probing(at), now=at)

    found = circuit()
    assert (found.state, found.opens, found.reason, found.opened_at) == (State.CLOSED, 0, "", None)
    assert circuits.troubled(LINE) is None
    assert told[1:] == [(False, True, "engine")]


def test_probe_that_fails_is_told_to_nobody(now: datetime, told: list[Any]):
    at = opened(now).probe_at

    fail(now=at, probe=probing(at))

    assert (circuit().state, circuit().opens) == (State.OPEN, 2)
    assert len(told) == 1


def test_results_that_were_under_way_when_it_opened_change_nothing(now: datetime):
    before = opened(now)

    fail(Sign.BROKEN, now=now)
    circuits.heard(LINE, Sign.WELL, now=now)

    after = circuit()
    assert (after.state, after.opens, after.probe_at) == (before.state, before.opens, before.probe_at)


def test_probe_that_says_nothing_is_given_back(now: datetime):
    at = opened(now).probe_at

    circuits.heard(LINE, Sign.NOTHING, probe=probing(at), now=at)

    assert circuit().state == State.OPEN
    assert probing(at) == 2


def test_probe_whose_process_died_is_given_up_with_its_lease(now: datetime):
    at = opened(now).probe_at
    dead = probing(at)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE channels_circuit SET probe_lease = clock_timestamp() - interval '1 second'")

    alive = probing(at)

    fail(now=at, probe=dead)
    assert (alive, circuit().state) == (dead + 1, State.HALF_OPEN)
    circuits.heard(LINE, Sign.WELL, probe=alive, now=at)
    assert circuit().state == State.CLOSED


def test_probe_is_taken_back_with_its_transaction(now: datetime):
    at = opened(now).probe_at

    with transaction.atomic():
        probing(at)
        transaction.set_rollback(True)

    assert circuit().state == State.OPEN


def test_stopped_by_hand_lets_no_probe_through(now: datetime, told: list[Any]):
    fail(now=now)
    circuits.circuit_set(circuit=circuit(), forced="open", now=now, actor=ACTOR)

    answer = circuits.admit(circuit(), now=now + timedelta(days=2))

    assert isinstance(answer, Barred)
    assert answer.reason == "Waits for Fake: it was stopped by hand."
    assert told == [(True, False, ACTOR)]
    assert AuditRecord.objects.get().action == "circuit.stopped"


def test_let_through_by_hand_lets_everything_through_whatever_fails(now: datetime):
    opened(now)
    circuits.circuit_set(circuit=circuit(), forced="closed", now=now, actor=ACTOR)

    for _ in range(20):
        fail(Sign.BROKEN, now=now)

    assert circuits.troubled(LINE) is None
    assert AuditRecord.objects.get().action == "circuit.let_through"


def test_reset_begins_anew(now: datetime, told: list[Any]):
    opened(now)

    circuits.circuit_set(circuit=circuit(), forced="", now=now, actor=ACTOR)
    circuits.circuit_set(circuit=circuit(), forced="", now=now, actor=ACTOR)

    assert circuits.troubled(LINE) is None
    assert [record.action for record in AuditRecord.objects.all()] == ["circuit.reset"]
    assert told[1:] == [(False, True, ACTOR)]
    assert opened(now).opens == 1


def test_services_of_two_vendors_are_two_circuits(now: datetime):
    def line(vendor: Vendor) -> Line:
        return circuits.host_of(vendor, "api.example.com", went_well=lambda _since: 0)

    mine, theirs = a_vendor(now=now), a_vendor(name="Somebody Else", now=now)

    fail(Sign.BROKEN, now=now, line=line(mine))

    assert circuits.troubled(line(mine)) is not None
    assert circuits.troubled(line(theirs)) is None


@pytest.mark.parametrize(
    ("result", "sign"),
    [
        (SendResult(Verdict.ACCEPTED), Sign.WELL),
        (SendResult(Verdict.REJECTED, error_class=ErrorClass.USER), Sign.WELL),
        (SendResult(Verdict.REJECTED, error_class=ErrorClass.PERMANENT), Sign.WELL),
        (SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT), Sign.TROUBLE),
        (SendResult(Verdict.IN_DOUBT), Sign.TROUBLE),
        (SendResult(Verdict.RETRY, error_class=ErrorClass.ACCOUNT), Sign.BROKEN),
        (SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT, says=Sign.NOTHING), Sign.NOTHING),
    ],
)
def test_result_says_something_about_its_account(result: SendResult, sign: Sign):
    assert result.sign is sign


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(60)
@pytest.mark.parametrize("lease_has_ended", [False, True])
def test_of_many_at_once_exactly_one_gets_the_probe(now: datetime, *, lease_has_ended: bool):
    at = opened(now).probe_at
    if lease_has_ended:
        probing(at)
        Circuit.objects.update(probe_lease="2020-01-01T00:00:00Z")
    found = circuit()

    def come() -> Any:
        with transaction.atomic():
            return circuits.admit(found, now=at)

    answers = together(*[come] * 8)

    assert sum(isinstance(answer, Pass) for answer in answers) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(60)
def test_failures_at_once_are_all_counted(now: datetime):
    together(*[lambda: fail(now=now)] * circuits.TROUBLES)

    assert (circuit().state, circuit().opens) == (State.OPEN, 1)
