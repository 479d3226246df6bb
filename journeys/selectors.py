"""What is known of couples: the facts that texts and conditions read, and the calendar of a wedding."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models import Prefetch, prefetch_related_objects

from journeys.calendars import calendar_from, state_of
from journeys.language.calendar import Calendar, local_time
from journeys.models import Client, Vendor, Wedding
from journeys.recipients import full_name

#: What a wedding that does not exist has as its status.
NO_WEDDING = "none"

#: Parts of the facts that cost a query of their own.
TAGS = "client.tags"
ANCHORS = "wedding.anchors"
PEOPLE = "people"


def _columns(model: type[models.Model]) -> str:
    return ", ".join(str(field.column) for field in model._meta.concrete_fields)  # noqa: SLF001 the documented door


_CLIENT = f"SELECT {_columns(Client)} FROM journeys_client WHERE id = %s AND vendor_id = %s"  # noqa: S608 names of the model
#: As `main_wedding` says.
_MAIN_WEDDING = f"""
SELECT {_columns(Wedding)} FROM journeys_wedding WHERE client_id = %s ORDER BY status = 'cancelled', id DESC LIMIT 1
"""  # noqa: S608 the same


def main_wedding(client: Client) -> Wedding | None:
    """Give the wedding that a client's journeys are about: the newest that is not cancelled, else the newest.

    Reads `client.weddings.all()`, so a prefetch is used.
    """
    weddings = sorted(client.weddings.all(), key=lambda wedding: wedding.pk, reverse=True)
    planned = [wedding for wedding in weddings if wedding.status != Wedding.Status.CANCELLED]
    return next(iter([*planned, *weddings]), None)


def client_facts(
    *,
    client_ids: Iterable[int],
    now: dt.datetime,
    wedding_ids: Mapping[int, int | None] | None = None,
    reads: frozenset[str] | None = None,
) -> dict[int, dict[str, Any]]:
    """Give the roots client, wedding, people and vendor of each client's facts, in five queries however many.

    Args:
        client_ids: Rows of one or several vendors; those that do not exist are missing in the answer.
        now: Aware, UTC; `wedding.days_to` counts from it on the wedding's own calendar.
        wedding_ids: Which wedding, by client; without it the main one.
        reads: The dotted paths that somebody reads; tags, anchors and people are looked up only where it names them.
    """
    beside = {ANCHORS: "anchors", PEOPLE: "stakeholders"}
    weddings = Wedding.objects.prefetch_related(
        *(name for what, name in beside.items() if is_read(what, reads))
    )
    clients = (
        Client.objects.filter(pk__in=set(client_ids))
        .select_related("vendor")
        .prefetch_related(
            *(["tags"] if is_read(TAGS, reads) else []), Prefetch("weddings", queryset=weddings)
        )
    )
    chosen = wedding_ids or {}
    facts: dict[int, dict[str, Any]] = {}
    for client in clients:
        wanted = chosen.get(client.pk)
        named = [wedding for wedding in client.weddings.all() if wedding.pk == wanted]
        facts[client.pk] = facts_of(
            client=client, wedding=named[0] if named else main_wedding(client), now=now, reads=reads
        )
    return facts


def client_anew(
    *, client_id: int, vendor: Vendor, reads: frozenset[str] | None = None
) -> tuple[Client, Wedding | None]:
    """Read one client of a vendor and its main wedding, with what `facts_of` looks at of them for these paths.

    What the caller holds of the vendor is taken, unless a path reads it.

    Raises:
        Client.DoesNotExist: the vendor has no such client.
    """
    client = next(iter(Client.objects.raw(_CLIENT, [client_id, vendor.pk])), None)
    if client is None:
        message = "This client is no longer there."
        raise Client.DoesNotExist(message)
    client.vendor = Vendor.objects.get(pk=vendor.pk) if is_read("vendor", reads) else vendor
    wedding = next(iter(Wedding.objects.raw(_MAIN_WEDDING, [client_id])), None)
    if is_read(TAGS, reads):
        prefetch_related_objects([client], "tags")
    if wedding is not None:
        beside = {ANCHORS: "anchors", PEOPLE: "stakeholders"}
        names = [name for what, name in beside.items() if is_read(what, reads)]
        if names:
            prefetch_related_objects([wedding], *names)
    return client, wedding


def facts_of(
    *, client: Client, wedding: Wedding | None, now: dt.datetime, reads: frozenset[str] | None = None
) -> dict[str, Any]:
    """Give the roots client, wedding, people and vendor of one client's facts.

    Reads `tags`, `anchors` and `stakeholders` with `.all()`, so prefetches are used; each of them only where `reads`
    (the dotted paths that somebody reads) is None or names it (`TAGS`, `ANCHORS`, `PEOPLE`).
    """
    vendor = client.vendor
    zone = wedding.time_zone if wedding else vendor.time_zone
    return {
        "client": {
            "id": client.public_id,
            "first_name": client.first_name or client.display_name,
            "last_name": client.last_name,
            "display_name": client.display_name,
            "email": client.email,
            "phone": client.phone,
            "status": client.status,
            "locale": client.locale,
            "time_zone": client.time_zone or zone,
            "tags": sorted(tag.name for tag in client.tags.all()) if is_read(TAGS, reads) else [],
            "fields": client.fields or {},
        },
        "wedding": _wedding_facts(
            wedding, vendor=vendor, zone=zone, now=now, with_anchors=is_read(ANCHORS, reads)
        ),
        "people": _people_facts(wedding, client) if wedding and is_read(PEOPLE, reads) else {},
        "vendor": {
            "name": vendor.name,
            "kind": vendor.kind,
            "email": vendor.email,
            "phone": vendor.phone,
            "website": vendor.website,
            "time_zone": vendor.time_zone,
            "fields": {name: value for name, value in vendor.settings.items() if name != "parameters"},
        },
    }


def calendar_of(wedding: Wedding | None, vendor: Vendor) -> Calendar:
    """Give everything about a wedding that decides when its steps are due.

    A wedding that is cancelled or has no date lacks the anchor "wedding"; a cancelled one lacks them all. Business
    days are the vendor's. Reads `wedding.anchors.all()`, so a prefetch is used.
    """
    return calendar_from(state_of(wedding) if wedding is not None else None, vendor)


def calendars_of(*, weddings: Iterable[Wedding], vendor: Vendor) -> dict[int, Calendar]:
    """Give the calendars of many weddings of one vendor, by number, in one query."""
    known = list(weddings)
    prefetch_related_objects(known, "anchors")
    return {wedding.pk: calendar_of(wedding, vendor) for wedding in known}


def long_date(date: dt.date) -> str:
    """Write a date the way a letter does: "Saturday 12 June 2027"."""
    return f"{date:%A} {date.day} {date:%B} {date.year}"


def is_read(what: str, reads: frozenset[str] | None) -> bool:
    """Tell whether a part of the facts is asked for: by its own path, one below it, or its whole root."""
    if reads is None:
        return True
    root = what.partition(".")[0]
    return any(path in {what, root} or path.startswith(f"{what}.") for path in reads)


def _wedding_facts(
    wedding: Wedding | None, *, vendor: Vendor, zone: str, now: dt.datetime, with_anchors: bool
) -> dict[str, Any]:
    if wedding is None:
        return {
            "id": "",
            "date": None,
            "time": None,
            "long_date": "",
            "venue": "",
            "city": "",
            "country": "",
            "time_zone": zone,
            "guest_count": None,
            "days_to": None,
            "status": NO_WEDDING,
            "anchors": {},
        }
    date = wedding.date
    anchors: dict[str, str] = {}
    if with_anchors:
        own = {anchor.name: anchor.date for anchor in wedding.anchors.all()}
        derived = {name: one.day for name, one in calendar_of(wedding, vendor).anchors.items()}
        anchors = {name: day.isoformat() for name, day in {**derived, **own}.items()}
    return {
        "id": wedding.public_id,
        "date": date.isoformat() if date else None,
        "time": f"{wedding.time:%H:%M}" if wedding.time else None,
        "long_date": long_date(date) if date else "",
        "venue": wedding.venue,
        "city": wedding.city,
        "country": wedding.region.partition("-")[0],
        "time_zone": zone,
        "guest_count": wedding.guest_count,
        "days_to": (date - local_time(now, zone).date()).days if date else None,
        "status": wedding.status,
        "anchors": {**anchors, "wedding": date.isoformat()} if date else anchors,
    }


def _people_facts(wedding: Wedding, client: Client) -> dict[str, dict[str, str]]:
    people: dict[str, dict[str, str]] = {}
    for person in wedding.stakeholders.all():
        name = full_name(person.first_name, person.last_name) or client.display_name
        people[person.role] = {
            "first_name": person.first_name or name,
            "last_name": person.last_name,
            "name": name,
            "email": person.email,
        }
    return people
