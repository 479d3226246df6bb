"""A vendor sees and changes its own rows only: every address of the API, found by walking the URL configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.test import TestCase

from channels.models import Message
from engine.models import InterventionTicket
from engine.services.publishing import move_to
from journeys import clock
from journeys.api.views.journeys import DEFINITION
from journeys.models import AuditRecord, JourneyTemplate
from journeys.services.tasks import task_add
from tests.alerts import a_doubt, an_alert
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.circuits import a_circuit
from tests.dead_letters import a_dead_letter
from tests.drive import run_until_idle
from tests.enrollments import an_enrollment
from tests.functional.api.addresses import Address, api_addresses
from tests.functional.api.calling import WRITTEN, Caller, make_caller
from tests.functional.api.waiting import an_approval
from tests.meets import meets_ids
from tests.pages import pages_ids

ADDRESSES = api_addresses()
#: Named after what everybody has, so that another vendor finds its own there.
EVERYBODYS = {"/api/journey-engine/modules/{name}"}
WITH_IDS = [address for address in ADDRESSES if address.names and address.template not in EVERYBODYS]
LISTS = [address for address in ADDRESSES if not address.names and hasattr(address.view, "get")]
#: These speak of the system or of figures, not of rows.
NO_ROWS = {
    "/api/contact-rules",
    "/api/journey-engine/modules",
    "/api/journey-engine/queue",
    "/api/journey-engine/metrics",
    "/api/journey-engine/forecast",
    "/api/journeys/schema",
    "/api/reviews/settings",
    "/api/webhook-signing",
    "/api/referrals/settings",
}


class World(NamedTuple):
    """The vendor who has everything, another one, and the ids of what the first one has."""

    api: Caller
    stranger: Caller
    ids: dict[str, Any]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Make two vendors and what one of them has once for all addresses; what a test changes is taken back after it."""
    with django_db_blocker.unblock():
        around = TestCase._enter_atomics()
        api = make_caller(a_vendor(now=WRITTEN))
        yield World(api, make_caller(a_vendor(name="Somebody Else", now=WRITTEN)), rows_of(api))
        TestCase._rollback_atomics(around)


@pytest.fixture
def api(world: World, db: None) -> Caller:
    return world.api


@pytest.fixture
def stranger(world: World, db: None) -> Caller:
    return world.stranger


@pytest.fixture
def ids(world: World, db: None) -> dict[str, Any]:
    return world.ids


def rows_of(api: Caller) -> dict[str, Any]:
    """One row of everything, all of them the first vendor's; an address with a new kind of id adds a line here."""
    now = clock.now()
    couple = a_couple(api.vendor, now=now)
    body = "About {% if client.fields.album %}{{ client.fields.album }}{% else %}{{ variables.album }}{% endif %}"
    builder = a_journey().variable("album").email("hello").email("album", body=body)
    journey = builder.publish(api.vendor, now=now)
    api.post(
        "/api/journey-engine/instances",
        {"journey_id": journey.public_id, "client_id": couple.public_id, "variables": {"album": ""}},
    )
    run_until_idle(clock.now())
    template = JourneyTemplate.objects.create(
        vendor=api.vendor, key="own", name="Own", definition=DEFINITION, created_at=now, updated_at=now
    )
    ticket = InterventionTicket.objects.get()
    instance = ticket.lines.get().instance
    return {
        "client_id": couple.public_id,
        "wedding_id": couple.weddings.get().public_id,
        "anchor": "engagement_shoot",
        "task_id": task_add(client=couple, title="Call", now=now, actor=ACTOR).public_id,
        "journey_id": journey.public_id,
        "number": 1,
        "template_id": template.public_id,
        "instance_id": instance.public_id,
        "ticket_id": ticket.public_id,
        "message_id": a_doubt(Message.objects.get(), now=now).public_id,
        "changeover_id": move_to(journey=journey, number=1, now=now, actor=ACTOR).public_id,
        "enrollment_id": an_enrollment(journey, now=now).public_id,
        "dead_letter_id": a_dead_letter(api.vendor, now=now).public_id,
        "circuit_id": a_circuit(api.vendor, now=now).public_id,
        "approval_id": an_approval(api.vendor, now=now).public_id,
        "alert_id": an_alert(api.vendor, now=now).public_id,
        **meets_ids(instance, now=now),
        **pages_ids(instance, now=now),
    }


def test_the_walk_finds_the_whole_api() -> None:
    assert len(ADDRESSES) >= 39
    assert "/api/clients/{client_id}" in {address.template for address in ADDRESSES}


@pytest.mark.parametrize("address", WITH_IDS, ids=lambda address: address.template)
def test_rows_of_another_vendor_are_not_found(
    api: Caller, stranger: Caller, ids: dict[str, Any], address: Address
) -> None:
    path = address.filled(ids)
    deeds = AuditRecord.objects.count()

    for method in ("get", "post", "put", "patch", "delete"):
        if not hasattr(address.view, method):
            continue
        answer = stranger.call(method.upper(), path, None if method == "get" else {})
        assert answer.status_code == 404, f"{method} {path}: {answer.content!r}"
        assert set(answer.json()) == {"code", "message", "details"}
    assert AuditRecord.objects.count() == deeds
    if hasattr(address.view, "get"):
        assert api.get(path).status_code == 200


@pytest.mark.parametrize("address", LISTS, ids=lambda address: address.template)
def test_lists_hold_no_rows_of_another_vendor(
    api: Caller, stranger: Caller, ids: dict[str, Any], address: Address
) -> None:
    answer = stranger.get(address.template)

    assert answer.status_code == 200
    if address.template in NO_ROWS:
        return
    assert answer.json() == {"results": [], "next": None}
    assert len(api.get(address.template).json()["results"]) >= 1


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.template)
def test_nobody_gets_in_without_a_key(api: Caller, ids: dict[str, Any], address: Address) -> None:
    path = address.filled(ids)

    for method in ("get", "post", "put", "patch", "delete"):
        if hasattr(address.view, method):
            answer = api.http.generic(method.upper(), path, b"{}", content_type="application/json")
            assert answer.status_code == 401, f"{method} {path}"


def test_figures_count_own_rows_only(stranger: Caller, ids: dict[str, Any]) -> None:
    figures = stranger.get("/api/journey-engine/metrics").json()

    assert figures["steps"]["total"] == 0
    assert set(figures["instances"].values()) == {0}
    assert set(figures["messages"].values()) == {0}
