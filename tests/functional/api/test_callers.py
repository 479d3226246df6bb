"""Who may call, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as HttpClient
from django.test import override_settings

from journeys import clock
from journeys.models import ApiKey, Client
from journeys.services.api_keys import api_key_revoke
from journeys.services.vendors import membership_add
from tests.functional.api.calling import WRITTEN, Caller


def logged_in(vendor: Any, role: str, *, csrf: bool = False) -> HttpClient:
    user = User.objects.create_user(f"{role}-{vendor.pk}")
    membership_add(vendor=vendor, user=user, role=role, now=WRITTEN, actor="test")
    http = HttpClient(enforce_csrf_checks=csrf, raise_request_exception=False)
    http.force_login(user)
    return http


def test_request_without_a_key_is_refused(db: None) -> None:
    answer = HttpClient().get("/api/clients")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Api-Key"
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    "key", ["", "x", "abcdefgh.wrong", "a" * 300, "abc\u00e9.def", "../x.y", "abcdefgh.%00"]
)
def test_wrong_key_is_refused(api: Caller, key: str) -> None:
    answer = api.get("/api/clients", Authorization=f"Api-Key {key}")

    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_key_of_right_prefix_and_wrong_secret_is_refused(api: Caller) -> None:
    assert api.get("/api/clients", Authorization=f"Api-Key {api.key}x").status_code == 401


def test_key_is_taken_from_either_header(api: Caller) -> None:
    other = HttpClient().get("/api/clients", headers={"X-Api-Key": api.key})

    assert (api.get("/api/clients").status_code, other.status_code) == (200, 200)


def test_revoked_key_stops_at_the_next_request(api: Caller) -> None:
    assert api.get("/api/clients").status_code == 200

    api_key_revoke(key=ApiKey.objects.get(), now=WRITTEN, actor="test")

    assert api.get("/api/clients").status_code == 401


def test_expired_key_is_refused(api: Caller) -> None:
    ApiKey.objects.update(expiry_date=clock.now() + timedelta(hours=1))
    assert api.get("/api/clients").status_code == 200

    ApiKey.objects.update(expiry_date=clock.now() - timedelta(seconds=1))

    assert api.get("/api/clients").status_code == 401


def test_key_of_a_vendor_that_is_switched_off_is_refused(api: Caller) -> None:
    api.vendor.is_active = False
    api.vendor.save()

    assert api.get("/api/clients").status_code == 401


def test_checking_a_key_takes_one_query(api: Caller, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):  # the key with its vendor, the clock, the rows
        api.get("/api/tasks")


def test_member_reads_with_a_session(api: Caller, couple: Client) -> None:
    rows = logged_in(api.vendor, "viewer").get("/api/clients").json()["results"]

    assert [row["id"] for row in rows] == [couple.public_id]


def test_viewer_may_not_write(api: Caller) -> None:
    answer = logged_in(api.vendor, "viewer").post(
        "/api/clients", {"display_name": "X"}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not Client.objects.exists()


def test_session_needs_a_csrf_token_to_write(api: Caller) -> None:
    answer = logged_in(api.vendor, "editor", csrf=True).post(
        "/api/clients", {"display_name": "X"}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not Client.objects.exists()


def test_editor_writes_and_the_audit_names_them(api: Caller) -> None:
    http = logged_in(api.vendor, "editor")

    answer = http.post("/api/clients", {"display_name": "X"}, content_type="application/json")

    assert answer.status_code == 201


def test_person_without_membership_sees_nothing(api: Caller) -> None:
    http = HttpClient()
    http.force_login(User.objects.create_user("nobody"))

    assert http.get("/api/clients").status_code == 403


def test_member_of_two_vendors_names_one(api: Caller, stranger: Caller, couple: Client) -> None:
    http = logged_in(api.vendor, "owner")
    user = User.objects.get()
    membership_add(vendor=stranger.vendor, user=user, role="owner", now=WRITTEN, actor="test")

    unnamed = http.get("/api/clients")
    own = http.get("/api/clients", headers={"X-Vendor": api.vendor.public_id})
    other = http.get("/api/clients", headers={"X-Vendor": stranger.vendor.public_id})
    unknown = http.get("/api/clients", headers={"X-Vendor": "ven_unknown"})

    assert unnamed.status_code == 403
    assert "X-Vendor" in unnamed.json()["message"]
    assert len(own.json()["results"]) == 1
    assert other.json()["results"] == []
    assert unknown.status_code == 403


def test_queue_is_switched_by_owners_and_keys_only(api: Caller) -> None:
    body = {"action": "stop"}
    path = "/api/journey-engine/queue"

    editor = logged_in(api.vendor, "editor").post(path, body, content_type="application/json")
    owner = logged_in(api.vendor, "owner").post(path, body, content_type="application/json")
    key = api.post(path, {"action": "start"})

    assert editor.status_code == 403
    assert (owner.status_code, owner.json()["running"]) == (200, False)
    assert (key.status_code, key.json()["running"]) == (200, True)


@override_settings(API_RATE_PER_MINUTE=5)
def test_vendor_that_calls_too_often_waits_and_others_do_not(api: Caller, stranger: Caller) -> None:
    answers = [api.get("/api/tasks") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert stranger.get("/api/tasks").status_code == 200


@override_settings(API_RATE_PER_MINUTE=1, REDIS_URL="redis://127.0.0.1:1/0")
def test_nobody_is_held_up_when_the_counters_are_away(api: Caller) -> None:
    assert [api.get("/api/tasks").status_code for _ in range(3)] == [200, 200, 200]
