"""Real processes watch each other: the worker of the ticks notices a dead beat, the beat notices dead workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from engine.services import heartbeats
from monitoring.models import Alert
from tests.processes import ROOT, START_SECONDS, Processes, Running, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Processes]:
    env = {"DJANGO_SETTINGS_MODULE": "tests.integration.stack.settings"}
    with Processes(folder=tmp_path, env=env) as system:
        yield system


def a_beat(system: Processes) -> Running:
    """Start a beat alone."""
    log = system.folder / "beat.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-q", "-A", "config", "beat", "--pidfile=", "-l", "WARNING"],
            cwd=ROOT,
            env=system.env,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    one = Running("beat", process, log)
    system.running.append(one)
    return one


def silent_since(name: str, seconds: int) -> None:
    """Have a part of the system fall silent."""
    heartbeats.beat(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_heartbeat SET beat_at = beat_at - make_interval(secs => %s) WHERE name = %s",
            [seconds, name],
        )


def is_open(key: str) -> bool:
    return Alert.objects.filter(key=key, status=Alert.Status.OPEN).exists()


def test_worker_of_the_ticks_notices_a_beat_that_died_and_that_it_is_back(system: Processes) -> None:
    silent_since("beat", 60)
    system._celery("ticks", "worker", "-n", "ticks@test", "-Q", "ticks", "-P", "threads", "-c", "2")

    wait_for(lambda: is_open("beat"), seconds=START_SECONDS, what="the silent beat was noticed")

    heartbeats.beat("beat")
    wait_for(lambda: not is_open("beat"), seconds=10, what="the alert went away")


def test_beat_notices_workers_that_died(system: Processes) -> None:
    silent_since("worker:ticks@gone", 60)
    a_beat(system)

    wait_for(lambda: is_open("worker:ticks"), seconds=START_SECONDS, what="the dead worker was noticed")
