"""Forms, pages, secrets, hooks and modules through the API."""

from __future__ import annotations

from typing import Any

import pytest

from engine.models import IncomingHook, ModuleSetting
from journeys.models import AuditRecord, Form, VendorSecret
from tests.functional.api.calling import Caller

FORM: dict[str, Any] = {
    "key": "headcount",
    "title": "How many are coming?",
    "fields": [
        {"name": "guests", "label": "Guests", "kind": "number", "required": True},
        {"name": "menu", "label": "Menu", "kind": "choice", "options": ["Garden", "Sea"]},
    ],
}


def test_a_form_is_made_changed_and_archived(api: Caller) -> None:
    made = api.post("/api/forms", FORM)
    path = f"/api/forms/{made.json()['id']}"

    changed = api.patch(path, {"thanks": "Noted."})
    archived = api.delete(path)

    assert (made.status_code, changed.status_code, archived.status_code) == (201, 200, 200)
    assert [field["name"] for field in made.json()["fields"]] == ["guests", "menu"]
    assert api.get(path).json()["thanks"] == "Noted."
    assert api.get("/api/forms").json()["results"] == []
    assert len(api.get("/api/forms?is_archived=true").json()["results"]) == 1
    assert {"form.added", "form.changed"} <= set(AuditRecord.objects.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "Head Count"}, "key"),
        ({"title": " "}, "title"),
        ({"fields": []}, "fields"),
        ({"fields": [{"name": "a", "label": "A", "kind": "colour"}]}, "kind"),
        ({"fields": [{"name": "a", "label": "A", "kind": "choice"}]}, "fields.0"),
        ({"fields": [{"name": "a", "label": "A", "options": ["x"]}]}, "fields.0"),
        ({"fields": [{"name": "a", "label": "A"}, {"name": "a", "label": "B"}]}, "fields"),
        ({"fields": [{"name": "a", "label": "A", "kind": "choice", "options": ["x", " X "]}]}, "options"),
    ],
)
def test_a_form_that_can_not_be_asked_is_refused_by_field(
    api: Caller, change: dict[str, Any], field: str
) -> None:
    answer = api.post("/api/forms", {**FORM, **change})

    assert answer.status_code == 400
    assert any(field in problem["field"] for problem in answer.json()["details"])
    assert not Form.objects.exists()


def test_a_key_is_taken_once(api: Caller) -> None:
    api.post("/api/forms", FORM)

    answer = api.post("/api/forms", FORM)

    assert (answer.status_code, answer.json()["code"]) == (409, "key_taken")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ client.nope }}", "client.nope"),
        ("{{ wedding.venue }}", "may be empty"),
        ("{% if %}", "can not be read"),
        ("{{ variables.x }}", "variables.x"),
    ],
)
def test_a_page_that_would_show_nothing_is_refused(api: Caller, body: str, said: str) -> None:
    answer = api.post("/api/info-pages", {"key": "way", "title": "Way", "body": body})

    assert answer.status_code == 400
    assert said in answer.json()["details"][0]["message"]


def test_a_secret_is_kept_and_never_shown(api: Caller) -> None:
    answer = api.post("/api/secrets", {"name": "crm", "value": "t0ps3cret"})
    api.post("/api/secrets", {"name": "crm", "value": "0ther"})

    listed = api.get("/api/secrets")

    assert answer.status_code == 201
    assert [one["name"] for one in listed.json()["results"]] == ["crm"]
    for shown in (answer, listed):
        assert b"t0ps3cret" not in shown.content
        assert b"0ther" not in shown.content
    assert VendorSecret.objects.get().value == "0ther"
    assert "t0ps3cret" not in str(list(AuditRecord.objects.values_list("detail", flat=True)))


def test_the_signing_secret_is_read_and_rotated(api: Caller) -> None:
    first = api.get("/api/webhook-signing").json()
    second = api.post("/api/webhook-signing/rotate").json()

    assert first["secret"].startswith("whsec_")
    assert first["previous_until"] is None
    assert second["secret"] != first["secret"]
    assert second["previous_until"] is not None
    assert api.get("/api/webhook-signing").json() == second


def test_an_incoming_hooks_address_is_shown_once(api: Caller) -> None:
    made = api.post("/api/incoming-hooks", {"name": "studio", "match": "email", "match_path": "who.mail"})
    path = f"/api/incoming-hooks/{made.json()['hook']['id']}"

    rotated = api.post(f"{path}/rotate")
    api.patch(path, {"is_active": False})

    assert made.status_code == 201
    assert "/hooks/in/" in made.json()["url"]
    assert rotated.json()["url"] != made.json()["url"]
    assert "url" not in api.get(path).json()
    assert not IncomingHook.objects.get().is_active
    assert api.delete(path).status_code == 204


def test_modules_are_listed_with_all_that_they_declare(api: Caller) -> None:
    modules = api.get("/api/journey-engine/modules").json()["modules"]

    assert [one["name"] for one in modules] == [
        "email",
        "sms",
        "form",
        "meeting",
        "info",
        "review",
        "referral",
    ]
    for one in modules:
        assert one["enabled"]
        assert one["effective"] == one["declared"]
        assert one["effective"]["wedding_rules"]


def test_a_module_is_reconfigured_and_switched_for_one_vendor(api: Caller, stranger: Caller) -> None:
    path = "/api/journey-engine/modules/sms"

    answer = api.patch(
        path, {"enabled": False, "overrides": {"limits": {"per_minute": 5}, "retries": {"max_attempts": 9}}}
    )

    assert answer.status_code == 200
    shown = answer.json()
    assert not shown["enabled"]
    assert shown["effective"]["limits"]["per_minute"] == 5
    assert shown["effective"]["retries"]["max_attempts"] == 9
    assert shown["declared"]["limits"]["per_minute"] != 5
    assert stranger.get(path).json()["enabled"]
    assert AuditRecord.objects.filter(action="module.changed").count() == 1
    api.patch(path, {"enabled": False})
    assert AuditRecord.objects.filter(action="module.changed").count() == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"limits": {"time_seconds": 60}},
        {"limits": {"per_minute": 0}},
        {"limits": {"cpu": 1}},
        {"retries": {"max_attempts": 0}},
        {"target_ms": "fast"},
        {"colour": "red"},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(api: Caller, overrides: dict[str, Any]) -> None:
    answer = api.patch("/api/journey-engine/modules/sms", {"overrides": overrides})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_overrides")
    assert not ModuleSetting.objects.exists()


def test_there_is_no_other_module(api: Caller) -> None:
    assert api.get("/api/journey-engine/modules/wait").status_code == 404
