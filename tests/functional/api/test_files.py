"""Journeys and templates as files, and differences, over REST."""

from __future__ import annotations

import yaml
from jsonschema import Draft202012Validator

from journeys.models import JourneyTemplate
from journeys.services.template_files import read
from journeys.services.templates import FOLDER, templates_sync
from tests.builders import a_journey
from tests.functional.api.calling import WRITTEN, Caller

OURS = """
name: Ours
vendor_kind: photographer
definition:
  schema_version: 1
  parameters:
    rest: {kind: offset, value: 3d, label: Rest}
  nodes:
    - {id: start, type: start, settings: {trigger: {type: manual}}}
    - {id: rest, type: wait, settings: {when: {kind: duration, for: $rest}}}
    - {id: end, type: end}
  edges:
    - {from: start, to: rest}
    - {from: rest, to: end}
"""


def test_what_publishing_would_change_is_told(api: Caller) -> None:
    journey = a_journey().wait("rest", for_="10d").publish(api.vendor, now=WRITTEN)
    path = f"/api/journeys/{journey.public_id}"
    api.patch(path, {"revision": 1, "definition": a_journey().wait("rest", for_="20d").definition()})

    answer = api.get(f"{path}/diff")

    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert ("current", "draft", False) == (shown["from"], shown["to"], shown["same"])
    assert ["“rest” is due 20 days later instead of 10 days later."] == shown["sentences"]
    (step,) = shown["changes"]["steps"]["changed"]
    assert [{"path": "settings.when.for", "before": "10d", "after": "20d"}] == step["changes"]

    assert api.get(f"{path}/diff?from=1&to=1").json()["same"] is True
    assert 404 == api.get(f"{path}/diff?from=1&to=7").status_code
    assert 400 == api.get(f"{path}/diff?from=first").status_code


def test_a_journey_goes_out_as_a_file_and_comes_in_as_a_template(api: Caller) -> None:
    journey = a_journey().wait("rest", for_="10d").publish(api.vendor, now=WRITTEN, name="Our way")

    answer = api.get(f"/api/journeys/{journey.public_id}/export?format=yaml")
    assert answer["Content-Type"].startswith("application/yaml")
    assert 'filename="our-way.yaml"' in answer["Content-Disposition"]
    text = answer.content.decode()
    imported = api.post("/api/journey-templates/import", {"content": text})

    assert imported.status_code == 200, imported.json()
    assert ("our-way", True) == (imported.json()["template"]["key"], imported.json()["is_new"])
    assert journey.draft == JourneyTemplate.objects.get(key="our-way").definition
    assert "definition" in api.get(f"/api/journeys/{journey.public_id}/export").json()


def test_a_dry_run_keeps_nothing_and_names_each_problem_with_its_line(api: Caller) -> None:
    wrong = OURS.replace("for: $rest", "for: soon")

    shown = api.post("/api/journey-templates/import", {"content": wrong, "dry_run": True}).json()
    refused = api.post("/api/journey-templates/import", {"content": wrong})

    (problem,) = shown["problems"]
    assert ("rest", 10) == (problem["node"], problem["line"])
    assert shown["valid"] is False
    assert (400, "template_invalid") == (refused.status_code, refused.json()["code"])
    assert [problem["message"]] == [one["message"] for one in refused.json()["details"]]
    assert not JourneyTemplate.objects.exists()


def test_a_second_file_of_the_same_key_takes_the_place_of_the_first(api: Caller) -> None:
    first = api.post("/api/journey-templates/import", {"content": OURS}).json()
    changed = OURS.replace("value: 3d", "value: 5d")
    shown = api.post("/api/journey-templates/import", {"content": changed, "dry_run": True}).json()
    second = api.post("/api/journey-templates/import", {"content": changed}).json()

    assert ["The parameter “rest”: the value is “5d” instead of “3d”."] == shown["changes"]
    assert first["template"]["id"] == second["template"]["id"]
    assert "5d" == JourneyTemplate.objects.get().definition["parameters"]["rest"]["value"]


def test_a_template_of_the_product_stays_when_a_vendor_s_own_has_its_key(
    api: Caller, stranger: Caller
) -> None:
    templates_sync(now=WRITTEN)

    api.post("/api/journey-templates/import", {"content": OURS, "key": "venue"})

    assert 2 == JourneyTemplate.objects.filter(key="venue").count()
    keys = [one["key"] for one in stranger.get("/api/journey-templates?limit=200").json()["results"]]
    assert 1 == keys.count("venue")


def test_a_journey_is_compared_with_the_template_it_was_begun_from(api: Caller) -> None:
    template = api.post("/api/journey-templates/import", {"content": OURS}).json()["template"]["id"]
    begun = api.post(f"/api/journey-templates/{template}/instantiate", {"parameters": {"rest": "7d"}}).json()
    path = f"/api/journeys/{begun['id']}/template-diff"

    shown = api.get(path).json()
    assert (template, False) == (shown["template"]["id"], shown["template_changed"])
    assert ["The parameter “rest”: the value is “7d” instead of “3d”."] == shown["sentences"]

    api.post("/api/journey-templates/import", {"content": OURS.replace("value: 3d", "value: 7d")})
    shown = api.get(path).json()
    assert (True, True) == (shown["template_changed"], shown["same"])


def test_a_journey_that_was_begun_from_nothing_has_no_template(api: Caller) -> None:
    journey = a_journey().publish(api.vendor, now=WRITTEN)

    assert api.get(f"/api/journeys/{journey.public_id}/template-diff").json()["template"] is None


def test_every_template_fits_the_schema_of_a_definition(api: Caller) -> None:
    schema = api.get("/api/journeys/schema").json()

    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in sorted(FOLDER.glob("*.yaml")):
        file = read(path.read_text(encoding="utf-8")).file
        assert file is not None
        assert [] == [error.message for error in validator.iter_errors(file.definition)], path.stem
    assert not validator.is_valid({"schema_version": 1, "nodes": [{"id": "a", "type": "teleport"}]})


def test_an_exported_template_is_the_file_it_came_from(api: Caller) -> None:
    templates_sync(now=WRITTEN)
    template = JourneyTemplate.objects.get(key="venue")

    text = api.get(f"/api/journey-templates/{template.public_id}/export?format=yaml").content.decode()

    assert template.definition == yaml.safe_load(text)["definition"]
    assert 404 == api.get("/api/journey-templates/tpl_1/export?format=yaml").status_code
