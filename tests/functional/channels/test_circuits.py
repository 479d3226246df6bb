"""Circuits through the REST API and in the admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from channels.models import Circuit
from channels.services import circuits
from journeys.models import AuditRecord
from tests.builders import a_vendor
from tests.circuits import a_circuit
from tests.functional.api.calling import Caller, make_caller

LIST = "/api/journey-engine/circuits"
ADMIN = "/admin/channels/circuit/"


@pytest.fixture(autouse=True)
def _plenty(settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 100_000
    settings.WHITENOISE_AUTOREFRESH = True
    settings.TWILIO_ACCOUNT_SID = settings.SMTP_URL = ""
    settings.SENDGRID_API_KEY = "SG.x"


@pytest.fixture
def api(db: None, now: datetime) -> Caller:
    return make_caller(a_vendor(now=now))


@pytest.fixture
def host(api: Caller, now: datetime) -> Circuit:
    return a_circuit(api.vendor, now=now)


@pytest.fixture
def account(api: Caller, now: datetime) -> Circuit:
    circuits.accounts_make(now=now)
    return Circuit.objects.get(key="provider:sendgrid")


def test_list_shows_own_services_and_the_systems_accounts(
    api: Caller, host: Circuit, account: Circuit, now: datetime
):
    rows = api.get(LIST).json()["results"]

    assert [row["name"] for row in rows] == ["SendGrid", "api.example.com"]
    assert [row["lets_through"] for row in rows] == [True, False]
    assert rows[1] | {"probe_at": "", "opened_at": "", "changed_at": ""} == {
        "id": host.public_id,
        "kind": "host",
        "name": "api.example.com",
        "state": "open",
        "lets_through": False,
        "forced": "",
        "reason": "The service answered 503.",
        "code": "http_503",
        "opened_at": "",
        "opens": 1,
        "probe_at": "",
        "changed_by": "engine",
        "changed_at": "",
    }


@pytest.mark.parametrize(("query", "found"), [("state=open", 1), ("state=half_open", 0), ("kind=account", 1)])
def test_list_is_filtered(api: Caller, host: Circuit, account: Circuit, query: str, found: int):
    assert len(api.get(f"{LIST}?{query}").json()["results"]) == found


def test_owner_stops_a_service_lets_it_through_and_resets_it(api: Caller, host: Circuit):
    path = f"{LIST}/{host.public_id}"

    answers = [api.post(f"{path}/{deed}").json() for deed in ("open", "close", "reset")]

    assert [(one["forced"], one["lets_through"]) for one in answers] == [
        ("open", False),
        ("closed", True),
        ("", True),
    ]
    assert api.get(path).json()["state"] == "closed"
    assert [one.action for one in AuditRecord.objects.filter(object_type="circuit").order_by("id")] == [
        "circuit.stopped",
        "circuit.let_through",
        "circuit.reset",
    ]
    assert answers[0]["changed_by"].startswith("key:")


@pytest.mark.parametrize("deed", ["open", "close", "reset"])
def test_account_is_the_systems_to_set(api: Caller, account: Circuit, deed: str):
    answer = api.post(f"{LIST}/{account.public_id}/{deed}")

    assert answer.status_code == 403
    assert "operators" in answer.json()["message"]
    assert api.get(f"{LIST}/{account.public_id}").status_code == 200


def test_service_of_another_vendor_is_not_found(host: Circuit, now: datetime):
    stranger = make_caller(a_vendor(name="Somebody Else", now=now))

    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(f"{LIST}/{host.public_id}").status_code == 404
    assert stranger.post(f"{LIST}/{host.public_id}/open").status_code == 404


@pytest.mark.parametrize(("action", "forced"), [("stop", "open"), ("let_through", "closed"), ("reset", "")])
def test_operator_sets_an_account_in_the_admin(db: None, now: datetime, action: str, forced: str):
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))

    assert "SendGrid" in browser.get(ADMIN).content.decode()
    account = Circuit.objects.get(key="provider:sendgrid")
    if action == "reset":
        circuits.circuit_set(circuit=account, forced="open", now=now, actor="user:0")
    browser.post(ADMIN, {"action": action, "_selected_action": [account.pk]})

    account.refresh_from_db()
    assert account.forced == forced
    record = AuditRecord.objects.filter(object_type="circuit").latest("id")
    assert (record.vendor, record.actor.startswith("user:")) == (None, True)
    assert browser.post(f"{ADMIN}{account.pk}/delete/").status_code == 403


def test_who_may_only_look_sets_nothing(db: None, now: datetime):
    person = get_user_model().objects.create_user("helper", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_circuit"))
    browser = Browser()
    browser.force_login(person)

    browser.get(ADMIN)
    account = Circuit.objects.get(key="provider:sendgrid")
    browser.post(ADMIN, {"action": "stop", "_selected_action": [account.pk]})

    account.refresh_from_db()
    assert account.forced == ""
