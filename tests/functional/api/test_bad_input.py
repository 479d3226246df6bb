"""What is wrong with a request is told in one shape, and nothing of it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django import db as django_db
from django.db import connection
from django.test import Client as HttpClient

from journeys.api.views.journeys import DEFINITION
from journeys.models import Client
from tests.functional.api.calling import Caller

TABLES = (
    "journeys_client",
    "journeys_wedding",
    "journeys_stakeholder",
    "journeys_journey",
    "journeys_tag",
    "journeys_auditrecord",
    "engine_triggerevent",
    "engine_instance",
)


def counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 the names are above
            found[table] = cursor.fetchone()[0]
    return found


def nodes(count: int) -> dict[str, Any]:
    definition: dict[str, Any] = deepcopy(DEFINITION)
    definition["nodes"] = [
        {"id": f"n{number}", "type": "wait", "name": "", "settings": {}} for number in range(count)
    ]
    return definition


def deep(levels: int) -> bytes:
    return b'{"name": "x", "definition": ' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


CLIENT, JOURNEY, EVENT, INSTANCE = (
    "/api/clients",
    "/api/journeys",
    "/api/journeys/trigger",
    "/api/journey-engine/instances",
)
BAD: dict[str, tuple[str, Any, int, str]] = {
    "no JSON": (CLIENT, b"{not json", 400, "malformed"),
    "empty body": (CLIENT, b"", 400, ""),
    "half of a character": (CLIENT, b'{"display_name": "\xff"}', 400, "malformed"),
    "half of a pair": (CLIENT, b'{"display_name": "\\ud800"}', 400, "malformed"),
    "NUL": (CLIENT, b'{"display_name": "a\\u0000b"}', 400, "malformed"),
    "NUL in a name": (CLIENT, b'{"display_name": "a", "fields": {"\\u0000": 1}}', 400, "malformed"),
    "NaN": (CLIENT, b'{"display_name": "a", "fields": {"x": NaN}}', 400, "malformed"),
    "too large a float": (CLIENT, b'{"display_name": "a", "fields": {"x": 1e999}}', 400, "malformed"),
    "too large a number": (
        CLIENT,
        b'{"display_name": "a", "fields": {"x": 9223372036854775808}}',
        400,
        "malformed",
    ),
    "endless number": (CLIENT, b'{"fields": {"x": ' + b"9" * 5000 + b"}}", 400, "malformed"),
    "name twice": (CLIENT, b'{"display_name": "a", "display_name": "b"}', 400, "malformed"),
    "too deep": (JOURNEY, deep(60), 400, "malformed"),
    "far too deep": (JOURNEY, deep(100_000), 400, "malformed"),
    "a list": (CLIENT, [], 400, "invalid"),
    "a text": (CLIENT, "Ana", 400, "invalid"),
    "null": (CLIENT, b"null", 400, "invalid"),
    "unknown field": (CLIENT, {"display_name": "a", "vip": True}, 400, "invalid"),
    "unknown field inside": (CLIENT, {"display_name": "a", "wedding": {"day": "x"}}, 400, "invalid"),
    "read-only field": (CLIENT, {"display_name": "a", "id": "cli_x"}, 400, "invalid"),
    "number as text": (CLIENT, {"display_name": 5}, 400, "invalid"),
    "list as text": (CLIENT, {"display_name": ["a"]}, 400, "invalid"),
    "text as number": (CLIENT, {"display_name": "a", "wedding": {"guest_count": "90"}}, 400, "invalid"),
    "truth as number": (CLIENT, {"display_name": "a", "wedding": {"guest_count": True}}, 400, "invalid"),
    "huge number": (CLIENT, {"display_name": "a", "wedding": {"guest_count": 10**12}}, 400, "invalid"),
    "negative number": (CLIENT, {"display_name": "a", "wedding": {"guest_count": -1}}, 400, "invalid"),
    "no such date": (CLIENT, {"display_name": "a", "wedding": {"date": "2027-02-30"}}, 400, "invalid"),
    "no such zone": (
        CLIENT,
        {"display_name": "a", "wedding": {"time_zone": "Mars/Base"}},
        400,
        "bad_time_zone",
    ),
    "no address": (CLIENT, {"display_name": "a", "email": "ana@"}, 400, "bad_email"),
    "no number": (CLIENT, {"display_name": "a", "phone": "+351 9"}, 400, "bad_phone"),
    "name of spaces": (CLIENT, {"display_name": "   "}, 400, "invalid"),
    "nobody at all": (CLIENT, {}, 400, "bad_name"),
    "role twice": (
        CLIENT,
        {"display_name": "a", "stakeholders": [{"role": "planner"}, {"role": "planner"}]},
        400,
        "invalid",
    ),
    "anchor with a bad name": (
        CLIENT,
        {"display_name": "a", "wedding": {"anchors": {"Big Day": "2027-01-01"}}},
        400,
        "bad_anchor",
    ),
    "three partners": (CLIENT, {"partners": [{}, {}, {}]}, 400, "invalid"),
    "journey without a name": (JOURNEY, {"definition": DEFINITION}, 400, "invalid"),
    "journey with a long name": (JOURNEY, {"name": "x" * 201, "definition": DEFINITION}, 400, "invalid"),
    "definition as a list": (JOURNEY, {"name": "x", "definition": []}, 400, "invalid"),
    "501 steps": (JOURNEY, {"name": "x", "definition": nodes(501)}, 400, "too_many_nodes"),
    "unknown re-entry": (JOURNEY, {"name": "x", "re_entry": "often"}, 400, "invalid"),
    "event of no type": (EVENT, {"client_id": "COUPLE"}, 400, "invalid"),
    "event of an unknown type": (EVENT, {"type": "moon", "client_id": "COUPLE"}, 400, "unknown_trigger"),
    "event with a list as payload": (
        EVENT,
        {"type": "manual", "client_id": "COUPLE", "payload": []},
        400,
        "invalid",
    ),
    "event of a bad payload": (
        EVENT,
        {"type": "payment_received", "client_id": "COUPLE", "payload": {"amount": "much"}},
        400,
        "bad_payload",
    ),
    "event of nobody": (EVENT, {"type": "manual", "client_id": "cli_nobody"}, 404, "not_found"),
    "event at no time": (
        EVENT,
        {"type": "manual", "client_id": "COUPLE", "occurred_at": "yesterday"},
        400,
        "invalid",
    ),
    "instance of another vendor": (
        INSTANCE,
        {"journey_id": "jrn_x", "client_id": "COUPLE", "vendor_id": "ven_other"},
        404,
        "not_found",
    ),
    "instance of no journey": (INSTANCE, {"journey_id": "jrn_x", "client_id": "COUPLE"}, 404, "not_found"),
    "bulk of nothing": (f"{INSTANCE}/bulk", {"action": "pause", "ids": []}, 400, "invalid"),
    "bulk of an unknown deed": (f"{INSTANCE}/bulk", {"action": "burn", "ids": ["ins_x"]}, 400, "invalid"),
    "queue of an unknown deed": ("/api/journey-engine/queue", {"action": "burn"}, 400, "invalid"),
}


def check_shape(answer: Any, status: int, code: str) -> None:
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"code", "message", "details"}
    assert isinstance(body["details"], list)
    assert body["message"]
    if code:
        assert body["code"] == code, body


@pytest.mark.parametrize("case", BAD)
def test_bad_body_is_refused_and_nothing_is_stored(api: Caller, couple: Client, case: str) -> None:
    path, body, status, code = BAD[case]
    if isinstance(body, dict) and body.get("client_id") == "COUPLE":
        body = body | {"client_id": couple.public_id}
    before = counts()

    answer = api.post(path, body)

    check_shape(answer, status, code)
    assert counts() == before


QUERIES = (
    "/api/clients?limit=0",
    "/api/clients?limit=201",
    "/api/clients?limit=ten",
    "/api/clients?limit=" + "9" * 100,
    "/api/clients?after=x",
    "/api/clients?after=" + "x" * 600,
    "/api/clients?statsu=lead",
    "/api/clients?status=%00",
    "/api/clients?email=nobody",
    "/api/weddings?date_from=soon",
    "/api/weddings?client_id=%00",
    "/api/tasks?open=perhaps",
    "/api/journeys?status=lost",
    "/api/journey-engine/instances?status=lost",
    "/api/journey-engine/instances?client_id=%00",
    "/api/journey-engine/executions?status=lost",
    "/api/journey-engine/tickets?level=none",
    "/api/journey-engine/errors?error_class=none",
    "/api/journey-engine/metrics?timeframe=1m",
    "/api/journey-engine/metrics?timeframe=91d",
    "/api/journey-engine/metrics?timeframe=24 hours",
    "/api/journey-engine/modules?x=1",
)


@pytest.mark.parametrize("path", QUERIES)
def test_bad_query_is_refused(api: Caller, path: str) -> None:
    check_shape(api.get(path), 400, "")


@pytest.mark.parametrize(
    "path",
    [
        "/api/clients/cli_unknown",
        "/api/clients/cli_%00",
        "/api/clients/1",
        "/api/clients/cli_x/../../x",
        "/api/nothing",
        "/api/journeys/jrn_x/versions/0",
        "/api/journeys/jrn_x/versions/99999999999999999999",
        "/api/clients//",
    ],
)
def test_unknown_address_is_not_found(api: Caller, path: str) -> None:
    check_shape(api.get(path), 404, "not_found")


def test_method_that_is_not_there_is_told(api: Caller) -> None:
    check_shape(api.delete("/api/clients"), 405, "method_not_allowed")


def test_other_media_types_are_refused(api: Caller) -> None:
    answer = api.http.post(
        "/api/clients", {"display_name": "a"}, headers={"Authorization": f"Api-Key {api.key}"}
    )

    check_shape(answer, 415, "unsupported_media_type")


def test_five_megabytes_are_refused(api: Caller) -> None:
    body = json.dumps({"display_name": "x" * 5_000_000}).encode()

    check_shape(api.post("/api/clients", body), 413, "too_large")
    assert not Client.objects.exists()


def test_five_megabytes_to_a_page_are_refused_in_plain_text(db: None) -> None:
    answer = HttpClient().post("/login/", b"x" * 5_000_000, content_type="text/plain")

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_unexpected_error_tells_nothing_of_the_inside(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(**_: Any) -> None:
        raise RuntimeError("secret: postgres://user:password@host")

    monkeypatch.setattr("journeys.api.views.clients.client_add", explode)

    answer = api.post("/api/clients", {"display_name": "a"})

    check_shape(answer, 500, "internal")
    assert "secret" not in answer.content.decode()


Raiser = Callable[..., None]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("IntegrityError", 409, "conflict"),
        ("DataError", 400, "invalid"),
        ("OperationalError", 503, "unavailable"),
        ("InterfaceError", 503, "unavailable"),
    ],
)
def test_database_errors_do_not_leak(
    api: Caller, monkeypatch: pytest.MonkeyPatch, error: str, status: int, code: str
) -> None:
    def explode(**_: Any) -> None:
        raise getattr(django_db, error)("duplicate key value violates secret_constraint")

    monkeypatch.setattr("journeys.api.views.clients.client_add", explode)

    answer = api.post("/api/clients", {"display_name": "a"})

    check_shape(answer, status, code)
    assert "secret" not in answer.content.decode()
