"""Rolling back and acting on many over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from channels.models import SinkMessage
from engine.models import Instance, RollBack, Schedule
from engine.services import bulk
from journeys import clock
from journeys.models import AuditRecord, Client, Journey, Vendor
from journeys.services.clients import tag_add
from tests.builders import ACTOR, END, a_couple, a_journey, a_net, merge, pause, split_all
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller

INSTANCES = "/api/journey-engine/instances"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello").wait("rest", for_="3d").email("more").publish(vendor, now=now)


def start(api: Caller, journey: Journey, couple: Client) -> str:
    answer = api.post(INSTANCES, {"journey_id": journey.public_id, "client_id": couple.public_id})
    assert answer.status_code == 201, answer.json()
    run_until_idle(clock.now())
    return str(answer.json()["id"])


def test_dry_run_tells_and_the_roll_back_does(api: Caller, journey: Journey, couple: Client) -> None:
    path = f"{INSTANCES}/{start(api, journey, couple)}"

    shown = api.post(f"{path}/roll-back", {"node_id": "hello", "dry_run": True})
    standing = [place["node_id"] for place in api.get(path).json()["schedules"]]
    made = api.post(f"{path}/roll-back", {"node_id": "hello", "number": shown.json()["number"]})
    again = api.post(f"{path}/roll-back/", {"node_id": "hello", "number": shown.json()["number"]})

    assert (shown.status_code, made.status_code, again.status_code) == (200, 200, 200), made.json()
    answer = shown.json()
    assert (answer["dry_run"], answer["id"], answer["number"], answer["visit"]) == (True, None, 1, 2)
    assert standing == ["rest"]
    assert [place["node_id"] for place in answer["taken_away"]] == ["rest"]
    assert [(one["node_id"], one["status"]) for one in answer["sent_before"]] == [("hello", "accepted")]
    assert [(one["node_id"], one["sends_to"]) for one in answer["next"]] == [
        ("hello", []),
        ("rest", []),
        ("more", ["partner_1"]),
        ("end", []),
    ]
    assert made.json()["id"] == again.json()["id"] == RollBack.objects.get().public_id
    run_until_idle(clock.now())
    assert SinkMessage.objects.count() == 1
    assert AuditRecord.objects.filter(action="instance.rolled_back").count() == 1


def test_ended_instance_lives_again(api: Caller, journey: Journey, couple: Client) -> None:
    path = f"{INSTANCES}/{start(api, journey, couple)}"
    api.post(f"{path}/cancel")

    answer = api.post(f"{path}/roll-back", {"node_id": "rest", "due": "now", "reason": "By mistake"})

    assert answer.json()["status"] == "active", answer.json()
    assert api.get(path).json()["status"] == "active"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"node_id": "hello", "messages": "perhaps"}, 400, "invalid"),
        ({"node_id": "hello", "due": "yesterday"}, 400, "invalid"),
        ({"node_id": "hello", "dry_run": "yes"}, 400, "invalid"),
        ({"node_id": "hello", "number": 0}, 400, "invalid"),
        ({"node_id": "hello", "colour": 1}, 400, "invalid"),
        ({"node_id": "nowhere"}, 400, "unknown_step"),
        ({"node_id": "more"}, 400, "not_reached"),
        ({"node_id": "hello", "number": 2}, 409, "rolled_back_meanwhile"),
    ],
)
def test_what_can_not_be_done_is_refused(
    api: Caller, journey: Journey, couple: Client, body: dict[str, Any], status: int, code: str
) -> None:
    path = f"{INSTANCES}/{start(api, journey, couple)}"

    answer = api.post(f"{path}/roll-back", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert not RollBack.objects.exists()


def test_step_inside_a_split_names_the_split(
    api: Caller, vendor: Vendor, couple: Client, now: datetime
) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "x": pause("2d"), "y": pause("3d"), "m": merge("s"), "end": END},
        *("start>s", "s.a>x", "s.b>y", "x>m", "y>m", "m>end"),
    )
    path = f"{INSTANCES}/{start(api, net.publish(vendor, now=now), couple)}"

    answer = api.post(f"{path}/roll-back", {"node_id": "x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "inside_split")
    assert [(one["field"], one["message"]) for one in answer.json()["details"]] == [("split", "s")]


def test_many_are_rolled_back_and_each_tells_what_became_of_it(
    api: Caller, stranger: Caller, journey: Journey, vendor: Vendor, now: datetime
) -> None:
    ids = [start(api, journey, a_couple(vendor, now=now)) for _ in range(3)]
    body = {"action": "roll_back", "ids": [*ids, "ins_nobody"], "roll_back": {"node_id": "hello"}}

    answer = api.post(f"{INSTANCES}/bulk", body)
    foreign = stranger.post(f"{INSTANCES}/bulk", body)

    assert [one["ok"] for one in answer.json()["results"]] == [True, True, True, False], answer.json()
    assert answer.json()["next"] is None
    assert {one["code"] for one in foreign.json()["results"]} == {"not_found"}
    assert RollBack.objects.count() == 3
    assert set(Schedule.objects.values_list("node_id", "visit")) == {("hello", 2)}


def test_filter_chooses_by_journey_step_status_and_tag_and_goes_on_where_it_stopped(
    api: Caller, stranger: Caller, journey: Journey, vendor: Vendor, now: datetime, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)
    couples = [a_couple(vendor, now=now) for _ in range(5)]
    ids = [start(api, journey, couple) for couple in couples]
    other = a_journey().wait("other", for_="9d").publish(vendor, now=now, name="Other")
    beside = start(api, other, couples[0])
    tag_add(client=couples[4], name="vip", now=now, actor=ACTOR)
    chosen: dict[str, Any] = {"journey_id": journey.public_id, "node_id": "rest"}

    done: list[str] = []
    following = None
    while True:
        narrowed = chosen | ({"after": following} if following else {})
        answer = api.post(f"{INSTANCES}/bulk", {"action": "pause", "filter": narrowed}).json()
        done += [one["id"] for one in answer["results"]]
        following = answer["next"]
        if following is None:
            break

    assert done == ids
    assert Instance.objects.get(public_id=beside).status == "active"
    tagged = api.post(f"{INSTANCES}/bulk", {"action": "resume", "filter": {"tag": "vip"}}).json()
    assert [one["id"] for one in tagged["results"]] == [ids[4]]
    paused = api.post(
        f"{INSTANCES}/bulk", {"action": "cancel", "filter": {"status": "paused", **chosen}}
    ).json()
    assert [one["id"] for one in paused["results"]] == ids[:2]
    assert stranger.post(f"{INSTANCES}/bulk", {"action": "cancel", "filter": chosen}).json()["results"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"action": "pause"},
        {"action": "pause", "filter": {}},
        {"action": "pause", "filter": {"after": "ins_x"}},
        {"action": "pause", "ids": ["ins_x"], "filter": {"tag": "vip"}},
        {"action": "roll_back", "ids": ["ins_x"]},
        {"action": "pause", "ids": ["ins_x"], "roll_back": {"node_id": "hello"}},
        {"action": "pause", "ids": ["ins_x"] * 201},
        {"action": "pause", "filter": {"tag": "vip", "after": "ins_nobody"}},
    ],
)
def test_bulk_that_says_too_little_or_too_much_is_refused(api: Caller, body: dict[str, Any]) -> None:
    assert api.post(f"{INSTANCES}/bulk", body).status_code == 400
