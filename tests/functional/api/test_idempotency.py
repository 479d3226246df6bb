"""A POST that is repeated with the same Idempotency-Key does its work once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from journeys.api import idempotency
from journeys.models import Client, IdempotencyRecord
from journeys.services.clients import client_add
from tests.builders import a_vendor
from tests.functional.api.calling import WRITTEN, Caller, make_caller

PATH = "/api/clients"
ANA = {"display_name": "Ana & Tom"}


def test_same_request_again_gets_the_same_answer(api: Caller) -> None:
    first = api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})
    again = api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Client.objects.count() == 1


def test_other_key_does_the_work_again(api: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})
    api.post(PATH, ANA, **{"Idempotency-Key": "k-2"})

    assert Client.objects.count() == 2


def test_same_key_for_another_request_is_refused(api: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    other_body = api.post(PATH, {"display_name": "Kim"}, **{"Idempotency-Key": "k-1"})
    other_path = api.post("/api/journeys", ANA, **{"Idempotency-Key": "k-1"})

    assert (other_body.status_code, other_body.json()["code"]) == (409, "idempotency_key_reused")
    assert (other_path.status_code, other_path.json()["code"]) == (409, "idempotency_key_reused")
    assert Client.objects.count() == 1


def test_same_key_of_another_vendor_is_another_key(api: Caller, stranger: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})
    answer = stranger.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert Client.objects.count() == 2


def test_refusal_is_remembered_and_leaves_nothing(api: Caller) -> None:
    bad = {"display_name": "Ana", "wedding": {"time_zone": "Mars/Base"}}

    first = api.post(PATH, bad, **{"Idempotency-Key": "k-1"})
    again = api.post(PATH, bad, **{"Idempotency-Key": "k-1"})

    assert first.status_code == 400
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert not Client.objects.exists()


def test_unexpected_error_is_not_remembered(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def add_and_explode(**given: Any) -> None:
        client_add(**given)
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr("journeys.api.views.clients.client_add", add_and_explode)
        failed = api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})
    assert failed.status_code == 500
    assert not Client.objects.exists()
    assert not IdempotencyRecord.objects.exists()

    again = api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    assert again.status_code == 201
    assert Client.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9"])
def test_key_that_can_not_be_kept_is_refused(api: Caller, key: str) -> None:
    answer = api.post(PATH, ANA, **{"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Client.objects.exists()


def test_answer_is_encrypted_where_it_is_kept(api: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM journeys_idempotencyrecord")
        assert "Ana" not in cursor.fetchone()[0]


def test_old_answers_are_forgotten(api: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})
    kept_at = IdempotencyRecord.objects.get().created_at

    assert idempotency.forget_old(now=kept_at + idempotency.KEPT) == 0
    assert idempotency.forget_old(now=kept_at + idempotency.KEPT + timedelta(seconds=1)) == 1


@pytest.fixture
def racers(transactional_db: None) -> Caller:
    return make_caller(a_vendor(now=WRITTEN))


@pytest.mark.slow
def test_ten_at_once_do_the_work_once(racers: Caller) -> None:
    start = Barrier(10)

    def post(_: int) -> HttpResponse:
        caller = Caller(racers.vendor, racers.key)
        start.wait(timeout=20)
        try:
            return caller.post(PATH, ANA, **{"Idempotency-Key": "race"})
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(post, range(10)))

    assert Client.objects.count() == 1
    created = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len({answer.json()["id"] for answer in created}) == 1
    assert {answer.json()["code"] for answer in refused} <= {"idempotency_in_progress"}
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)


@pytest.mark.slow
def test_second_request_is_told_that_the_first_one_is_running(
    racers: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = Event(), Event()

    def slow(**given: Any) -> Client:
        inside.set()
        assert go_on.wait(timeout=20)
        return client_add(**given)

    monkeypatch.setattr("journeys.api.views.clients.client_add", slow)

    def first() -> HttpResponse:
        try:
            return Caller(racers.vendor, racers.key).post(PATH, ANA, **{"Idempotency-Key": "slow"})
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert inside.wait(timeout=20)
        second = racers.post(PATH, ANA, **{"Idempotency-Key": "slow"})
        go_on.set()
        answer = running.result(timeout=20)
    third = racers.post(PATH, ANA, **{"Idempotency-Key": "slow"})

    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
    assert second.headers["Retry-After"] == "1"
    assert answer.status_code == 201
    assert third.json() == answer.json()
    assert Client.objects.count() == 1


def test_written_time_is_the_engines(api: Caller) -> None:
    api.post(PATH, ANA, **{"Idempotency-Key": "k-1"})

    assert IdempotencyRecord.objects.get().created_at == Client.objects.get().created_at != WRITTEN
