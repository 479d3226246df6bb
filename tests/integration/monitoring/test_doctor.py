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
from tests.builders import END, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.meets import a_booking, a_call
from tests.patterns.passing import begin


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
    "parked_waits_for_somebody": "UPDATE engine_schedule SET state = 'parked', due_at = NULL, meant = NULL",
    "poison_is_quarantined": "UPDATE engine_schedule SET claims = 7",
    "completed_is_the_end": (
        "INSERT INTO engine_nodeexecution (public_id, vendor_id, instance_id, schedule_id, node_id, node_type, branch,"
        " visit, attempt, status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at,"
        " duration_ms) SELECT gen_random_uuid(), vendor_id, instance_id, schedule_id, node_id, node_type, branch, visit, attempt,"
        " 'held', '', reason, error_class, error_code, queue, due_at, ready_at, started_at, at, duration_ms"
        " FROM engine_nodeexecution WHERE node_id = 'welcome'"
    ),
    "tokens_are_conserved": "UPDATE engine_instance SET status = 'completed'; DELETE FROM engine_schedule",
    "never_early": (
        "UPDATE engine_nodeexecution SET due_at = started_at + interval '1 hour' WHERE node_id = 'welcome'"
    ),
    "nothing_after_no": (
        "INSERT INTO channels_suppression (vendor_id, channel, address_index, address, reason, created_at)"
        " SELECT vendor_id, channel, address_index, address, 'stop', sending_at - interval '1 hour'"
        " FROM channels_message"
    ),
    "nothing_after_the_end": (
        "UPDATE engine_instance SET status = 'cancelled',"
        " finished_at = (SELECT min(sending_at) - interval '1 hour' FROM channels_message)"
    ),
    "heard_of_is_sent": "UPDATE channels_message SET status = 'rejected', delivery = 'delivered'",
    "delivery_is_what_was_reported": (
        "INSERT INTO channels_deliveryevent (provider, event_key, message_id, kind, received_at)"
        " SELECT provider, 'one', id, 'bounced', sending_at FROM channels_message"
    ),
}

#: One more row of history, at another step.
ELSEWHERE = (
    "INSERT INTO engine_nodeexecution (public_id, vendor_id, instance_id, schedule_id, node_id, node_type, branch,"
    " visit, attempt, status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at,"
    " duration_ms) SELECT gen_random_uuid(), vendor_id, instance_id, schedule_id, 'elsewhere', node_type, branch, visit,"
    " attempt, status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at, duration_ms"
    " FROM engine_nodeexecution WHERE node_id = 'welcome' LIMIT 1"
)


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


def test_history_told_of_the_future_is_found(instance, now):
    sql("UPDATE engine_nodeexecution SET at = %s WHERE node_id = 'welcome'", now + timedelta(minutes=1))
    assert "never_early" in broken(now)


def test_merge_that_has_all_it_waits_for_and_does_not_go_on_is_found(couple, now):
    net = a_net(
        {
            "s": split_all("a", "b"),
            "one": pause("1d"),
            "two": pause("2d"),
            "m": merge("s"),
            "after": tag("after"),
            "end": END,
        },
        *("start>s", "s.a>one", "s.b>two", "one>m", "two>m", "m>after", "after>end"),
    )
    begin(net, couple, now=now)
    run_until_idle(now + timedelta(days=1))
    assert "parked_waits_for_somebody" not in broken(now + timedelta(days=1))
    sql("DELETE FROM engine_schedule WHERE node_id = 'two'")
    assert "parked_waits_for_somebody" in broken(now + timedelta(days=1))


def test_opt_out_a_moment_before_a_sending_under_way_is_no_breach(instance, now):
    sql(BREAKS["nothing_after_no"].replace("1 hour", "10 seconds"))
    assert "nothing_after_no" not in broken(now)


def test_own_rounds_look_at_the_newest_rows_of_what_only_grows(instance, now):
    sql(BREAKS["completed_is_the_end"])
    one = next(one for one in INVARIANTS if one.name == "completed_is_the_end")
    assert (1, 1) == (one.check(now).broken, one.check(now, newest=1).broken)
    sql(ELSEWHERE)
    assert (1, 0) == (one.check(now).broken, one.check(now, newest=1).broken)


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
