"""The live stream: written on commit, read once for all pages, harmless when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import AsyncRequestFactory

from engine.services.instances import instance_pause, instance_resume
from monitoring import live, stream
from monitoring.stream import Event, StreamWriter, key_of, tell
from tests.builders import ACTOR
from tests.racing import until


@pytest.fixture
def valkey():
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.ping()
    yield client
    client.close()


@pytest.fixture
def clean(valkey):
    """No stream of an earlier test stands in the way."""
    stream.flush()
    for key in valkey.scan_iter("wedsync:live:*"):
        valkey.delete(key)
    return valkey


@pytest.mark.django_db(transaction=True)
class TestWriting:
    def test_paused_instance_is_told_when_the_transaction_commits(self, clean, instance, vendor, now):
        stream.flush()
        clean.delete(key_of(vendor.pk))
        instance_pause(instance=instance, now=now, actor=ACTOR)
        stream.flush()
        (entry,) = clean.xrange(key_of(vendor.pk))
        assert b"instance" == entry[1][b"kind"]
        assert {"instance": instance.pk, "status": "paused"} == json.loads(entry[1][b"data"])

    def test_steps_are_told_without_anything_personal(self, clean, instance, vendor):
        stream.flush()
        kinds = [fields[b"kind"] for _, fields in clean.xrange(key_of(vendor.pk))]
        told = b"".join(fields[b"data"] for _, fields in clean.xrange(key_of(vendor.pk)))
        assert b"step" in kinds
        assert b"example.com" not in told

    def test_what_is_rolled_back_is_not_told(self, clean, vendor):
        with contextlib.suppress(RuntimeError), transaction.atomic():
            tell([Event(vendor.pk, "ticket", {})])
            raise RuntimeError
        stream.flush()
        assert 0 == clean.exists(key_of(vendor.pk))

    def test_stream_is_forgotten_after_a_day(self, clean, instance, vendor):
        stream.flush()
        assert 0 < clean.ttl(key_of(vendor.pk)) <= stream.FORGOTTEN_AFTER

    def test_what_happened_is_written_without_being_waited_for(self, clean, vendor):
        with transaction.atomic():
            tell([Event(vendor.pk, "ticket", {"status": "open"})])
        until(lambda: 1 == clean.xlen(key_of(vendor.pk)))

    def test_steps_that_follow_each_other_share_an_entry(self, clean, vendor, monkeypatch):
        monkeypatch.setattr(stream, "STEPS_TOGETHER", 3)
        told = [Event(vendor.pk, "step", {"steps": [{"instance": number}]}) for number in range(4)]
        other = Event(vendor.pk + 1, "step", {"steps": [{"instance": 9}]})
        writer = StreamWriter(settings.REDIS_URL)
        writer._gathered.extend([*told, Event(vendor.pk, "ticket", {}), other, told[0]])
        writer.flush()
        entries = [json.loads(fields[b"data"]) for _, fields in clean.xrange(key_of(vendor.pk))]
        assert [[0, 1, 2], [3], [0]] == [
            [step["instance"] for step in entry["steps"]] for entry in entries if "steps" in entry
        ]
        assert 4 == len(entries)
        assert 1 == clean.xlen(key_of(vendor.pk + 1))

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_child_that_is_forked_has_a_writer_of_its_own(self):
        stream.writer()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writing, b"%d" % len(stream._writers))
            os._exit(0)
        os.waitpid(pid, 0)
        assert b"0" == os.read(reading, 1)
        os.close(reading)
        os.close(writing)


class TestFailing:
    def test_redis_that_is_away_costs_one_wait_and_harms_nobody(self, monkeypatch):
        monkeypatch.setattr(stream, "PATIENCE", 0.05)
        writer = StreamWriter("redis://127.0.0.1:1/0")
        assert not writer.write([Event(1, "step", {})])
        assert writer._quiet_until > 0
        monkeypatch.setattr(writer._client, "pipeline", None)
        assert not writer.write([Event(1, "step", {})])

    @pytest.mark.django_db(transaction=True)
    def test_instance_is_paused_all_the_same(self, monkeypatch, instance, now, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert "paused" == instance_pause(instance=instance, now=now, actor=ACTOR).status


def parse(chunk):
    """Read one event of the stream."""
    fields = dict(
        line.split(": ", 1) for line in chunk.decode().strip().split("\n") if not line.startswith(":")
    )
    return fields.get("event", ""), json.loads(fields.get("data", "null")), fields.get("id", "")


async def read_until(events, kind, *, seconds=10):
    """Read events up to one of a kind."""
    async with asyncio.timeout(seconds):
        async for chunk in events:
            name, data, event_id = parse(chunk)
            if name == kind:
                return data, event_id
    message = f"The stream ended before {kind} came."
    raise AssertionError(message)


@pytest.mark.django_db(transaction=True)
class TestReading:
    async def test_page_hears_figures_and_then_what_happens(self, clean, instance, vendor, now):
        events = live.events(vendor.pk, since="")
        figures, no_id = await read_until(events, "cards")
        assert ("1", "couple", "") == (figures["active"], figures["active_unit"], no_id)

        await asyncio.to_thread(_in_thread, instance_pause, instance=instance, now=now, actor=ACTOR)
        told, event_id = await read_until(events, "instance")
        assert (instance.public_id, "paused") == (told["instance"], told["status"])
        assert event_id
        await events.aclose()

    async def test_page_that_was_away_is_told_what_it_missed(self, clean, instance, vendor, now):
        for change in (instance_pause, instance_resume):
            await asyncio.to_thread(_in_thread, change, instance=instance, now=now, actor=ACTOR)
        stream.flush()
        entries = clean.xrange(key_of(vendor.pk))
        events = live.events(vendor.pk, since=entries[-2][0].decode())
        told, event_id = await read_until(events, "instance")
        assert ("active", entries[-1][0].decode()) == (told["status"], event_id)
        await events.aclose()

    async def test_last_page_that_leaves_ends_the_listening(self, clean, vendor):
        first, second = live.events(vendor.pk, since=""), live.events(vendor.pk, since="")
        await anext(first)
        await anext(second)
        hub = live.hub()
        assert 2 == len(hub.pages[vendor.pk])
        tasks = list(hub._tasks)
        assert 2 == len(tasks)
        await first.aclose()
        assert not any(task.done() for task in tasks)
        await second.aclose()
        assert all(task.done() for task in tasks)
        assert {} == hub.pages

    async def test_nothing_of_another_vendor_is_heard(self, clean, instance, vendor, now):
        assert {"status": ""} == await asyncio.to_thread(
            live._public, vendor.pk + 1, "instance", {"instance": instance.pk}
        )


def _in_thread(service, **arguments):
    from django.db import connection

    try:
        service(**arguments)
    finally:
        connection.close()


# The view reads in a thread of its own, outside of a test's transaction.
@pytest.mark.django_db(transaction=True)
class TestAddress:
    async def test_stranger_is_refused(self):
        request = AsyncRequestFactory().get("/journey-monitor/live")
        request.user = AnonymousUser()
        assert 401 == (await live.live(request)).status_code

    async def test_person_of_no_vendor_is_refused(self, django_user_model):
        request = AsyncRequestFactory().get("/journey-monitor/live")
        request.user = await django_user_model.objects.acreate(username="nobody")
        request.session = {}
        assert 403 == (await live.live(request)).status_code

    async def test_only_reading_is_allowed(self):
        assert 405 == (await live.live(AsyncRequestFactory().post("/journey-monitor/live"))).status_code
