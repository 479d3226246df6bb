"""What machines ask."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client as Browser

from engine.services import heartbeats
from monitoring import health
from monitoring.tasks import tick_measure


def parts_of(response):
    return {name: part["ok"] for name, part in response.json()["parts"].items()}


def test_process_that_answers_is_alive_without_asking_the_database(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert {"status": "alive"} == Browser().get("/health/live").json()


def test_system_without_beat_and_workers_is_not_ready_and_says_which_is_missing(db):
    answer = Browser().get("/health/ready")
    assert 503 == answer.status_code
    assert ["beat", "workers"] == [one for one in answer.json()["missing"] if one != "redis"]


def test_system_with_everything_is_ready(db, monkeypatch):
    monkeypatch.setitem(health.CHECKS, "redis", lambda: health.Check(ok=True, detail="Redis answers."))
    heartbeats.beat("beat")
    heartbeats.beat("worker:one", queues=["critical"])
    answer = Browser().get("/health/ready")
    assert (200, "ready") == (answer.status_code, answer.json()["status"])


def test_heart_that_stopped_does_not_count(db):
    heartbeats.beat("beat")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engine_heartbeat SET beat_at = beat_at - interval '16 seconds'")
    assert not parts_of(Browser().get("/health/ready"))["beat"]


def test_part_that_does_not_answer_is_named_without_its_secret(db, settings):
    settings.REDIS_URL = "redis://:a-secret@127.0.0.1:1/0"
    answer = Browser().get("/health/ready")
    assert not parts_of(answer)["redis"]
    assert "a-secret" not in answer.content.decode()


@pytest.mark.parametrize(
    "line",
    [
        "wedsync_queue_running 1",
        'wedsync_queue_due{queue="critical"} 0',
        'wedsync_queue_oldest_due_seconds{queue="low"} 0',
        'wedsync_instances{status="active"} 1',
        "wedsync_messages_in_doubt 0",
        'wedsync_heartbeat_age_seconds{part="beat"}',
    ],
)
def test_metrics_hold_the_figure(instance, line):
    heartbeats.beat("beat")
    text = Browser().get("/metrics").content.decode()
    assert any(one.startswith(line) for one in text.splitlines()), text


def test_metrics_are_in_prometheus_own_format(instance):
    answer = Browser().get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.content.decode().strip().splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


def test_measuring_leaves_its_heartbeat(instance):
    from engine.models import Heartbeat

    tick_measure()
    assert {"critical", "high", "medium", "low"} == set(Heartbeat.objects.get(name="measure").detail["depth"])
