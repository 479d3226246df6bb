"""Processes that carry out steps plan by indexes, and no others do."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from engine import plans, tasks
from engine.services import workers
from tests.racing import WAIT_SECONDS, Threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    workers.resign()
    connection_created.disconnect(dispatch_uid=plans.__name__)


def shown_to_a_new_connection(threads: Threads) -> str:
    def ask() -> Any:
        # Given back by whoever had it: this is told anew.
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SHOW enable_seqscan")
            (value,) = cursor.fetchone()
            cursor.execute("RESET enable_seqscan")
        return value

    return str(threads.begin(ask).result(WAIT_SECONDS))


@pytest.mark.parametrize(
    ("queues", "shown"), [(["low.steps"], "off"), (["critical", "high"], "off"), (["ticks"], "on")]
)
def test_a_worker_plans_by_what_its_queues_bring(threads: Threads, queues: list[str], shown: str) -> None:
    app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(queues))))

    tasks.enlist(sender=SimpleNamespace(hostname="one@here", app=app))

    assert shown == shown_to_a_new_connection(threads)
