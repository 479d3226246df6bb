"""Let many clients enter a journey, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.models import Instance
from engine.services.enrolling.carrying_out import carry_on_all
from journeys import clock
from journeys.services.clients import tag_add
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.functional.api.calling import WRITTEN, Caller, make_caller


@pytest.fixture
def api(db: None) -> Caller:
    return make_caller(a_vendor(now=WRITTEN))


@pytest.fixture
def path(api: Caller) -> str:
    journey = a_journey().wait("rest", for_="10d").publish(api.vendor, now=WRITTEN)
    return f"/api/journeys/{journey.public_id}/enrollments"


def begun(api: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, body)
    assert 201 == answer.status_code, answer.content
    return answer.json()


def test_tagged_clients_enter_and_the_enrollment_says_who_did_not(api: Caller, path: str) -> None:
    vip, other = a_couple(api.vendor, now=WRITTEN), a_couple(api.vendor, now=WRITTEN)
    for couple in (vip, other):
        tag_add(client=couple, name="vip", now=WRITTEN, actor=ACTOR)
    a_couple(api.vendor, now=WRITTEN)
    begun(api, path, {"client_ids": [other.public_id]})
    carry_on_all(now=clock.now(), seconds=5)

    run = begun(api, path, {"tag": "vip"})
    carry_on_all(now=clock.now(), seconds=5)

    seen = api.get(f"{path}/{run['id']}").json()
    assert ("finished", 2, 1) == (seen["state"], seen["examined"], seen["entered"])
    assert [{"code": "already_active", "count": 1, "examples": [other.public_id]}] == seen["refused"]
    assert {vip.pk, other.pk} == set(Instance.objects.values_list("client_id", flat=True))


def test_a_count_lets_nobody_in(api: Caller, path: str) -> None:
    a_couple(api.vendor, now=WRITTEN)

    run = begun(api, path, {"everybody": True, "dry_run": True})
    carry_on_all(now=clock.now(), seconds=5)

    assert 1 == api.get(f"{path}/{run['id']}").json()["entered"]
    assert not Instance.objects.exists()


def test_an_enrollment_is_paused_resumed_and_cancelled(api: Caller, path: str) -> None:
    a_couple(api.vendor, now=WRITTEN)
    one = f"{path}/{begun(api, path, {'everybody': True, 'per_hour': 1})['id']}"

    states = [api.post(f"{one}/{deed}").json()["state"] for deed in ("pause", "resume", "cancel")]

    assert ["paused", "running", "cancelled"] == states
    assert (409, "ended") == (api.post(f"{one}/resume").status_code, api.post(f"{one}/pause").json()["code"])
    assert ["cancelled"] == [each["state"] for each in api.get(path).json()["results"]]
    assert [] == api.get(f"{path}?state=running").json()["results"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "nobody_named"),
        ({"everybody": True, "tag": "vip"}, 400, "nobody_named"),
        ({"client_ids": ["cli_unknown"]}, 400, "unknown_client"),
        ({"condition": "client."}, 400, "bad_condition"),
        ({"everybody": True, "variables": {"album": 1}}, 400, "unknown_variable"),
        ({"everybody": True, "per_hour": 0}, 400, "invalid"),
    ],
)
def test_what_can_not_be_done_is_said(
    api: Caller, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = api.post(path, body)

    assert (status, code) == (answer.status_code, answer.json()["code"])


def test_a_journey_that_is_not_published_is_a_conflict(api: Caller) -> None:
    made = api.post("/api/journeys", {"name": "A", "definition": a_journey().definition()}).json()

    answer = api.post(f"/api/journeys/{made['id']}/enrollments", {"everybody": True})

    assert (409, "not_published") == (answer.status_code, answer.json()["code"])


def test_the_same_request_again_is_one_enrollment(api: Caller, path: str) -> None:
    a_couple(api.vendor, now=WRITTEN - timedelta(days=1))
    sent = [api.post(path, {"everybody": True}, **{"Idempotency-Key": "e-1"}).json()["id"] for _ in range(2)]

    assert 1 == len(set(sent)) == len(api.get(path).json()["results"])
