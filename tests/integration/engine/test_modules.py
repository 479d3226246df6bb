"""Modules: held while they are off, put off when there are too many, and quiet near the wedding day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import transaction

from channels.models import Message
from engine.models import Instance, ModuleSetting, ModuleUse, NodeExecution, Schedule
from engine.services import dispatch, failures, modules, runner
from engine.services.claims import claim
from engine.services.instances import instance_start
from engine.services.modules import module_change, module_of, modules_of
from engine.services.runner import prepare
from journeys.errors import Invalid, NotFound
from journeys.language.modules import VENDOR_MODULES
from journeys.models import Client, Vendor
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey, a_vendor
from tests.drive import bells, enter, run_until_idle
from tests.racing import WAIT_SECONDS, Threads, blocked_or_done


@pytest.fixture(autouse=True)
def _only_the_sink(settings: Any) -> None:
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""


def started(builder: JourneyBuilder, vendor: Vendor, couple: Client, now: datetime) -> Instance:
    journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    instance.refresh_from_db()
    return instance


def switch(vendor: Vendor | None, *, on: bool, now: datetime, name: str = "email") -> ModuleSetting:
    return module_change(vendor=vendor, name=name, enabled=on, now=now, actor=ACTOR)


def test_a_step_of_a_module_that_is_off_is_held_and_goes_on_when_it_is_on_again(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    switch(vendor, on=False, now=now)
    instance = started(a_journey().email("hello"), vendor, couple, now)

    held = Schedule.objects.get(instance=instance)
    assert (held.state, held.reason) == ("waiting", "Held: the module E-mail is switched off.")
    assert held.attempt == 0
    assert not Message.objects.exists()

    switch(vendor, on=True, now=now + timedelta(minutes=1))
    run_until_idle(now + timedelta(minutes=1))
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert Message.objects.count() == 1


def test_a_module_is_off_for_everybody_or_for_one(vendor: Vendor, couple: Client, now: datetime) -> None:
    other = a_vendor(name="Somebody Else", now=now)
    switch(other, on=False, now=now)
    assert module_of(vendor, "email").enabled

    switch(None, on=False, now=now)
    assert not module_of(vendor, "email").enabled
    assert module_of(vendor, "email").off_for_everybody
    switch(vendor, on=True, now=now)
    assert not module_of(vendor, "email").enabled

    instance = started(a_journey().email("hello"), vendor, couple, now)
    switch(None, on=True, now=now)
    run_until_idle(now)
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED


def test_other_modules_and_other_steps_are_not_held(vendor: Vendor, couple: Client, now: datetime) -> None:
    switch(vendor, on=False, now=now, name="sms")

    instance = started(
        a_journey().action("tag", {"kind": "add_tag", "tag": "x"}).email("hello"), vendor, couple, now
    )

    assert instance.status == Instance.Status.COMPLETED


def test_what_was_held_past_its_date_is_not_sent_on_the_wrong_side(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=10))
    switch(vendor, on=False, now=now)
    before = {"kind": "anchor", "anchor": "wedding", "offset": "-2d", "at": "10:00"}
    instance = started(a_journey().email("before", when=before), vendor, couple, now)
    run_until_idle(now + timedelta(days=9))
    assert Schedule.objects.get(instance=instance).reason.startswith("Held:")

    switch(vendor, on=True, now=now + timedelta(days=12))
    run_until_idle(now + timedelta(days=12))

    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
    assert not Message.objects.exists()
    assert NodeExecution.objects.filter(node_id="before", status="skipped").count() == 1


def test_too_many_in_one_minute_are_put_off_and_cost_no_attempt(vendor: Vendor, now: datetime) -> None:
    overrides = {"limits": {"per_minute": 2}}
    module_change(vendor=vendor, name="email", overrides=overrides, now=now, actor=ACTOR)
    journey = a_journey().email("hello").publish(vendor, now=now)
    for _ in range(5):
        enter(journey, a_couple(vendor, now=now), now=now)
    sent = []
    for minute in range(4):
        run_until_idle(now + timedelta(minutes=minute))
        sent.append(Message.objects.count())

    assert sent == [2, 4, 5, 5]
    held = NodeExecution.objects.filter(status="held", node_id="hello")
    assert held.count() == 4
    assert all("in one minute are the most" in one.reason for one in held)
    assert not Instance.objects.exclude(status="completed").exists()


def test_old_counts_are_forgotten(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().email("hello").publish(vendor, now=now)
    for hour in range(3):
        later = now + timedelta(hours=hour)
        couple = a_couple(vendor, now=later)
        instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=later, actor=ACTOR)
        run_until_idle(later)

    assert ModuleUse.objects.count() == 1


def test_advertising_waits_until_the_day_after_the_wedding(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=2))
    builder = a_journey().email("offer", purpose="marketing").email("way", purpose="transactional")

    instance = started(builder, vendor, couple, now)

    held = Schedule.objects.get(instance=instance)
    assert held.due_at is not None
    assert held.due_at > now + timedelta(days=2)
    run_until_idle(now + timedelta(days=4))
    assert list(Message.objects.order_by("id").values_list("node_id", flat=True)) == ["offer", "way"]


def test_a_modules_own_retries_count(vendor: Vendor, couple: Client, now: datetime) -> None:
    overrides = {"retries": {"max_attempts": 7, "base_seconds": 5}}
    module_change(vendor=vendor, name="email", overrides=overrides, now=now, actor=ACTOR)
    journey = a_journey().email("hello").publish(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    while Schedule.objects.get().node_id != "hello":
        dispatch.dispatch(now=now)
        runner.run(places=bells(), now=now)
    dispatch.dispatch(now=now)
    with transaction.atomic():
        step = prepare(claim(bells()), now=now)[0]
        assert modules.hold_reason(step, now=now) is None

    policy = failures.policy_of(step)
    assert (policy.max_attempts, policy.base_seconds) == (7, 5)


def test_the_seven_modules_are_there(vendor: Vendor) -> None:
    assert [one.node_type.type for one in modules_of(vendor)] == list(VENDOR_MODULES)


def test_what_is_no_module_can_not_be_set(vendor: Vendor, now: datetime) -> None:
    with pytest.raises(NotFound):
        switch(vendor, on=False, now=now, name="wait")
    with pytest.raises(Invalid):
        module_change(vendor=vendor, name="email", overrides={"limits": {"x": 1}}, now=now, actor=ACTOR)


@pytest.mark.django_db(transaction=True)
def test_a_step_that_is_held_while_the_module_is_switched_on_is_not_forgotten(
    now: datetime, threads: Threads
) -> None:
    """The step has read "off"; who switches it on waits for its transaction, and then finds it."""
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    switch(vendor, on=False, now=now)
    journey = a_journey().email("hello").publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    real, switching = modules._is_on_by_now, []

    def read_and_linger(*args: Any) -> bool:
        answer = real(*args)
        if not switching:
            switching.append(threads.begin(lambda: switch(vendor, on=True, now=now)))
            blocked_or_done(*switching)
        return answer

    with mock.patch.object(modules, "_is_on_by_now", read_and_linger):
        run_until_idle(now)
    switching[0].result(WAIT_SECONDS)
    run_until_idle(now)

    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED
