"""Workers come back to a broker that was away soon after it is back, however long it was."""

from __future__ import annotations

from unittest import mock

import pytest
from celery.utils.imports import symbol_by_name
from kombu.utils.functional import retry_over_time

from config.celery import app
from config.consuming import LATEST, Consumer


def pauses_of(conn: mock.Mock) -> dict[str, float]:
    """Say how a worker's consumer asked its connection to try again."""
    consumer = Consumer.__new__(Consumer)
    consumer.app, consumer.first_connection_attempt = app, True
    ensure = conn.ensure_connection
    consumer.ensure_connected(conn)
    return {name: value for name, value in ensure.call_args.kwargs.items() if name.startswith("interval")}


def test_a_worker_looks_every_few_seconds_whether_the_broker_is_back() -> None:
    pauses = pauses_of(mock.Mock())
    slept: list[float] = []

    def refuse() -> None:
        raise ConnectionError

    def next_pause(_error: Exception, intervals: object, _retries: int) -> float:
        slept.append(next(intervals))  # type: ignore[call-overload]
        return 0

    with pytest.raises(ConnectionError):
        retry_over_time(refuse, ConnectionError, errback=next_pause, max_retries=30, **pauses)

    assert slept[0] <= 0.5
    assert max(slept) == slept[-1] == LATEST


def test_workers_use_it() -> None:
    assert symbol_by_name(app.conf.worker_consumer) is Consumer
