"""Alerts open while something is wrong, and go away by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from channels.models import DeliveryEvent, Message
from engine.broker_queues import STEP_QUEUES
from engine.models import Heartbeat, QueueControl, Schedule
from engine.services import heartbeats
from engine.services.priorities import QUEUES
from journeys.errors import Conflict
from journeys.models import AuditRecord
from monitoring import watches
from monitoring.models import Alert, Examination
from monitoring.services import examining, watching
from monitoring.services.alerts import Trouble, alert_acknowledge, report
from tests.integration.monitoring.test_doctor import BREAKS

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def sql(text, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)


def trouble(**changes):
    return Trouble(
        **{
            "key": "leak",
            "level": Alert.Level.WARNING,
            "title": "It leaks.",
            "detail": "A bucket.",
            **changes,
        }
    )


def keys(status=Alert.Status.OPEN):
    return set(Alert.objects.filter(status=status).values_list("key", flat=True))


# What is seen


def test_trouble_is_one_alert_however_often_it_is_seen(now, db):
    for at in (now, now + MINUTE, now + 2 * MINUTE):
        report(source="pipe", troubles=[trouble()], now=at)
    alert = Alert.objects.get()
    assert (3, now, now + 2 * MINUTE, "open") == (alert.times, alert.opened_at, alert.seen_at, alert.status)


def test_alert_is_resolved_by_itself_when_its_source_sees_it_no_more(now, db):
    report(source="pipe", troubles=[trouble()], now=now)
    report(source="roof", troubles=[], now=now + MINUTE)
    assert {"leak"} == keys()
    report(source="pipe", troubles=[], now=now + MINUTE)
    alert = Alert.objects.get()
    assert ("resolved", now + MINUTE) == (alert.status, alert.resolved_at)


def test_trouble_that_comes_back_is_another_alert(now, db):
    for troubles in ([trouble()], [], [trouble()]):
        report(source="pipe", troubles=troubles, now=now)
    assert ["open", "resolved"] == sorted(Alert.objects.values_list("status", flat=True))


def test_trouble_that_may_pass_is_told_of_after_the_second_look(now, db):
    shortly = trouble(patience=10 * SECOND)
    report(source="pipe", troubles=[shortly], now=now)
    report(source="pipe", troubles=[shortly], now=now + SECOND)
    assert {"leak"} == keys(Alert.Status.SUSPECTED)
    report(source="pipe", troubles=[shortly], now=now + 10 * SECOND)
    assert {"leak"} == keys()


def test_trouble_that_passed_before_the_second_look_leaves_nothing(now, db):
    report(source="pipe", troubles=[trouble(patience=10 * SECOND)], now=now)
    report(source="pipe", troubles=[], now=now + 10 * SECOND)
    assert not Alert.objects.exists()


def test_alert_is_taken_up_once_and_audited(now, vendor):
    report(source="pipe", troubles=[trouble(vendor_id=vendor.pk)], now=now)
    for actor in ("user:1", "user:2"):
        alert_acknowledge(alert=Alert.objects.get(), now=now, actor=actor)
    assert "user:1" == Alert.objects.get().acknowledged_by
    assert 1 == AuditRecord.objects.filter(action="alert.acknowledged", vendor=vendor).count()


def test_alert_that_is_mended_can_not_be_taken_up(now, db):
    report(source="pipe", troubles=[trouble()], now=now)
    report(source="pipe", troubles=[], now=now)
    with pytest.raises(Conflict, match="mended"):
        alert_acknowledge(alert=Alert.objects.get(), now=now, actor="user:1")


# The watches


def looked(now):
    """Look twice, so that what could pass is told of."""
    watching.look(now=now)
    watching.look(now=now + 10 * SECOND)
    return keys()


def test_system_in_order_has_no_alert(instance, now):
    heartbeats.beat("beat")
    heartbeats.beat("worker:all@one", queues=[*QUEUES, *STEP_QUEUES])
    assert set() == looked(now)
    watching.look(now=now + MINUTE)
    assert set() == keys()


def age(name, by):
    sql("UPDATE engine_heartbeat SET beat_at = beat_at - %s WHERE name = %s", by, name)


def test_silent_beat_is_an_alert_until_it_beats(now, db):
    heartbeats.beat("beat")
    age("beat", 31 * SECOND)
    assert {"beat"} == looked(now)
    heartbeats.beat("beat")
    assert set() == looked(now + MINUTE)


def test_numbered_workers_are_one_kind(now, db):
    for name in ("worker:worker-steps-1@one", "worker:worker-steps-2@one"):
        heartbeats.beat(name, queues=[])
    age("worker:worker-steps-2@one", 31 * SECOND)
    assert set() == looked(now)
    age("worker:worker-steps-1@one", 31 * SECOND)
    assert {"worker:worker-steps"} == looked(now)


def test_kind_of_worker_of_which_none_lives_is_an_alert(now, db):
    for name in ("worker:urgent@one", "worker:all@one", "worker:all@two"):
        heartbeats.beat(name, queues=[])
    age("worker:urgent@one", 31 * SECOND)
    age("worker:all@one", 31 * SECOND)
    assert {"worker:urgent"} == looked(now)


def test_queue_that_no_living_worker_serves_is_an_alert_when_it_stays_so(now, db):
    heartbeats.beat("worker:all@one", queues=[*QUEUES, *STEP_QUEUES[:-1]])
    heartbeats.beat("worker:worker-steps-1@one", queues=[*STEP_QUEUES])
    assert set() == looked(now)
    age("worker:worker-steps-1@one", 31 * SECOND)
    watching.look(now=now + MINUTE)
    watching.look(now=now + 2 * MINUTE)
    assert {"worker:worker-steps", "unserved"} == keys()
    assert STEP_QUEUES[-1] in Alert.objects.get(key="unserved").title


def test_worker_that_was_switched_off_long_ago_is_not_missed(now, db):
    heartbeats.beat("worker:old@one", queues=[])
    age("worker:old@one", 25 * 60 * MINUTE)
    assert set() == looked(now)


def test_silence_is_no_alert_while_processing_is_switched_off(now, db):
    heartbeats.beat("beat")
    age("beat", MINUTE)
    QueueControl.objects.create(id=1, running=False, changed_at=now)
    assert set() == looked(now)


def test_processing_that_was_switched_off_and_forgotten_is_an_alert(now, db):
    QueueControl.objects.create(id=1, running=False, changed_at=now, changed_by="user:1")
    assert set() == looked(now + 9 * MINUTE)
    assert {"queue_stopped"} == looked(now + 10 * MINUTE)


def test_clock_of_the_host_is_compared_with_the_databases(now, db, monkeypatch):
    assert abs(watches.host_skew()) < SECOND
    real = watches.time.clock_gettime
    monkeypatch.setattr(watches.time, "clock_gettime", lambda which: real(which) + 3)
    assert {f"clock:{watches.socket.gethostname()}"} == looked(now)
    assert "3.0 s ahead" in Alert.objects.get().title


def test_clock_of_a_host_that_went_away_is_forgotten(now, db):
    report(source="clocks:gone", troubles=[trouble(key="clock:gone")], now=now)
    watching.look(now=now + 9 * MINUTE)
    assert {"clock:gone"} == keys()
    watching.look(now=now + 11 * MINUTE)
    assert set() == keys()


def test_due_steps_that_nobody_begins_are_an_alert(instance, now):
    Schedule.objects.update(due_at=now - 2 * MINUTE)
    assert {"late_steps"} == looked(now)


def test_due_steps_of_a_paused_journey_are_not_late(instance, now):
    Schedule.objects.update(due_at=now - 2 * MINUTE)
    instance.status = "paused"
    instance.save()
    assert set() == looked(now)


@pytest.mark.django_db(transaction=True)
def test_transaction_that_stays_open_is_an_alert(now, monkeypatch):
    from django.db import connections

    monkeypatch.setattr(watches, "OLD_TRANSACTION", timedelta())
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM engine_queuecontrol")
        assert "old_transaction" in looked(now)
    finally:
        other.close()


def test_message_in_doubt_is_an_alert_of_its_vendor_after_a_while(instance, vendor, now):
    Message.objects.update(status="in_doubt", in_doubt_since=now)
    assert set() == looked(now + 19 * MINUTE)
    assert {f"in_doubt:{vendor.pk}"} == looked(now + 21 * MINUTE)
    assert vendor == Alert.objects.get().vendor
    Message.objects.update(status="accepted")
    assert set() == looked(now + 22 * MINUTE)


def test_emergency_is_an_alert_of_its_vendor(vendor, now):
    from engine.models import InterventionTicket

    ticket = InterventionTicket.objects.create(
        vendor=vendor,
        cause="one",
        level="emergency",
        code="text_incomplete",
        summary="A name.",
        created_at=now,
    )
    assert {f"ticket:{ticket.public_id}"} == looked(now)
    InterventionTicket.objects.update(status="resolved")
    assert set() == looked(now + MINUTE)


def test_account_that_is_not_called_is_an_alert_of_the_system(now, db):
    from channels.models import Circuit

    circuit = Circuit.objects.create(
        key="provider:sendgrid", kind="account", name="SendGrid", state="open", reason="The key is refused.",
        opened_at=now, probe_at=now + MINUTE, changed_at=now,
    )  # fmt: skip
    assert {"circuit:provider:sendgrid"} == looked(now)
    assert "The key is refused." in Alert.objects.get().detail
    circuit.forced = "closed"
    circuit.save()
    assert set() == looked(now + MINUTE)


def test_open_dead_letters_are_an_alert(vendor, now):
    from engine.models import DeadLetter

    DeadLetter.objects.create(vendor=vendor, kind="wake", key="1", first_at=now, last_at=now)
    assert {f"dead_letters:{vendor.pk}"} == looked(now)
    DeadLetter.objects.update(status="discarded")
    assert set() == looked(now + MINUTE)


def a_report(message, now):
    DeliveryEvent.objects.create(
        provider=message.provider, event_key="another", kind="delivered", received_at=now
    )


def test_message_that_nothing_was_heard_of_for_a_day_is_an_alert(instance, now):
    message = Message.objects.get()
    assert set() == looked(now + DAY + MINUTE), "this provider reports on nothing"
    a_report(message, now)
    Examination.objects.all().delete()
    assert {f"unheard:{message.provider}"} == looked(now + DAY + MINUTE)
    Message.objects.update(delivery="delivered")
    assert set() == looked(now + DAY + 12 * MINUTE)


def test_messages_are_listened_for_between_one_day_and_two(instance, now):
    a_report(Message.objects.get(), now)
    for at in (now + DAY - MINUTE, now + 2 * DAY + MINUTE):
        Examination.objects.all().delete()
        assert set() == looked(at)


def test_watch_that_breaks_does_not_keep_the_others_from_looking(now, db, monkeypatch):
    def breaks(_now):
        sql("SELECT nothing FROM nowhere")

    monkeypatch.setattr(watches, "WATCHES", [watches.Watch("broken", breaks), *watches.WATCHES])
    monkeypatch.setattr(watching, "WATCHES", watches.WATCHES)
    heartbeats.beat("beat")
    age("beat", MINUTE)
    assert {"beat"} == looked(now)


@pytest.mark.django_db(transaction=True)
def test_only_one_looks_at_a_time(now):
    from django.db import connections, transaction

    from monitoring.services.alerts import alone

    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('monitoring:watch', 0))")
        assert watching.look(now=now) is False
    finally:
        other.close()
    with transaction.atomic():
        assert alone("watch")


# The doctor's own rounds


def examine_all(now):
    done = []
    while names := examining.examine_slice(now=now):
        done += names
    return done


def test_slices_come_to_every_promise_once_in_a_round(instance, now, monkeypatch):
    monkeypatch.setattr(examining, "BUDGET", 0.0)
    assert 1 == len(examining.examine_slice(now=now))
    examine_all(now)
    assert {one.name for one in examining.INVARIANTS} == set(
        Examination.objects.values_list("name", flat=True)
    )
    assert [] == examining.examine_slice(now=now + 299 * SECOND)
    assert 1 == len(examining.examine_slice(now=now + 300 * SECOND))


def test_promise_that_waited_longest_comes_first(instance, now, monkeypatch):
    examine_all(now)
    monkeypatch.setattr(examining, "BUDGET", 0.0)
    Examination.objects.filter(name="message_once").update(checked_at=now - MINUTE)
    assert ["message_once"] == examining.examine_slice(now=now + 301 * SECOND)


def test_broken_promise_opens_an_alert_and_mended_resolves_it(instance, now):
    sql(BREAKS["finished_has_no_schedule"])
    examine_all(now)
    assert "doctor:finished_has_no_schedule" in keys()
    assert instance.public_id in Alert.objects.get(key="doctor:finished_has_no_schedule").detail
    sql("UPDATE engine_instance SET status = 'active'")
    examine_all(now + 301 * SECOND)
    assert set() == keys()


def test_promise_that_may_mend_itself_is_looked_at_again_soon(instance, now):
    sql(BREAKS["due_work_is_taken"])
    examine_all(now)
    assert "doctor:due_work_is_taken" in keys(Alert.Status.SUSPECTED)
    examine_all(now + 31 * SECOND)
    assert "doctor:due_work_is_taken" in keys()


def test_promise_that_takes_too_long_is_reported_as_not_looked_at(instance, now, monkeypatch):
    def slow(_look):
        sql("SELECT pg_sleep(5)")

    name = "message_once"
    slow_one = next(one for one in examining.INVARIANTS if one.name == name)
    slow_one = type(slow_one)(name, slow_one.promise, slow_one.remedy, slow)
    monkeypatch.setattr(examining, "INVARIANTS", [slow_one])
    monkeypatch.setattr(examining, "LONGEST_STATEMENT", 0.05)
    examine_all(now)
    examine_all(now + 301 * SECOND)
    assert {f"unlooked:{name}"} == keys()
    assert "within" in Examination.objects.get(name=name).failure
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert "30s" == cursor.fetchone()[0]


def test_heartbeat_of_measuring_is_no_worker(now, db):
    heartbeats.beat("measure")
    age("measure", MINUTE)
    assert Heartbeat.objects.exists()
    assert set() == looked(now)
