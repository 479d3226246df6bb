"""The doctor finds each broken promise, and nothing in a healthy database."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from channels.models import Message
from engine.models import QueueControl
from engine.services.free_times import free_times
from monitoring.invariants import INVARIANTS
from tests.meets import a_booking, a_call


def sql(text, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)


def broken(now):
    return {one.name for one in INVARIANTS if one.check(now).broken}


def test_healthy_database_keeps_every_promise(instance, now):
    assert set() == broken(now)


BREAKS = {
    "instance_has_schedule": "DELETE FROM engine_schedule",
    "due_work_is_taken": (
        "UPDATE engine_schedule SET due_at = clock_timestamp() - interval '2 minutes', meant = NULL"
    ),
    "completed_once": (
        "INSERT INTO engine_nodeexecution (public_id, vendor_id, instance_id, schedule_id, node_id, node_type, branch,"
        " visit, attempt, status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at,"
        " duration_ms) SELECT gen_random_uuid(), vendor_id, instance_id, schedule_id, node_id, node_type, branch, visit, attempt,"
        " status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at, duration_ms"
        " FROM engine_nodeexecution WHERE node_id = 'welcome'"
    ),
    "timers_follow_their_rule": "UPDATE engine_schedule SET due_at = due_at + interval '1 hour'",
    "finished_has_no_schedule": "UPDATE engine_instance SET status = 'completed'",
    "place_is_in_its_version": "UPDATE engine_schedule SET node_id = 'elsewhere'",
    "encrypted_is_readable": "UPDATE journeys_client SET display_name = 'k9:' || repeat('A', 40)",
    "partitions_are_ahead": "UPDATE engine_nodeexecution SET at = at + interval '9 years'",
    "state_is_history_replayed": "UPDATE engine_schedule SET visit = visit + 1",
    "outbox_is_emptied": (
        "INSERT INTO engine_wake (client_id, topics, written_at)"
        " VALUES (1, ARRAY['client'], clock_timestamp() - interval '2 minutes')"
    ),
    "message_has_owner": "UPDATE channels_message SET status = 'retry', node_id = 'elsewhere'",
}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_doctor_finds_the_broken_promise(instance, now, name):
    assert Message.objects.exists()
    sql(BREAKS[name])
    assert name in broken(now)


def test_doctor_finds_two_messages_with_one_provider_id(instance, now):
    message = Message.objects.get()
    Message.objects.filter(pk=message.pk).update(provider_id="same")
    message.pk, message.public_id, message.key, message.provider_id = None, "", "another", "same"
    message.save()
    assert "message_once" in broken(now)


def test_doctor_finds_a_letter_about_a_meeting_that_nobody_sends(vendor, couple, now):
    kind = a_call(vendor, now=now)
    a_booking(kind, couple, free_times(kind, now=now)[0], now=now)
    assert "letters_about_meetings_go_out" not in broken(now)
    assert "letters_about_meetings_go_out" in broken(now + timedelta(minutes=6))


def test_due_work_has_a_reason_while_the_queue_is_switched_off(instance, now):
    sql(BREAKS["due_work_is_taken"])
    QueueControl.objects.update_or_create(id=1, defaults={"running": False})
    assert "due_work_is_taken" not in broken(now)


def test_every_promise_has_a_test_that_breaks_it():
    assert {one.name for one in INVARIANTS} == {*BREAKS, "message_once", "letters_about_meetings_go_out"}


def test_report_for_programs_names_what_to_do_and_the_command_fails(instance):
    sql(BREAKS["instance_has_schedule"])
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    report = json.loads(out.getvalue())
    found = next(one for one in report["invariants"] if one["broken"])
    assert (1, False) == (ended.value.code, report["healthy"])
    assert ("instance_has_schedule", [instance.public_id]) == (found["name"], found["examples"])
    assert found["remedy"]


def test_report_for_people_says_how_many_promises_hold(instance):
    out = StringIO()
    call_command("doctor", stdout=out)
    assert f"{len(INVARIANTS)} of {len(INVARIANTS)} promises hold." in out.getvalue()
