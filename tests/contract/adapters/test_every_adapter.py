"""What is asked of every adapter, whatever its provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as django_settings

from channels.contract import CallbackRefused, LookUpState, Verdict
from channels.registry import adapters
from journeys.language.errors import ErrorClass

from .conftest import Bench


def test_suite_covers_every_adapter():
    assert sorted(adapters()) == ["sendgrid", "sink", "smtp", "twilio"]


def test_adapter_says_what_it_carries(bench: Bench):
    adapter = bench.adapter

    assert adapter.name
    assert set(adapter.channels) <= {"email", "sms"}
    assert adapter.is_configured(django_settings)


def test_message_is_handed_over_once(bench: Bench):
    result = bench.adapter.send(bench.message)

    assert result.verdict == Verdict.ACCEPTED
    assert result.provider_id
    assert bench.taken() == 1


def test_provider_that_can_not_be_reached_got_nothing(bench: Bench):
    bench.unplug()

    result = bench.adapter.send(bench.message)

    assert result.verdict == Verdict.RETRY
    assert result.error_class == ErrorClass.TRANSIENT
    assert result.code == "connect_failed"
    assert bench.taken() == 0


def test_rate_limit_is_another_time(bench: Bench):
    bench.fail("429")

    result = bench.adapter.send(bench.message)

    assert result.verdict == Verdict.RETRY
    assert result.error_class == ErrorClass.TRANSIENT
    assert bench.taken() == 0


def test_refusal_is_final(bench: Bench):
    bench.fail("reject")

    result = bench.adapter.send(bench.message)

    if bench.adapter.name == "twilio":
        # Without a code of Twilio's own a 400 is not known, and what is not known is tried again.
        assert result.verdict == Verdict.RETRY
    else:
        assert result.verdict == Verdict.REJECTED
        assert result.error_class == ErrorClass.PERMANENT
    assert bench.taken() == 0


@pytest.mark.parametrize(
    "fault", ["accept_then_close", "accept_then_5xx", "accept_then_garbage", "hang", "drip"]
)
def test_lost_answer_leaves_the_message_in_doubt(bench: Bench, fault: str):
    if fault not in bench.faults_in_doubt:
        pytest.skip(f"{bench.adapter.name} knows no such fault.")
    bench.fail(fault)

    result = bench.adapter.send(bench.message)

    assert result.verdict == Verdict.IN_DOUBT
    assert bench.taken() == 1


def test_look_up_finds_what_was_taken(bench: Bench):
    if not bench.adapter.can_look_up:
        pytest.skip(f"{bench.adapter.name} can not be asked.")
    since = bench.message.handed_over_at - timedelta(minutes=5)
    bench.adapter.send(bench.message)

    assert bench.adapter.look_up(bench.message, since=since).state == LookUpState.FOUND


def test_look_up_does_not_find_another_message(bench: Bench):
    if not bench.adapter.can_look_up:
        pytest.skip(f"{bench.adapter.name} can not be asked.")
    since = bench.message.handed_over_at - timedelta(minutes=5)
    bench.adapter.send(bench.message)
    other = replace(bench.message, key="another", message_id="msg_other", text="Something else")

    assert bench.adapter.look_up(other, since=since).state == LookUpState.ABSENT


def test_look_up_without_a_network_says_so(bench: Bench):
    if not bench.adapter.can_look_up:
        pytest.skip(f"{bench.adapter.name} can not be asked.")
    bench.unplug()

    answer = bench.adapter.look_up(bench.message, since=bench.message.handed_over_at)

    assert answer.state == LookUpState.UNREACHABLE


def test_adapter_that_can_not_look_up_says_so(bench: Bench):
    if bench.adapter.can_look_up:
        pytest.skip(f"{bench.adapter.name} can be asked.")

    answer = bench.adapter.look_up(bench.message, since=bench.message.handed_over_at)

    assert answer.state == LookUpState.UNSUPPORTED


def test_callback_without_a_signature_is_refused(bench: Bench, now):
    with pytest.raises(CallbackRefused):
        bench.adapter.parse_callback(headers={}, body=b"[]", url=bench.message.callback_url, now=now)
