"""The demo: five vendors, two hundred couples, journeys published and everybody on their way."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from engine.models import Instance
from journeys.demo.couples import couples_of
from journeys.models import ApiKey, Client, Journey, JourneyTemplate, Vendor
from journeys.scoping import owned_by
from journeys.services import api_keys, journeys, templates, vendors
from journeys.services.importing import import_rows, read_rows

ACTOR = "command:demo"
USER = "demo@wedsync.test"

#: Weekdays from nine to seven, Saturdays in the morning: when the demo's vendors like to be heard.
HOURS: dict[str, Any] = {
    **{day: [["09:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "sat": [["09:00", "13:00"]],
    "sun": [["10:00", "12:00"]],
}


@dataclass(frozen=True, slots=True)
class DemoVendor:
    """One of the demo's vendors and the templates it uses."""

    kind: str
    name: str
    region: str
    time_zone: str
    email: str
    phone: str
    website: str
    templates: tuple[str, ...]


VENDORS = (
    DemoVendor(
        "photographer",
        "Luz & Linho",
        "PT",
        "Europe/Lisbon",
        "ola@luzelinho.example.com",
        "+351912345678",
        "https://luzelinho.example.com",
        ("photographer_full_service",),
    ),
    DemoVendor(
        "venue",
        "Quinta da Serra",
        "PT",
        "Europe/Lisbon",
        "casamentos@quintadaserra.example.com",
        "+351913456789",
        "https://quintadaserra.example.com",
        ("venue",),
    ),
    DemoVendor(
        "caterer",
        "Harvest Table",
        "US-NY",
        "America/New_York",
        "events@harvesttable.example.com",
        "+12125550143",
        "https://harvesttable.example.com",
        ("caterer",),
    ),
    DemoVendor(
        "florist",
        "Wildwood Stems",
        "GB",
        "Europe/London",
        "hello@wildwoodstems.example.com",
        "+442079460018",
        "https://wildwoodstems.example.com",
        ("florist",),
    ),
    DemoVendor(
        "planner",
        "Aisle & Ivy",
        "US-CA",
        "America/Los_Angeles",
        "team@aisleandivy.example.com",
        "+13105550177",
        "https://aisleandivy.example.com",
        ("planner_full_service", "payment_ladder"),
    ),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the demo holds now."""

    vendors: int
    couples: int
    journeys: int
    instances: int


def demo_load(*, now: datetime, facts_file: Path) -> Iterator[str]:
    """Load what is missing of the demo and give a line for each thing done; a second call adds nothing twice.

    Each couple is added in a transaction of its own, which also starts the journeys that wait for it.
    """
    templates.templates_sync(now=now)
    for shown in VENDORS:
        vendor = _vendor(shown, now=now)
        for key in shown.templates:
            _journey(vendor, key, now=now)
        rows, refusals = read_rows(couples_of(shown.kind).splitlines(keepends=True))
        report = import_rows(vendor=vendor, rows=rows, apply=True, now=now, actor=ACTOR)
        for refusal in (*refusals, *report.refusals):
            yield f"{shown.kind}: line {refusal.line}, {refusal.column}: {refusal.reason}"
        yield f"{vendor.name} ({shown.kind}): {report.added} couples added, {report.known} were there."
    facts = _access(now=now, facts_file=facts_file)
    yield f"Sign in as {facts['user']} with {facts['password']}."


def demo_standing() -> Loaded:
    """Count what the demo's vendors hold."""
    mine = Vendor.objects.filter(name__in=[shown.name for shown in VENDORS])
    return Loaded(
        vendors=mine.count(),
        couples=Client.objects.filter(vendor__in=mine).count(),
        journeys=Journey.objects.filter(vendor__in=mine, status=Journey.Status.ACTIVE).count(),
        instances=Instance.objects.filter(vendor__in=mine).count(),
    )


def _vendor(shown: DemoVendor, *, now: datetime) -> Vendor:
    known = Vendor.objects.filter(name=shown.name, kind=shown.kind).first()
    if known is not None:
        return known
    return vendors.vendor_add(
        name=shown.name,
        kind=shown.kind,
        region=shown.region,
        time_zone=shown.time_zone,
        email=shown.email,
        phone=shown.phone,
        website=shown.website,
        sending_hours=HOURS,
        now=now,
        actor=ACTOR,
    )


def _journey(vendor: Vendor, key: str, *, now: datetime) -> None:
    template = JourneyTemplate.objects.get(vendor=None, key=key)
    if owned_by(vendor, Journey).filter(name=template.name).exists():
        return
    with transaction.atomic():
        journey = templates.template_instantiate(template=template, vendor=vendor, now=now, actor=ACTOR)
        journeys.journey_publish(journey=journey, now=now, actor=ACTOR)


def _access(*, now: datetime, facts_file: Path) -> dict[str, str]:
    """Make the demo's user and API key where they are missing, and write both down for the person at the terminal."""
    users = get_user_model().objects
    known: dict[str, str] = json.loads(facts_file.read_text(encoding="utf-8")) if facts_file.exists() else {}
    user = users.filter(username=USER).first()
    password = known.get("password", "")
    if user is None or not password:
        password = secrets.token_urlsafe(9)
        user = user or users.create_user(username=USER, email=USER, is_staff=True, is_superuser=True)
        user.set_password(password)
        user.save()
    for vendor in Vendor.objects.filter(name__in=[shown.name for shown in VENDORS]):
        vendors.membership_add(vendor=vendor, user=user, now=now, actor=ACTOR)
    first = Vendor.objects.get(name=VENDORS[0].name, kind=VENDORS[0].kind)
    key = known.get("api_key", "")
    if not key or not ApiKey.objects.is_valid(key):
        _, key = api_keys.api_key_create(vendor=first, name="demo", now=now, actor=ACTOR)
    facts = {"user": USER, "password": password, "api_key": key, "vendor_id": first.public_id}
    facts_file.parent.mkdir(parents=True, exist_ok=True)
    facts_file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    facts_file.chmod(0o600)
    return facts
