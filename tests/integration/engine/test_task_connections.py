"""Which connections tasks use: to PostgreSQL, one for many tasks; to Redis, one client for many commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import connection

from config import celery
from config.celery import app
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    connection.close()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def a_task(seconds_before: float = 0.0) -> None:
    """Be a task, so long after the one before."""
    now = celery._Kept.used_at + seconds_before
    with mock.patch("time.monotonic", return_value=now):
        celery.look_after_connections()
        backend()
        celery.give_back_connections()


def test_the_next_task_uses_the_connection_without_asking_whether_it_lives() -> None:
    a_task()
    used = connection.connection

    a_task(seconds_before=0.5)

    assert used is not None
    assert connection.connection is used


def test_after_a_pause_a_connection_that_the_server_ended_is_not_used_again() -> None:
    a_task()
    ended = backend()
    celery.give_back_connections()
    together(lambda: end(ended))

    with mock.patch("time.monotonic", return_value=celery._Kept.used_at + 2):
        celery.look_after_connections()

    assert backend() != ended


def end(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_connection_that_broke_is_given_away() -> None:
    backend()
    connection.errors_occurred = True

    celery.give_back_connections()

    assert connection.connection is None


def test_threads_of_one_process_keep_nothing_from_each_other() -> None:
    def a_task_of_its_own() -> object:
        backend()
        celery.give_back_connections()
        return connection.connection

    assert [None] == together(a_task_of_its_own)


def test_commands_of_one_channel_share_a_client_until_its_connections_are_given_up() -> None:
    with app.connection() as broker, broker.channel() as opened:
        channel: Any = opened
        client = channel._create_client()
        assert channel._create_client() is client
        assert client.ping()

        channel._disconnect_pools()

        assert channel._create_client() is not client
        assert channel._create_client().ping()
