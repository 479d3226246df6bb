"""Journeys, versions and templates over REST."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from journeys.api.views.journeys import DEFINITION
from journeys.models import Journey, JourneyTemplate, Version
from tests.functional.api.calling import WRITTEN, Caller


def created(api: Caller, **more: Any) -> dict[str, Any]:
    answer = api.post("/api/journeys", {"name": "Full service", "definition": DEFINITION} | more)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_journey_is_created_read_and_listed(api: Caller) -> None:
    journey = created(api, description="Everything")

    assert journey["revision"] == 1
    assert journey["status"] == "draft"
    assert journey["current_version"] is None
    assert api.get(f"/api/journeys/{journey['id']}").json() == journey
    listed = api.get("/api/journeys/").json()["results"]
    assert [row["id"] for row in listed] == [journey["id"]]
    assert "definition" not in listed[0]


def test_journey_without_a_definition_begins_empty(api: Caller) -> None:
    answer = api.post("/api/journeys", {"name": "Later"})

    assert [node["type"] for node in answer.json()["definition"]["nodes"]] == ["start", "end"]


def test_change_of_an_older_revision_is_refused(api: Caller) -> None:
    path = f"/api/journeys/{created(api)['id']}"

    first = api.patch(path, {"revision": 1, "name": "Short"})
    second = api.patch(path, {"revision": 1, "name": "Long"})

    assert (first.status_code, first.json()["revision"]) == (200, 2)
    assert (second.status_code, second.json()["code"]) == (409, "revision_conflict")
    assert api.get(path).json()["name"] == "Short"


def test_journey_is_replaced_whole(api: Caller) -> None:
    path = f"/api/journeys/{created(api)['id']}"

    incomplete = api.put(path, {"revision": 1, "name": "Other"})
    whole = api.put(path, {"revision": 1, "name": "Other", "definition": DEFINITION})

    assert [one["field"] for one in incomplete.json()["details"]] == ["definition"]
    assert whole.json()["name"] == "Other"


def test_publishing_freezes_a_version_once(api: Caller) -> None:
    journey = created(api)
    path = f"/api/journeys/{journey['id']}"

    first = api.post(f"{path}/publish")
    again = api.post(f"{path}/publish/")

    assert first.status_code == 200, first.json()
    assert first.json() == again.json()
    assert first.json()["number"] == 1
    assert api.get(path).json()["status"] == "active"
    assert [row["number"] for row in api.get(f"{path}/versions").json()["results"]] == [1]
    assert api.get(f"{path}/versions/1").json()["definition"] == DEFINITION
    assert api.get(f"{path}/versions/2").status_code == 404


def test_problems_are_named_by_validate_and_by_publish(api: Caller) -> None:
    wrong = deepcopy(DEFINITION)
    wrong["nodes"][1]["settings"]["when"]["offset"] = "soon"
    journey = created(api, definition=wrong)
    path = f"/api/journeys/{journey['id']}"

    checked = api.post(f"{path}/validate")
    published = api.post(f"{path}/publish")

    assert checked.json()["valid"] is False
    assert checked.json()["problems"][0]["node"] == "timeline"
    assert (published.status_code, published.json()["code"]) == (400, "definition_invalid")
    assert published.json()["details"] == checked.json()["problems"]
    assert not Version.objects.exists()


def test_definition_in_the_body_is_validated_and_not_stored(api: Caller) -> None:
    journey = created(api)
    path = f"/api/journeys/{journey['id']}"

    checked = api.post(f"{path}/validate", {"definition": {"schema_version": 1, "nodes": [], "edges": []}})

    assert checked.json()["valid"] is False
    assert api.get(path).json() == journey


def test_journey_is_duplicated_and_archived(api: Caller) -> None:
    journey = created(api)
    path = f"/api/journeys/{journey['id']}"

    copy = api.post(f"{path}/duplicate", {"name": "Copy"})
    gone = api.delete(path)

    assert (copy.status_code, copy.json()["name"]) == (201, "Copy")
    assert gone.status_code == 204
    assert api.get(path).json()["status"] == "archived"
    assert [row["name"] for row in api.get("/api/journeys?status=draft").json()["results"]] == ["Copy"]


def test_templates_of_the_product_and_own_ones_are_seen_and_no_others(api: Caller, stranger: Caller) -> None:
    for vendor, key in ((None, "shipped"), (api.vendor, "own"), (stranger.vendor, "foreign")):
        JourneyTemplate.objects.create(
            vendor=vendor,
            key=key,
            name=key,
            vendor_kind="photographer",
            definition=DEFINITION,
            created_at=WRITTEN,
            updated_at=WRITTEN,
        )

    rows = api.get("/api/journey-templates").json()["results"]

    assert {row["key"]: row["own"] for row in rows} == {"own": True, "shipped": False}
    assert api.get("/api/journey-templates?vendor_kind=venue").json()["results"] == []
    foreign = JourneyTemplate.objects.get(key="foreign").public_id
    assert api.get(f"/api/journey-templates/{foreign}").status_code == 404
    assert api.post(f"/api/journey-templates/{foreign}/instantiate").status_code == 404


def test_journey_begins_from_a_template_with_other_parameters(api: Caller) -> None:
    template = JourneyTemplate.objects.create(
        key="t", name="Template", definition=DEFINITION, created_at=WRITTEN, updated_at=WRITTEN
    )
    path = f"/api/journey-templates/{template.public_id}"

    made = api.post(f"{path}/instantiate", {"name": "Ours", "parameters": {"timeline": "-45d"}})
    wrong = api.post(f"{path}/instantiate", {"parameters": {"timelime": "-45d"}})

    assert made.status_code == 201, made.json()
    assert made.json()["definition"]["parameters"]["timeline"]["value"] == "-45d"
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_parameter")
    assert Journey.objects.count() == 1
    assert api.get(path).json()["definition"] == DEFINITION
