"""What breaks in an outbox is tried a few times, then kept whole; it never comes back for ever."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from channels.models import Message
from engine.models import DeadLetter, Instance, MeetingNotice, MeetingType, Wake
from engine.services import notices, waking
from engine.services.dead_letters import dead_letter_replay
from engine.services.instances import instance_start
from journeys.models import Client, Vendor
from journeys.services.clients import tag_add
from tests.builders import ACTOR, a_couple, a_journey
from tests.dead_letters import broken
from tests.drive import run_until_idle
from tests.meets import a_booking, a_call

pytestmark = pytest.mark.django_db(transaction=True)

Status = DeadLetter.Status
#: A free morning hour of the call.
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


@pytest.fixture
def waiting(vendor: Vendor, couple: Client, now: datetime) -> Instance:
    """A passage that waits for the client to get a tag."""
    journey = a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"}).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def let_it_be_tried_again() -> None:
    Wake.objects.update(next_at=datetime(2020, 1, 1, tzinfo=UTC))


class TestOutbox:
    def test_what_breaks_is_put_off_then_kept_and_told_when_a_person_says_so(
        self, waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as fault:
            fault.setattr(waking, "_wake_client", broken)
            tag_add(client=waiting.client, name="vip", now=now, actor=ACTOR)
            assert 0 == waking.process(now=now), "it waits before it is tried again"
            for tries in range(1, waking.MOST_TRIES):
                assert [tries] == list(Wake.objects.values_list("broke", flat=True))
                let_it_be_tried_again()
                waking.process(now=now)
        assert not Wake.objects.exists()
        letter = DeadLetter.objects.get(kind="wake")
        assert (waiting.vendor_id, Status.OPEN) == (letter.vendor_id, letter.status)
        run_until_idle(now)
        assert Instance.Status.ACTIVE == Instance.objects.get().status

        dead_letter_replay(letter=letter, now=now, actor=ACTOR)
        run_until_idle(now)

        assert Instance.Status.COMPLETED == Instance.objects.get().status

    @pytest.mark.parametrize("fault", [SystemExit, ZeroDivisionError])
    def test_what_ends_its_process_is_begun_so_often_and_no_more(
        self, waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
    ) -> None:
        begun: list[int] = []

        def end(client_id: int, *, now: datetime) -> int:
            begun.append(client_id)
            raise fault

        monkeypatch.setattr(waking, "_wake_client", end)
        Wake.objects.create(client_id=waiting.client_id, topics=["client"], written_at=now.replace(year=2020))
        for _ in range(waking.MOST_TRIES + 3):
            with contextlib.suppress(SystemExit):
                waking.process(now=now)
            let_it_be_tried_again()

        assert [waiting.client_id] * waking.MOST_TRIES == begun
        letter = DeadLetter.objects.get(kind="wake")
        assert (fault is SystemExit) == ("never came to a result" in letter.error)
        assert not Wake.objects.exists()

    def test_one_broken_client_holds_up_no_other(
        self, waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = a_couple(waiting.vendor, now=now)
        Wake.objects.create(client_id=other.pk, topics=["client"])
        whole = waking._wake_client

        def half(client_id: int, *, now: datetime) -> int:
            return broken() if client_id == other.pk else whole(client_id, now=now)

        monkeypatch.setattr(waking, "_wake_client", half)
        tag_add(client=waiting.client, name="vip", now=now, actor=ACTOR)
        run_until_idle(now)

        assert Instance.Status.COMPLETED == Instance.objects.get().status
        assert [other.pk] == list(Wake.objects.values_list("client_id", flat=True))


class TestLettersAboutMeetings:
    @pytest.fixture
    def call(self, vendor: Vendor, now: datetime) -> MeetingType:
        return a_call(vendor, now=now)

    def test_one_that_breaks_again_and_again_is_kept_and_sent_in_the_end(
        self, call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_booking(call, couple, TEN, now=now)
        letter = MeetingNotice.objects.filter(kind=MeetingNotice.Kind.INVITATION).first()
        assert letter is not None
        MeetingNotice.objects.exclude(pk=letter.pk).delete()
        at = now
        with monkeypatch.context() as fault:
            fault.setattr(notices, "spec_of", broken)
            for _ in range(notices.RETRIES.max_attempts):
                notices.carry_out(places=rung_for(at), now=at)
                at += timedelta(hours=1)
        dead = DeadLetter.objects.get(kind="notice")
        assert ("ZeroDivisionError", 1) == (dead.error_class, dead.times)
        assert MeetingNotice.State.FAILED == MeetingNotice.objects.get().state

        dead_letter_replay(letter=dead, now=at, actor=ACTOR)
        send_all(at)

        assert MeetingNotice.State.SENT == MeetingNotice.objects.get().state
        assert 1 == Message.objects.filter(status=Message.Status.ACCEPTED).count()

    def test_one_that_stops_its_workers_is_begun_so_often_and_no_more(
        self, call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_booking(call, couple, TEN, now=now)
        letter = MeetingNotice.objects.filter(kind=MeetingNotice.Kind.INVITATION).first()
        assert letter is not None
        MeetingNotice.objects.exclude(pk=letter.pk).delete()
        begun: list[int] = []
        monkeypatch.setattr(notices, "_send", lambda held, **_: stop(begun, held.fence))
        for _ in range(notices.RETRIES.max_attempts + 3):
            for place in rung_for(now):
                with contextlib.suppress(SystemExit):
                    notices.carry_out(places=[place], now=now)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE engine_meetingnotice SET lease_until = clock_timestamp() - interval '1 s' "
                    "WHERE lease_until IS NOT NULL"
                )

        assert notices.RETRIES.max_attempts == len(begun)
        assert "never came to a result" in DeadLetter.objects.get(kind="notice").error


def stop(begun: list[int], fence: int) -> None:
    begun.append(fence)
    raise SystemExit


def send_all(now: datetime) -> None:
    for _ in range(3):
        notices.carry_out(places=rung_for(now), now=now)


def rung_for(now: datetime) -> list[tuple[int, int]]:
    notices.dispatch(now=now)
    return list(MeetingNotice.objects.filter(state=MeetingNotice.State.QUEUED).values_list("id", "fence"))
