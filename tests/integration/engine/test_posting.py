"""Messages that we write ourselves, beside those that Celery writes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
import redis
from django.conf import settings
from kombu import Connection

from config.celery import app
from engine import posting, tasks
from engine.bells import EXECUTE, Place, ring
from engine.posting import post

#: Celery knows the task when this is read.
assert tasks.execute.name == EXECUTE

QUEUE = "low"
NUMBERS = ("id", "root_id")


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker's own database of Redis, with nothing in the queue."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.delete(QUEUE, "critical")
        yield client
        client.delete(QUEUE, "critical")


def taken(broker: redis.Redis) -> tuple[dict[str, Any], list[Any]]:
    """Take the next message as a worker would: the envelope without what is drawn anew for each, and the body."""
    raw: Any = broker.rpop(QUEUE)
    envelope = json.loads(raw)
    numbers = {str(UUID(envelope["headers"].pop(name))) for name in NUMBERS}
    assert numbers == {envelope["properties"].pop("correlation_id")}
    UUID(envelope["properties"].pop("delivery_tag"))
    # Where replies would go, if there were any: each process of Celery's names another.
    envelope["properties"].pop("reply_to")
    return envelope, json.loads(base64.b64decode(envelope.pop("body")))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"places": [[1, 2]]},
        {"places": [[1, 2]], "alone": True},
        {"places": [[number, 9] for number in range(25)]},
    ],
)
def test_our_message_is_the_one_that_celery_would_have_written(
    broker: redis.Redis, kwargs: dict[str, Any]
) -> None:
    with app.producer_or_acquire() as producer:
        app.send_task(EXECUTE, kwargs=kwargs, queue=QUEUE, producer=producer, ignore_result=True)
    post(EXECUTE, [(QUEUE, kwargs)])

    theirs, ours = taken(broker), taken(broker)
    assert ours == theirs


def test_a_consumer_of_kombu_reads_it(broker: redis.Redis) -> None:
    post(EXECUTE, [(QUEUE, {"places": [[7, 1]]})])

    with Connection(settings.CELERY_BROKER_URL) as connection:
        message = connection.SimpleQueue(QUEUE, no_ack=True).get(block=False)

    assert message.decode()[1] == {"places": [[7, 1]]}
    assert message.headers["task"] == EXECUTE


def test_all_of_one_call_go_in_one_round_trip_and_keep_their_order(broker: redis.Redis) -> None:
    places = [Place(number, 1, queue, outside=True) for number in (1, 2) for queue in (QUEUE, "critical")]
    with mock.patch.object(
        redis.client.Pipeline, "execute", autospec=True, side_effect=redis.client.Pipeline.execute
    ) as execute:
        ring(places)

    assert execute.call_count == 1
    assert [taken(broker)[1][1] for _ in range(2)] == [
        {"places": [[1, 1]], "alone": True},
        {"places": [[2, 1]], "alone": True},
    ]
    assert broker.llen("critical") == 2


def test_a_connection_that_broke_since_is_opened_again_at_once(broker: redis.Redis) -> None:
    post(EXECUTE, [(QUEUE, {"places": [[1, 1]]})])
    ours = posting._client(settings.CELERY_BROKER_URL)
    broker.client_kill_filter(_id=str(ours.client_id()))

    post(EXECUTE, [(QUEUE, {"places": [[2, 1]]})])

    assert broker.llen(QUEUE) == 2
