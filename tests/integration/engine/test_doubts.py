"""Messages in doubt: what is being done about them, and a person's word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.models import Message
from channels.services import sending
from engine.models import Instance, NodeExecution, Schedule, TicketLine
from engine.services import dispatch, runner
from engine.services.doubts import doubt_settle, doubts_of, open_doubts
from engine.services.instances import instance_cancel, instance_start
from journeys.errors import Conflict
from journeys.models import AuditRecord
from tests.builders import ACTOR, a_journey
from tests.drive import bells, run_until_idle
from tests.fakes.provider import TWILIO_SID, TWILIO_TOKEN, FakeProvider
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
Status = Message.Status


@pytest.fixture
def provider(settings, now):
    with FakeProvider(now=lambda: now) as fake:
        settings.TWILIO_ACCOUNT_SID = TWILIO_SID
        settings.TWILIO_AUTH_TOKEN = TWILIO_TOKEN
        settings.TWILIO_API_BASE = fake.url
        settings.TWILIO_FROM = "+351910000000"
        settings.PROVIDER_TIMEOUT_SECONDS = 1
        yield fake


def begin(vendor, couple, now, **settings):
    """Let a couple in whose text gets lost on its way."""
    journey = a_journey().sms("hello", **settings).email("after").publish(vendor, now=now)
    return instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)


@pytest.fixture
def doubtful(vendor, couple, provider, now):
    """A text that the provider took, and whose answer was lost; the provider can not be asked either."""
    provider.fail("twilio", "accept_then_close")
    provider.fail("twilio", "5xx", times=50, on="look_up")
    begin(vendor, couple, now)
    run_until_idle(now)
    return Message.objects.select_related("vendor").get(channel="sms")


def unknown(doubtful, now):
    """Let the time run out in which it could be found out."""
    later = now + 16 * MINUTE
    run_until_idle(later)
    doubtful.refresh_from_db()
    assert Status.UNKNOWN == doubtful.status
    return later


def settle(message, now, *, sent, actor="user:1"):
    return doubt_settle(message=message, sent=sent, now=now, actor=actor)


def after():
    return list(Message.objects.filter(node_id="after").values_list("status", flat=True))


def test_doubt_says_what_is_done_next_and_who_decides(doubtful, vendor, now):
    (doubt,) = doubts_of(open_doubts(vendor))
    place = Schedule.objects.get()
    assert ("provider", place.due_at, now + 15 * MINUTE) == (doubt.decides, doubt.next_at, doubt.rule_at)
    assert doubt.can_resend
    assert "The provider is asked again; when nothing is found out, a person is asked." == doubt.outlook


def test_doubt_names_the_rule_of_its_step(vendor, couple, provider, now):
    provider.fail("twilio", "accept_then_close")
    provider.fail("twilio", "5xx", times=50, on="look_up")
    begin(vendor, couple, now, when_in_doubt="resend")
    run_until_idle(now)
    (doubt,) = doubts_of(open_doubts(vendor))
    assert "it is sent again" in doubt.outlook


def test_doubt_that_could_not_be_resolved_waits_for_a_person(doubtful, vendor, now):
    unknown(doubtful, now)
    (doubt,) = doubts_of(open_doubts(vendor))
    assert ("person", None, None, True) == (doubt.decides, doubt.next_at, doubt.rule_at, doubt.can_resend)


def test_listing_costs_the_same_however_many_there_are(doubtful, vendor, django_assert_max_num_queries):
    messages = list(open_doubts(vendor)) * 5
    with django_assert_max_num_queries(5):
        doubts_of(messages)


def test_word_that_it_was_sent_lets_the_journey_go_on_at_once(doubtful, provider, now):
    settled = settle(doubtful, now + MINUTE, sent=True)
    assert (Status.ACCEPTED, "person") == (settled.status, settled.settled_by)
    run_until_idle(now + MINUTE)
    assert [Status.ACCEPTED] == after()
    assert 1 == len(provider.accepted("twilio"))


def test_word_that_it_was_not_sent_sends_it_again_at_once(doubtful, provider, now):
    settle(doubtful, now + MINUTE, sent=False)
    run_until_idle(now + MINUTE)
    doubtful.refresh_from_db()
    assert (Status.ACCEPTED, 2) == (doubtful.status, doubtful.attempt)
    assert 2 == len(provider.accepted("twilio"))
    assert [Status.ACCEPTED] == after()


@pytest.mark.parametrize(("sent", "texts"), [(True, 1), (False, 2)])
def test_word_about_one_that_could_not_be_found_out_takes_its_ticket_back(
    doubtful, provider, now, sent, texts
):
    later = unknown(doubtful, now)
    assert 1 == TicketLine.objects.filter(status="open", code="in_doubt").count()
    settle(doubtful, later, sent=sent)
    assert 0 == TicketLine.objects.filter(status="open").count()
    run_until_idle(later)
    assert [Status.ACCEPTED] == after()
    assert texts == len(provider.accepted("twilio"))
    assert Instance.Status.COMPLETED == Instance.objects.get().status


def test_word_is_audited_with_the_person_who_gave_it(doubtful, now):
    settle(doubtful, now, sent=True, actor="user:7")
    record = AuditRecord.objects.get(action="message.settled")
    assert ("user:7", doubtful.public_id, {"sent": True}) == (record.actor, record.object_id, record.detail)


@pytest.mark.parametrize("second", [True, False])
def test_second_word_is_refused(doubtful, now, second):
    settle(doubtful, now, sent=True)
    with pytest.raises(Conflict) as refused:
        settle(doubtful, now, sent=second)
    assert "settled" == refused.value.code
    assert 1 == AuditRecord.objects.filter(action="message.settled").count()


def test_message_of_a_step_that_was_left_can_only_be_taken_for_sent(doubtful, vendor, now):
    instance_cancel(instance=Instance.objects.get(), now=now, actor=ACTOR)
    (doubt,) = doubts_of(open_doubts(vendor))
    assert ("person", False) == (doubt.decides, doubt.can_resend)
    with pytest.raises(Conflict) as refused:
        settle(doubtful, now, sent=False)
    assert "moved_on" == refused.value.code
    assert Status.ACCEPTED == settle(doubtful, now, sent=True).status


def test_step_of_a_paused_journey_waits_with_its_settled_message(doubtful, provider, now):
    Instance.objects.update(status="paused")
    settle(doubtful, now, sent=True)
    run_until_idle(now)
    assert [] == after()
    Instance.objects.update(status="active")
    run_until_idle(now)
    assert [Status.ACCEPTED] == after()


def test_two_people_at_once_settle_it_once(doubtful, provider, now):
    was_sent, was_not = together(
        lambda: settle(doubtful, now, sent=True),
        lambda: settle(doubtful, now, sent=False),
        refusals=Conflict,
    )
    (refused,) = [one for one in (was_sent, was_not) if isinstance(one, Conflict)]
    assert "settled" == refused.code
    run_until_idle(now)
    assert (2 if refused is was_sent else 1) == len(provider.accepted("twilio"))
    assert 1 == NodeExecution.objects.filter(node_id="hello", status="succeeded").count()


@pytest.mark.parametrize(("sent", "texts"), [(True, 1), (False, 2)])
def test_word_that_comes_while_the_step_is_at_work_is_heard(
    doubtful, provider, now, monkeypatch, sent, texts
):
    later = now + MINUTE
    dispatch.dispatch(now=later)
    asked = sending.settle_in_doubt

    def asks(*, message, now):
        settle(message, now, sent=sent)
        return asked(message=message, now=now)

    monkeypatch.setattr(sending, "settle_in_doubt", asks)
    runner.run(places=bells(), now=later)
    run_until_idle(later)
    assert [Status.ACCEPTED] == after()
    assert texts == len(provider.accepted("twilio"))
    assert not NodeExecution.objects.filter(status="retrying").exists()
