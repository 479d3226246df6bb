"""Publishing with a choice for those inside, over REST."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest

from engine.services import changeovers
from engine.services.instances import instance_start
from journeys.models import Client, Journey
from tests.builders import ACTOR, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import WRITTEN, Caller


@pytest.fixture
def journey(api: Caller, couple: Client) -> Journey:
    """Ana and Tom wait ten days in it."""
    journey = a_journey().wait("rest", for_="10d").email("letter").publish(api.vendor, now=WRITTEN)
    instance_start(vendor=api.vendor, journey=journey, client=couple, variables={}, now=WRITTEN, actor=ACTOR)
    run_until_idle(WRITTEN)
    return journey


def edit(api: Caller, journey: Journey, wait: str) -> str:
    path = f"/api/journeys/{journey.public_id}"
    revision = api.get(path).json()["revision"]
    definition = a_journey().wait("rest", for_=wait).email("letter").definition()
    assert api.patch(path, {"revision": revision, "definition": definition}).status_code == 200
    return path


def carry_on() -> None:
    changeovers.carry_on_all(now=WRITTEN)


def test_a_dry_run_shows_who_would_stand_where(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")

    answer = api.post(f"{path}/publish", {"inside": "move", "dry_run": True})

    assert answer.status_code == 200, answer.json()
    shown = answer.json()["preview"]
    assert (1, 1, 0) == (shown["total"], shown["moves"], shown["stuck"])
    (one,) = shown["instances"]
    assert (1, True) == (one["from_version"], one["moves"])
    assert "rest" == one["places"][0]["node"]
    assert "2027-05-04" == one["places"][0]["after"][:10]
    assert 1 == api.get(path).json()["current_version"]["number"]


def test_publishing_moves_those_inside_and_undoing_moves_them_back(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")

    published = api.post(f"{path}/publish", {"inside": "move"}).json()
    carry_on()

    assert (2, "move") == (published["number"], published["changeover"]["inside"])
    chosen = f"{path}/changeovers/{published['changeover']['id']}"
    assert 1 == api.get(chosen).json()["counts"]["moved"]
    (entry,) = api.get(f"{chosen}/entries").json()["results"]
    assert ("moved", 1) == (entry["outcome"], entry["from_version"])

    undone = api.post(f"{chosen}/undo")
    carry_on()
    assert undone.status_code == 200, undone.json()
    assert 1 == api.get(chosen).json()["counts"]["moved_back"]
    assert 1 == api.get(path).json()["current_version"]["number"]
    assert [published["changeover"]["id"]] == [
        one["id"] for one in api.get(f"{path}/changeovers").json()["results"]
    ]


def test_an_older_version_is_published_again(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")
    api.post(f"{path}/publish")

    answer = api.post(f"{path}/versions/1/publish", {"replace_draft": True})

    assert (3, 1) == (answer.json()["number"], answer.json()["repeats"])
    assert "10d" == api.get(path).json()["definition"]["nodes"][1]["settings"]["when"]["for"]
    assert 404 == api.post(f"{path}/versions/9/publish").status_code


def test_those_inside_are_moved_later_and_pinned_ones_are_left_alone(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")
    api.post(f"{path}/publish", {"inside": "only_new"})
    carry_on()

    shown = api.post(f"{path}/versions/2/move", {"dry_run": True}).json()["preview"]
    assert (0, 1) == (shown["total"], shown["pinned"])
    assert {"unpinned": 1} == api.post(f"{path}/unpin").json()
    moved = api.post(f"{path}/versions/2/move").json()["changeover"]
    carry_on()
    assert 1 == api.get(f"{path}/changeovers/{moved['id']}").json()["counts"]["moved"]


def test_one_instance_is_pinned_and_unpinned(api: Caller, journey: Journey) -> None:
    instance = journey.instances.get()
    path = f"/api/journey-engine/instances/{instance.public_id}"

    assert api.post(f"{path}/pin").json() == {"id": instance.public_id, "version": 1, "pinned": True}
    assert api.post(f"{path}/unpin").json()["pinned"] is False


def test_a_publishing_that_is_not_the_newest_is_not_undone(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")
    first = api.post(f"{path}/publish").json()["changeover"]["id"]
    edit(api, journey, "30d")
    api.post(f"{path}/publish")

    answer = api.post(f"{path}/changeovers/{first}/undo")

    assert (409, "newer_publishing") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    "body", [{"inside": "leave"}, {"dry_run": "yes"}, {"replace_draft": True}, {"inside": None}]
)
def test_a_choice_that_is_none_is_refused(api: Caller, journey: Journey, body: dict[str, Any]) -> None:
    answer = api.post(f"/api/journeys/{journey.public_id}/publish", body)

    assert (400, "invalid") == (answer.status_code, answer.json()["code"])


def test_an_unchanged_draft_names_the_choice_that_was_made(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")

    first = api.post(f"{path}/publish", {"inside": "only_new"}).json()
    again = api.post(f"{path}/publish").json()

    assert first["changeover"]["id"] == again["changeover"]["id"]


def test_a_draft_with_problems_is_not_previewed(api: Caller, journey: Journey) -> None:
    path = edit(api, journey, "20d")
    wrong = deepcopy(api.get(path).json()["definition"])
    wrong["edges"] = []
    api.patch(path, {"revision": api.get(path).json()["revision"], "definition": wrong})

    answer = api.post(f"{path}/publish", {"inside": "move", "dry_run": True})

    assert (400, "definition_invalid") == (answer.status_code, answer.json()["code"])


def test_the_re_entry_rule_is_set_with_its_days(api: Caller, now: datetime) -> None:
    made = api.post("/api/journeys", {"name": "Again", "re_entry": "after_days", "re_entry_days": 90}).json()

    assert ("after_days", 90) == (made["re_entry"], made["re_entry_days"])
    path = f"/api/journeys/{made['id']}"
    changed = api.patch(path, {"revision": 1, "re_entry": "always"}).json()
    assert ("always", None) == (changed["re_entry"], changed["re_entry_days"])
    refused = api.patch(path, {"revision": 2, "re_entry": "after_days"})
    assert (400, "bad_re_entry") == (refused.status_code, refused.json()["code"])
