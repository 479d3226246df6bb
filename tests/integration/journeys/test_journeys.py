from __future__ import annotations

import copy

import pytest

from engine.discovery import discover
from journeys import signals
from journeys.errors import Conflict, Invalid
from journeys.language.errors import DefinitionInvalid
from journeys.models import AuditRecord, Journey, JourneyTemplate, Version
from journeys.services import templates
from journeys.services.journeys import (
    first_draft,
    journey_archive,
    journey_change_draft,
    journey_create,
    journey_duplicate,
    journey_publish,
)
from journeys.services.templates import template_instantiate, templates_sync

ACTOR = "user:1"


@pytest.fixture(autouse=True)
def _types():
    discover()


@pytest.fixture
def journey(vendor, now):
    return journey_create(vendor=vendor, name=" Ladder ", now=now, actor=ACTOR)


def with_wait(length: str = "3d"):
    definition = copy.deepcopy(first_draft())
    wait = {"id": "rest", "type": "wait", "settings": {"when": {"kind": "duration", "for": length}}}
    definition["nodes"].insert(1, wait)
    definition["edges"] = [
        {"from": "start", "port": "next", "to": "rest"},
        {"from": "rest", "port": "next", "to": "done"},
    ]
    return definition


def test_an_empty_journey_can_be_published_as_it_begins(journey, now, told):
    version = journey_publish(journey=journey, now=now, actor=ACTOR)

    journey.refresh_from_db()
    assert (journey.name, journey.status, journey.current_version) == ("Ladder", "active", version)
    assert (version.number, version.trigger_type, version.published_at, version.published_by) == (
        1,
        "manual",
        now,
        ACTOR,
    )
    assert version.definition == first_draft()
    assert told == [
        ("version_published", {"journey": journey, "version": version, "now": now, "actor": ACTOR})
    ]
    assert AuditRecord.objects.get(action="journey.published").detail["digest"] == version.digest


def test_publishing_the_same_again_makes_no_new_version(journey, now, told):
    first = journey_publish(journey=journey, now=now, actor=ACTOR)
    again = journey_publish(journey=journey, now=now, actor=ACTOR)

    assert again == first
    assert Version.objects.count() == 1
    assert len(told) == 1


def test_an_edit_makes_the_next_version_and_leaves_the_old_one_as_it_is(journey, now):
    first = journey_publish(journey=journey, now=now, actor=ACTOR)
    journey_change_draft(journey=journey, definition=with_wait(), expected_revision=1, now=now, actor=ACTOR)
    second = journey_publish(journey=journey, now=now, actor=ACTOR)

    first.refresh_from_db()
    assert (first.number, second.number) == (1, 2)
    assert first.definition == first_draft()
    assert second.definition == with_wait()
    assert first.digest != second.digest


def test_a_draft_with_problems_is_kept_but_not_published(journey, now):
    definition = with_wait()
    definition["nodes"][1]["type"] = "teleport"
    journey_change_draft(journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR)

    with pytest.raises(DefinitionInvalid) as refusal:
        journey_publish(journey=journey, now=now, actor=ACTOR)

    assert {problem.code for problem in refusal.value.problems} == {"unknown_type"}
    journey.refresh_from_db()
    assert (journey.status, journey.current_version) == ("draft", None)
    assert not Version.objects.exists()


def test_a_publication_is_undone_when_somebody_above_refuses(journey, now, refusing):
    refused = refusing(signals.version_published)

    with pytest.raises(refused):
        journey_publish(journey=journey, now=now, actor=ACTOR)

    journey.refresh_from_db()
    assert (journey.status, journey.current_version) == ("draft", None)
    assert not Version.objects.exists()


