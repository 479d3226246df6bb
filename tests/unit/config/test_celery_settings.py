"""The doorbell is set up as the engine needs it."""

from __future__ import annotations

from celery.app.defaults import NAMESPACES, flatten
from django.conf import settings
from kombu.transport.redis import Channel

from config.celery import app
from config.env import TASK_TIME_LIMIT_SECONDS
from engine.broker_queues import STEP_QUEUES
from engine.services.priorities import QUEUES

#: Read by Celery's Django fixup by its full name, so it is not among Celery's own options.
FIXUP_OPTIONS = {"CELERY_DB_REUSE_MAX"}


def test_every_celery_setting_has_a_name_that_celery_knows():
    known = {"CELERY_" + name.upper() for name, _ in flatten(NAMESPACES)} | FIXUP_OPTIONS

    assert set() == {name for name in dir(settings) if name.startswith("CELERY_")} - known


def test_every_transport_option_has_a_name_that_kombu_knows():
    # Two are read from the connection's options rather than by the channel's class.
    read_elsewhere = {"visibility_timeout", "max_retries"}

    unknown = {
        name
        for name in settings.CELERY_BROKER_TRANSPORT_OPTIONS
        if name not in read_elsewhere and not hasattr(Channel, name)
    }

    assert set() == unknown


def test_task_is_never_delivered_twice_while_it_runs():
    visibility = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]

    assert visibility > TASK_TIME_LIMIT_SECONDS + app.conf.worker_lost_wait


def test_lease_outlives_a_task():
    assert settings.QUEUE_LEASE_SECONDS > app.conf.task_time_limit


def test_a_stop_waits_for_longer_than_a_task_may_run():
    assert app.conf.worker_soft_shutdown_timeout > TASK_TIME_LIMIT_SECONDS
    assert app.conf.worker_enable_soft_shutdown_on_idle


def test_a_worker_takes_no_task_that_it_does_not_work_on():
    assert (1, True, True) == (
        app.conf.worker_prefetch_multiplier,
        app.conf.task_acks_late,
        app.conf.task_reject_on_worker_lost,
    )


def test_a_child_is_replaced_before_it_has_grown_large():
    assert 0 < app.conf.worker_max_tasks_per_child <= 20_000
    assert 0 < app.conf.worker_max_memory_per_child <= 400_000
    assert not app.conf.worker_send_task_events


def test_a_broker_that_is_silent_is_noticed_before_its_bells_are_missed():
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    assert 0 < options["socket_connect_timeout"] <= options["socket_timeout"] <= 5
    assert 0 < options["health_check_interval"] < TASK_TIME_LIMIT_SECONDS


def test_no_task_has_a_soft_limit_a_result_or_a_waiting_time():
    assert (None, None, True) == (
        app.conf.task_soft_time_limit,
        app.conf.result_backend,
        app.conf.task_ignore_result,
    )


def test_queues_stand_in_the_order_of_their_urgency():
    names = [queue.name for queue in app.conf.task_queues]

    assert ["critical", "high", "medium", "low"] == names[:4] == list(QUEUES)
    assert ["critical.steps", "high.steps", "medium.steps", "low.steps"] == names[4:8] == list(STEP_QUEUES)
    assert ["ticks"] == names[8:]
    assert "priority" == settings.CELERY_BROKER_TRANSPORT_OPTIONS["queue_order_strategy"]


def test_ticks_go_to_their_own_queue_and_hang_on_nobodys_clock():
    entries = settings.CELERY_BEAT_SCHEDULE.values()

    assert {
        "engine.tick.dispatch",
        "engine.tick.sweep",
        "engine.tick.changeovers",
        "engine.tick.dates",
        "engine.tick.enrollments",
        "engine.tick.notices",
        "engine.tick.pools",
        "engine.tick.starts",
        "engine.tick.tickets",
        "monitoring.tick.measure",
        "monitoring.tick.doctor",
    } == {entry["task"] for entry in entries}
    # None expires: that would compare the beat's clock with the worker's.
    assert all(entry["options"] == {"queue": "ticks"} for entry in entries)


def test_every_tick_is_a_registered_task():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)
    assert "engine.execute" in app.tasks


def test_other_queues_are_refused():
    assert app.conf.task_create_missing_queues is False
