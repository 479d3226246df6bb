"""What breaks for good is kept whole, done again once, and never lost."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from channels.contract import DeliveryReport, ReportKind
from channels.models import DeliveryEvent, Message
from channels.services import callbacks
from channels.services.callbacks import receive_or_keep
from channels.signals import report_broke
from engine.models import DeadLetter, Instance, Schedule, TriggerEvent, Wake
from engine.services import (
    dead_letters,
    dispatch,
    incoming,
    recovery,
    redoing,
    triggering,
    waking,
)
from engine.services.claims import MAX_CLAIMS, claim
from engine.services.dead_letters import dead_letter_discard, dead_letter_replay
from engine.services.instances import instance_start
from journeys.errors import Conflict
from journeys.models import AuditRecord, Client, Vendor
from tests.builders import ACTOR, a_journey
from tests.dead_letters import a_dead_letter, broken
from tests.drive import bells, run_until_idle
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)

Status = DeadLetter.Status


@pytest.fixture
def waiting(vendor: Vendor, couple: Client, now: datetime) -> Instance:
    """A passage that waits for the client to get a tag."""
    journey = a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"}).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


class TestKeeping:
    def test_the_same_thing_breaking_again_is_one_letter_that_counts(
        self, vendor: Vendor, now: datetime
    ) -> None:
        first = a_dead_letter(vendor, now=now, key="one", item=1)
        second = a_dead_letter(vendor, now=now + timedelta(hours=1), key="one", item=2)

        assert first.pk == second.pk
        letter = DeadLetter.objects.get()
        assert (2, now, now + timedelta(hours=1)) == (letter.times, letter.first_at, letter.last_at)
        assert {"item": 2} == letter.payload

    def test_what_breaks_again_after_it_was_settled_is_a_new_letter(
        self, vendor: Vendor, now: datetime
    ) -> None:
        dead_letter_discard(letter=a_dead_letter(vendor, now=now, key="one"), now=now, actor=ACTOR)
        a_dead_letter(vendor, now=now, key="one")

        assert [Status.DISCARDED, Status.OPEN] == list(
            DeadLetter.objects.order_by("id").values_list("status", flat=True)
        )

    def test_threads_that_keep_the_same_thing_keep_it_once(self, vendor: Vendor, now: datetime) -> None:
        together(*[lambda: a_dead_letter(vendor, now=now, key="one")] * 8)

        assert [8] == list(DeadLetter.objects.values_list("times", flat=True))

    def test_it_is_encrypted_and_its_error_names_the_place_without_what_was_said(
        self, vendor: Vendor, now: datetime
    ) -> None:
        try:
            redoing.tell_again({}, now=now, actor=ACTOR)
        except KeyError as error:
            letter = dead_letters.keep(
                kind="wake", key="k", vendor_id=None, payload={"who": "Inês"}, error=error, now=now
            )

        assert "KeyError in engine/services/redoing.py, line" in letter.error
        assert "client_id" not in letter.error
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM engine_deadletter WHERE payload LIKE %s", ["%Inês%"])
            assert 0 == cursor.fetchone()[0]


class TestDoingAgain:
    def test_of_many_at_once_one_does_it(self, waiting: Instance, now: datetime) -> None:
        letter = a_dead_letter(waiting.vendor, now=now, client_id=waiting.client_id, topics=["client"])

        answers = together(
            *[lambda: dead_letter_replay(letter=letter, now=now, actor=ACTOR)] * 4, refusals=Conflict
        )

        assert ["resolved"] * 3 == [one.code for one in answers if isinstance(one, Conflict)]
        assert ["replayed"] == [one.status for one in answers if isinstance(one, DeadLetter)]

    def test_what_breaks_again_stays_and_counts_and_leaves_nothing_behind(
        self, waiting: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        letter = a_dead_letter(waiting.vendor, now=now, client_id=waiting.client_id, topics=["client"])

        def half(**kwargs: Any) -> None:
            Wake.objects.create(client_id=kwargs["client_id"], topics=kwargs["topics"])
            broken()

        monkeypatch.setattr(waking, "wake", half)
        with pytest.raises(Conflict, match="ZeroDivisionError") as refused:
            dead_letter_replay(letter=letter, now=now + timedelta(hours=1), actor=ACTOR)

        letter.refresh_from_db()
        assert "broke_again" == refused.value.code
        assert (Status.OPEN, 2, "ZeroDivisionError") == (letter.status, letter.times, letter.error_class)
        assert "ines@" not in letter.error
        assert not Wake.objects.exists()

    def test_everything_that_can_be_kept_can_be_done_again(self) -> None:
        assert (
            *("callback", "changeover", "date", "enrollment"),
            *("event", "notice", "step", "wake"),
        ) == redoing.KINDS


class TestReports:
    @pytest.fixture
    def message(self, vendor: Vendor, couple: Client, now: datetime) -> Message:
        journey = a_journey().email("hello").publish(vendor, now=now)
        instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
        run_until_idle(now)
        return Message.objects.get()

    def report(self, message: Message, key: str, kind: ReportKind = ReportKind.DELIVERED) -> DeliveryReport:
        return DeliveryReport(
            provider=message.provider,
            event_key=key,
            message_id=message.public_id,
            kind=kind,
            occurred_at=message.sending_at,
            raw={"said": "hello"},
        )

    def test_one_that_breaks_is_kept_and_the_others_are_taken_in(
        self, message: Message, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        good, bad = self.report(message, "good"), self.report(message, "bad", ReportKind.OPENED)
        whole = callbacks._apply

        def half(message: Message, reports: Any, *, now: datetime) -> bool:
            return broken() if bad in reports else whole(message, reports, now=now)

        with monkeypatch.context() as fault:
            fault.setattr(callbacks, "_apply", half)
            assert 1 == receive_or_keep(provider=message.provider, reports=[bad, good], now=now)
        assert ["good"] == list(DeliveryEvent.objects.values_list("event_key", flat=True))
        letter = DeadLetter.objects.get(kind="callback")
        assert (message.vendor_id, "hello") == (letter.vendor_id, letter.payload["raw"]["said"])

        dead_letter_replay(letter=letter, now=now, actor=ACTOR)

        message.refresh_from_db()
        assert Message.Delivery.OPENED == message.delivery
        assert message.sending_at == DeliveryEvent.objects.get(event_key="bad").occurred_at

    def test_what_the_provider_repeats_meanwhile_is_counted_once(
        self, message: Message, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as fault:
            fault.setattr(callbacks, "_apply", broken)
            for _ in range(2):
                receive_or_keep(provider=message.provider, reports=[self.report(message, "one")], now=now)
        receive_or_keep(provider=message.provider, reports=[self.report(message, "one")], now=now)

        dead_letter_replay(letter=DeadLetter.objects.get(), now=now, actor=ACTOR)

        assert 1 == DeliveryEvent.objects.count()

    def test_where_nobody_keeps_it_the_provider_must_repeat_it(
        self, message: Message, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(callbacks, "_apply", broken)
        report_broke.disconnect(redoing.keep_report)
        try:
            with pytest.raises(ZeroDivisionError):
                receive_or_keep(provider=message.provider, reports=[self.report(message, "one")], now=now)
        finally:
            report_broke.connect(redoing.keep_report)


class TestCallsOfOthers:
    def test_one_that_breaks_is_kept_answered_and_taken_in_later_once(
        self, vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = incoming.hook_add(vendor=vendor, name="studio", now=now, actor=ACTOR)
        body = json.dumps({"client_id": couple.public_id, "stage": "wön"}).encode()

        def post() -> Any:
            path = "/" + opened.url.partition("//")[2].partition("/")[2]
            return Browser().post(path, body, content_type="application/json", headers={"webhook-id": "e1"})

        with monkeypatch.context() as fault:
            fault.setattr(triggering, "event_receive", broken)
            answers = [post(), post()]
        letter = DeadLetter.objects.get(kind="event")
        assert [(202, {"kept": letter.public_id})] * 2 == [(one.status_code, one.json()) for one in answers]
        assert (2, vendor.pk) == (letter.times, letter.vendor_id)
        assert not TriggerEvent.objects.filter(type="webhook_received").exists()

        dead_letter_replay(letter=letter, now=now, actor=ACTOR)
        assert 202 == post().status_code

        event = TriggerEvent.objects.get(type="webhook_received")
        assert (couple, "wön") == (event.client, (event.payload or {})["stage"])

    def test_one_whose_door_was_removed_can_only_be_discarded(self, vendor: Vendor, now: datetime) -> None:
        letter = a_dead_letter(vendor, now=now, kind="event", hook="ihk_gone", headers={}, body="{}")

        with pytest.raises(Conflict) as refused:
            dead_letter_replay(letter=letter, now=now, actor=ACTOR)
        dead_letter_discard(letter=letter, now=now, actor=ACTOR)

        assert "moved_on" == refused.value.code
        assert "dead_letter.discarded" == AuditRecord.objects.latest("id").action


class TestAdmin:
    @pytest.fixture
    def browser(self, transactional_db: None) -> Browser:
        browser = Browser()
        browser.force_login(User.objects.create_superuser("ana", "ana@example.com", "secret"))
        return browser

    def act(self, browser: Browser, action: str, *letters: DeadLetter) -> Any:
        return browser.post(
            reverse("admin:engine_deadletter_changelist"),
            {"action": action, "_selected_action": [letter.pk for letter in letters]},
            follow=True,
        )

    def test_people_read_do_again_and_discard(
        self, browser: Browser, waiting: Instance, now: datetime
    ) -> None:
        good = a_dead_letter(waiting.vendor, now=now, client_id=waiting.client_id, topics=["client"])
        gone, other = a_dead_letter(None, now=now), a_dead_letter(None, now=now)

        page = browser.get(reverse("admin:engine_deadletter_change", args=[good.pk])).content.decode()
        answer = self.act(browser, "replay", good, gone).content.decode()
        self.act(browser, "discard", other)

        assert "client_id" in page
        assert "1 done again." in answer
        assert "no longer there" in answer
        assert [Status.REPLAYED, Status.OPEN, Status.DISCARDED] == [
            DeadLetter.objects.get(pk=one.pk).status for one in (good, gone, other)
        ]

    def test_who_is_not_a_superuser_does_not_see_what_it_holds(self, vendor: Vendor, now: datetime) -> None:
        user = User.objects.create_user("tom", "tom@example.com", "secret", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
        browser = Browser()
        browser.force_login(user)
        letter = a_dead_letter(vendor, now=now, who="Inês")

        page = browser.get(reverse("admin:engine_deadletter_change", args=[letter.pk]))

        assert 200 == page.status_code
        assert "Inês" not in page.content.decode()


def test_a_quarantined_step_is_kept_and_begins_anew_through_its_ticket(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = a_journey().email("hello").publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    for _ in range(MAX_CLAIMS):
        dispatch.dispatch(now=now)
        assert claim(bells())
        with connection.cursor() as cursor:
            cursor.execute("UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 s'")
        recovery.sweep()
    run_until_idle(now)
    letter = DeadLetter.objects.get(kind="step")
    assert instance.public_id == letter.payload["instance"]
    assert Schedule.State.PARKED == Schedule.objects.get().state

    dead_letter_replay(letter=letter, now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status
    assert Status.REPLAYED == DeadLetter.objects.get().status