def test_an_edit_of_an_older_draft_is_refused(journey, now):
    journey_change_draft(journey=journey, name="New name", expected_revision=1, now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refusal:
        journey_change_draft(journey=journey, name="Other", expected_revision=1, now=now, actor=ACTOR)

    assert (refusal.value.code, refusal.value.details) == ("revision_conflict", {"expected": 1, "current": 2})
    journey.refresh_from_db()
    assert (journey.name, journey.draft_revision) == ("New name", 2)


def test_an_edit_that_says_nothing_new_leaves_the_revision(journey, now):
    journey_change_draft(
        journey=journey, name="Ladder", definition=first_draft(), expected_revision=1, now=now, actor=ACTOR
    )

    assert journey.draft_revision == 1


def deep(levels: int):
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ([], "not_an_object"),
        ("nodes", "not_an_object"),
        ({"nodes": [{"id": f"n{number}"} for number in range(501)]}, "too_many_nodes"),
        ({"nodes": deep(60)}, "too_deep"),
        ({"nodes": [], "layout": "x" * 1_000_001}, "too_large"),
        ({"nodes": [float("nan")]}, "not_an_object"),
        ({"nodes": [object()]}, "not_an_object"),
    ],
)
def test_a_draft_that_can_not_be_kept_is_refused(vendor, now, definition, code):
    with pytest.raises(Invalid) as refusal:
        journey_create(vendor=vendor, name="Ladder", definition=definition, now=now, actor=ACTOR)

    assert refusal.value.code == code
    assert not Journey.objects.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "  "}, "bad_name"),
        ({"name": "x" * 201}, "bad_name"),
        ({"name": "a", "re_entry": "sometimes"}, "bad_re_entry"),
    ],
)
def test_a_journey_that_can_not_be_used_is_refused(vendor, now, given, code):
    with pytest.raises(Invalid) as refusal:
        journey_create(vendor=vendor, **given, now=now, actor=ACTOR)

    assert refusal.value.code == code


def test_a_copy_is_a_new_draft(journey, now):
    journey_publish(journey=journey, now=now, actor=ACTOR)
    copied = journey_duplicate(journey=journey, now=now, actor=ACTOR)

    assert (copied.name, copied.status, copied.current_version) == ("Ladder (copy)", "draft", None)
    assert copied.draft == journey.draft
    assert copied.public_id != journey.public_id


def test_an_archived_journey_is_changed_no_more(journey, now):
    journey_publish(journey=journey, now=now, actor=ACTOR)
    journey_archive(journey=journey, now=now, actor=ACTOR)
    journey_archive(journey=journey, now=now, actor=ACTOR)

    for deed in (
        lambda: journey_publish(journey=journey, now=now, actor=ACTOR),
        lambda: journey_change_draft(journey=journey, name="x", expected_revision=1, now=now, actor=ACTOR),
    ):
        with pytest.raises(Conflict) as refusal:
            deed()
        assert refusal.value.code == "archived"
    assert AuditRecord.objects.filter(action="journey.archived").count() == 1


def test_the_product_s_templates_are_loaded_once(now):
    loaded = templates_sync(now=now)
    ids = {template.public_id for template in loaded}
    again = templates_sync(now=now)

    assert {template.public_id for template in again} == ids
    assert {"photographer_full_service", "venue", "payment_ladder"} <= {template.key for template in loaded}
    assert JourneyTemplate.objects.filter(vendor=None).count() == len(loaded)


def test_a_template_follows_its_file(now, tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "FOLDER", tmp_path)
    file = tmp_path / "tiny.yaml"
    file.write_text("name: Tiny\ndescription: x\ndefinition: {schema_version: 1}\n", encoding="utf-8")
    (first,) = templates_sync(now=now)
    file.write_text("name: Small\ndescription: x\ndefinition: {schema_version: 1}\n", encoding="utf-8")

    (second,) = templates_sync(now=now)
    assert (second.pk, second.name) == (first.pk, "Small")

    file.unlink()
    templates_sync(now=now)
    assert not JourneyTemplate.objects.exists()


@pytest.fixture
def template(now):
    templates_sync(now=now)
    return JourneyTemplate.objects.get(key="photographer_full_service")


def test_a_journey_begun_from_a_template_takes_the_vendor_s_own_offsets(template, vendor, now):
    journey = template_instantiate(
        template=template, vendor=vendor, parameters={"guide": "10d"}, now=now, actor=ACTOR
    )

    values = {name: parameter["value"] for name, parameter in journey.draft["parameters"].items()}
    assert values["guide"] == "10d"
    assert values["final_payment"] == "-45d"
    assert values["questionnaire"] == "-90d"
    assert (journey.vendor, journey.name) == (vendor, template.name)
    assert journey_publish(journey=journey, now=now, actor=ACTOR).number == 1


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"honeymoon": "3d"}, "unknown_parameter"),
        ({"guide": "soon"}, "bad_parameter"),
        ({"guide": 7}, "bad_parameter"),
        ({"send_time": "25:00"}, "bad_parameter"),
        ({"gallery_weeks": 6}, "bad_parameter"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(template, vendor, now, parameters, code):
    with pytest.raises(Invalid) as refusal:
        template_instantiate(template=template, vendor=vendor, parameters=parameters, now=now, actor=ACTOR)

    assert refusal.value.code == code
    assert not Journey.objects.exists()
