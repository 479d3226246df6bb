"""Dead letters, as an integration uses them."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.models import DeadLetter
from journeys import clock
from journeys.models import AuditRecord, Client, Vendor
from tests.dead_letters import a_dead_letter
from tests.functional.api.calling import Caller

PATH = "/api/journey-engine/dead-letters"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


@pytest.fixture
def good(vendor: Vendor, couple: Client, now: datetime) -> DeadLetter:
    """One that can be done again."""
    return a_dead_letter(vendor, now=now, key="good", client_id=couple.pk, topics=["client"])


def test_they_are_listed_by_kind_and_status_and_read_whole(
    api: Caller, good: DeadLetter, couple: Client
) -> None:
    for query, count in (("", 1), ("?kind=wake&status=open", 1), ("?status=discarded", 0), ("?kind=step", 0)):
        rows = api.get(PATH + query).json()["results"]
        assert count == len(rows)
        assert all("payload" not in row for row in rows)

    letter = api.get(f"{PATH}/{good.public_id}").json()

    assert {"client_id": couple.pk, "topics": ["client"]} == letter["payload"]
    assert ("wake", "open", "KeyError", 1) == tuple(
        letter[name] for name in ("kind", "status", "error_class", "times")
    )
    assert "what nobody may read" not in letter["error"]
    assert 400 == api.get(f"{PATH}?kind=parcel").status_code


def test_one_is_done_again_once(api: Caller, good: DeadLetter) -> None:
    first = api.post(f"{PATH}/{good.public_id}/replay")
    again = api.post(f"{PATH}/{good.public_id}/replay")
    discarded = api.post(f"{PATH}/{good.public_id}/discard")

    assert (200, "replayed") == (first.status_code, first.json()["status"])
    assert [(409, "resolved")] * 2 == [(one.status_code, one.json()["code"]) for one in (again, discarded)]
    assert ["dead_letter.kept", "dead_letter.replayed"] == list(
        AuditRecord.objects.filter(object_id=good.public_id).order_by("id").values_list("action", flat=True)
    )


def test_one_is_discarded_and_stays_to_be_read(api: Caller, good: DeadLetter) -> None:
    answer = api.post(f"{PATH}/{good.public_id}/discard")

    assert (200, "discarded") == (answer.status_code, answer.json()["status"])
    assert answer.json() == api.get(f"{PATH}/{good.public_id}").json()


def test_many_are_done_again_each_for_itself(
    api: Caller, stranger: Caller, good: DeadLetter, vendor: Vendor, now: datetime
) -> None:
    gone, foreign = a_dead_letter(vendor, now=now), a_dead_letter(stranger.vendor, now=now)
    nobodys = a_dead_letter(None, now=now)
    ids = [gone.public_id, good.public_id, foreign.public_id, nobodys.public_id]

    answer = api.post(f"{PATH}/bulk", {"action": "replay", "ids": ids})

    assert [
        (False, "open", "moved_on"),
        (True, "replayed", ""),
        (False, None, "not_found"),
        (False, None, "not_found"),
    ] == [(row["ok"], row["status"], row["code"]) for row in answer.json()["results"]]
    assert 2 == len(api.get(PATH).json()["results"])
    assert 400 == api.post(f"{PATH}/bulk", {"action": "burn", "ids": ids}).status_code
