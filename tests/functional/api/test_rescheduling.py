"""Moving weddings over REST: looked at first, chosen, made, taken back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from engine.models import Instance, Schedule, WeddingMove
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client, Wedding, WeddingAnchor
from journeys.services.vendors import vendor_change_settings
from tests.builders import ACTOR, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import WRITTEN, Caller


@pytest.fixture
def wedding(couple: Client) -> Wedding:
    return couple.weddings.get()


@pytest.fixture
def instance(api: Caller, couple: Client, wedding: Wedding) -> Instance:
    now = clock.now()
    Wedding.objects.filter(pk=wedding.pk).update(date=now.date() + timedelta(days=200))
    wedding.refresh_from_db()
    journey = (
        a_journey()
        .email("welcome")
        .email("list", when={"kind": "anchor", "offset": "-90d"})
        .email("thanks", when={"kind": "anchor", "anchor": "gallery_delivery", "offset": "0d"})
        .publish(api.vendor, now=now)
    )
    started = instance_start(
        vendor=api.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def test_dry_run_shows_the_move_and_makes_none(api: Caller, wedding: Wedding, instance: Instance) -> None:
    path = f"/api/weddings/{wedding.public_id}"
    later = (wedding.date + timedelta(days=7)).isoformat()
    stood = api.get(path).json()

    answer = api.post(f"{path}/reschedule", {"date": later, "dry_run": True})

    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["dry_run"], told["move_id"], told["date"]) == (True, None, later)
    [step] = told["change"]["steps"]
    assert (step["node_id"], step["effect"], step["reached"], step["past"]) == ("list", "moves", True, False)
    assert step["before"] < step["after"]
    [sent] = told["change"]["sent"]
    assert (sent["node_id"], sent["people"]) == (
        "welcome",
        [{"role": "partner_1", "channel": "email", "delivery": sent["people"][0]["delivery"]}],
    )
    assert api.get(path).json() == stood
    assert not WeddingMove.objects.exists()


def test_past_step_is_chosen_for_and_the_move_taken_back(
    api: Caller, wedding: Wedding, instance: Instance
) -> None:
    path = f"/api/weddings/{wedding.public_id}"
    was = wedding.date.isoformat()
    near = (clock.now().date() + timedelta(days=30)).isoformat()
    [step] = api.post(f"{path}/reschedule", {"date": near, "dry_run": True}).json()["change"]["steps"]
    assert (step["past"], step["rule"], step["hours"], step["will"]) == (True, "within", 48, "skip")

    made = api.post(f"{path}/reschedule", {"date": near, "choices": {step["ref"]: "ask"}}).json()
    assert made["change"]["steps"][0]["choice"] == "ask"
    [move] = api.get(f"{path}/moves").json()["results"]
    assert (move["id"], move["kind"], move["after"]["date"]) == (made["move_id"], "date", near)

    undone = api.post(f"{path}/reschedule/undo", {"move_id": made["move_id"]})
    assert undone.status_code == 200, undone.content
    assert (undone.json()["date"], undone.json()["change"]["stays_done"]) == (was, [])
    again = api.post(f"{path}/reschedule/undo", {"move_id": made["move_id"]})
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "date"),
        ({"date": "2027-02-30"}, "date"),
        ({"date": "2027-09-01", "choices": {"all": "perhaps"}}, "choices.all"),
        ({"date": "2027-09-01", "dry_run": "yes"}, "dry_run"),
        ({"date": "2027-09-01", "tomorrow": True}, "tomorrow"),
    ],
)
def test_what_can_not_be_read_moves_nothing(api: Caller, wedding: Wedding, body, field) -> None:
    answer = api.post(f"/api/weddings/{wedding.public_id}/reschedule", body)

    assert answer.status_code == 400
    assert field in {one["field"] for one in answer.json()["details"]}
    assert not WeddingMove.objects.exists()


def test_choice_for_an_unknown_step_is_refused(api: Caller, wedding: Wedding) -> None:
    answer = api.post(
        f"/api/weddings/{wedding.public_id}/reschedule",
        {"date": "2027-09-01", "choices": {"ins_x:list": "send"}},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_step")


def test_move_with_an_idempotency_key_is_made_once(api: Caller, wedding: Wedding) -> None:
    path = f"/api/weddings/{wedding.public_id}/reschedule"
    body = {"date": "2027-09-18"}

    first = api.post(path, body, **{"Idempotency-Key": "move-1"})
    again = api.post(path, body, **{"Idempotency-Key": "move-1"})

    assert first.json() == again.json()
    assert WeddingMove.objects.count() == 1


def test_other_date_is_looked_at_set_and_taken_away(
    api: Caller, wedding: Wedding, instance: Instance
) -> None:
    path = f"/api/weddings/{wedding.public_id}/anchors"
    day = (wedding.date + timedelta(days=42)).isoformat()

    told = api.put(f"{path}/gallery_delivery", {"date": day, "dry_run": True}).json()
    assert [(one["node_id"], one["effect"]) for one in told["change"]["steps"]] == [("thanks", "unparks")]
    assert not WeddingAnchor.objects.filter(name="gallery_delivery").exists()

    made = api.put(f"{path}/gallery_delivery", {"date": day})
    assert made.status_code == 200, made.content
    assert made.json()["anchors"]["gallery_delivery"] == day
    names = [(one["name"], one["derived"]) for one in api.get(path).json()["anchors"]]
    assert ("gallery_delivery", False) in names

    gone = api.delete(f"{path}/gallery_delivery?dry_run=true").json()
    assert [one["effect"] for one in gone["change"]["steps"]] == ["parks"]
    assert WeddingAnchor.objects.filter(name="gallery_delivery").exists()
    api.delete(f"{path}/gallery_delivery")
    assert not WeddingAnchor.objects.filter(name="gallery_delivery").exists()


@pytest.mark.parametrize("name", ["wedding", "Gallery", "a-b"])
def test_name_that_is_no_other_date_is_refused(api: Caller, wedding: Wedding, name: str) -> None:
    answer = api.put(f"/api/weddings/{wedding.public_id}/anchors/{name}", {"date": "2027-09-01"})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_anchor")


def test_derived_date_needs_no_typing_and_an_own_one_wins(api: Caller, wedding: Wedding) -> None:
    derived = {"gallery_delivery": {"from": "wedding", "offset": "42d"}}
    vendor_change_settings(vendor=api.vendor, settings={"derived_anchors": derived}, now=WRITTEN, actor=ACTOR)
    path = f"/api/weddings/{wedding.public_id}/anchors"

    [shown] = [one for one in api.get(path).json()["anchors"] if one["name"] == "gallery_delivery"]
    assert (shown["date"], shown["derived"]) == (date(2027, 7, 24).isoformat(), True)

    api.put(f"{path}/gallery_delivery", {"date": "2027-08-01"})
    [shown] = [one for one in api.get(path).json()["anchors"] if one["name"] == "gallery_delivery"]
    assert (shown["date"], shown["derived"]) == ("2027-08-01", False)


def test_wedding_is_cancelled_after_a_look(api: Caller, wedding: Wedding, instance: Instance) -> None:
    path = f"/api/weddings/{wedding.public_id}/cancel"

    told = api.post(path, {"dry_run": True}).json()
    assert [one["instance"] for one in told["change"]["ended"]] == [instance.public_id]
    assert Schedule.objects.filter(instance=instance).exists()

    made = api.post(path)
    assert (made.status_code, made.json()["status"]) == (200, "cancelled")
    moved = api.post(f"/api/weddings/{wedding.public_id}/reschedule", {"date": "2027-09-01"})
    assert (moved.status_code, moved.json()["code"]) == (409, "wedding_cancelled")
