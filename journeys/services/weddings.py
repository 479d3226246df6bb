"""Weddings: their date, the other dates steps hang on, and the people around them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from journeys.calendars import state_of
from journeys.contacts import checked_channel, checked_quiet_hours, normal_email, normal_phone
from journeys.encryption import blind_index
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Stakeholder, Wedding, WeddingAnchor
from journeys.services.audit import record
from journeys.services.vendors import check_zone
from journeys.signals import wedding_moved

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: The role whose contact is also the client's own.
FIRST_PARTNER = "partner_1"
#: The largest number PostgreSQL's integer column holds.
_MOST_GUESTS = 2_147_483_647


@dataclass(frozen=True, slots=True, kw_only=True)
class WeddingData:
    """What is known of a wedding when it is written down; without a date nothing that hangs on it is sent."""

    date: dt.date | None = None
    #: Local time of the ceremony.
    time: dt.time | None = None
    #: IANA name; "" means the vendor's.
    time_zone: str = ""
    venue: str = ""
    city: str = ""
    #: ISO 3166, with subdivision where known.
    region: str = ""
    guest_count: int | None = None
    #: Other dates by name.
    anchors: Mapping[str, dt.date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeholderData:
    """What is known of a person with a role at a wedding."""

    #: "partner_1", "partner_2", "planner", "venue", "florist", …
    role: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    locale: str = ""
    email_allowed: bool = True
    sms_allowed: bool = True
    #: "email" or "sms": how this person would rather be written to; "" leaves it to the step.
    channel: str = ""
    #: ["21:00", "08:00"]: when this person is left alone; [] never; None as the client or the vendor says.
    quiet_hours: Sequence[str] | None = None


@transaction.atomic
def wedding_add(
    *,
    client: Client,
    data: WeddingData,
    stakeholders: Sequence[StakeholderData] = (),
    now: dt.datetime,
    actor: str,
) -> Wedding:
    """Write down a wedding of a client with its dates and people; a second call writes a second one.

    Raises:
        Invalid: a zone, name, contact or number can not be used; the code names which.
    """
    zone = data.time_zone or client.vendor.time_zone
    check_zone(zone)
    wedding = Wedding.objects.create(
        vendor_id=client.vendor_id,
        client=client,
        date=data.date,
        time=data.time,
        time_zone=zone,
        venue=data.venue.strip(),
        city=data.city.strip(),
        region=_region(data.region),
        guest_count=_guests(data.guest_count),
        created_at=now,
    )
    for name, date in data.anchors.items():
        _write_anchor(wedding, name=name, date=date, time=None, time_zone="")
    for person in stakeholders:
        _write_stakeholder(wedding, person, now=now)
    record(client.vendor, actor, "wedding.added", wedding, now, client=client.public_id, date=_iso(data.date))
    return wedding


@transaction.atomic
def wedding_move(
    *,
    wedding: Wedding,
    date: dt.date | None,
    time: dt.time | None = None,
    time_zone: str | None = None,
    keep_time: bool = True,
    postponed: bool = True,
    correction: bool = False,
    now: dt.datetime,
    actor: str,
) -> Wedding:
    """Move a wedding to another date, time or zone; everything that hangs on it follows in this transaction.

    A date of None means postponed without a new date: what hangs on it is parked until one is known. A time or
    zone of None stays as it was; without `keep_time`, no time means none. Without `postponed`, no date means that there
    never was one. A `correction` takes a mistake back: steps follow, but nothing has happened to the couple. A second
    call with the same values changes nothing and tells nobody.

    Raises:
        Invalid: code `bad_time_zone`.
        Conflict: code `wedding_cancelled`.
    """
    wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
    if wedding.status == Wedding.Status.CANCELLED:
        raise Conflict("This wedding is cancelled: add a new one instead.", code="wedding_cancelled")
    if time_zone is not None:
        check_zone(time_zone)
    stood = state_of(wedding)
    before = (wedding.status, wedding.date, wedding.time, wedding.time_zone)
    no_more = date is None and postponed
    wedding.status = Wedding.Status.POSTPONED if no_more else Wedding.Status.PLANNED
    wedding.date = date
    wedding.time = wedding.time if time is None and keep_time else time
    wedding.time_zone = wedding.time_zone if time_zone is None else time_zone
    if before == (wedding.status, wedding.date, wedding.time, wedding.time_zone):
        return wedding
    wedding.save(update_fields=["status", "date", "time", "time_zone"])
    record(
        wedding.vendor,
        actor,
        "wedding.moved",
        wedding,
        now,
        was={"date": _iso(before[1]), "time": _iso(before[2]), "time_zone": before[3]},
        **{"is": {"date": _iso(wedding.date), "time": _iso(wedding.time), "time_zone": wedding.time_zone}},
    )
    wedding_moved.send(
        sender=Wedding, wedding=wedding, before=stood, correction=correction, now=now, actor=actor
    )
    return wedding


@transaction.atomic
def wedding_cancel(*, wedding: Wedding, now: dt.datetime, actor: str) -> Wedding:
    """Write down that a wedding will not take place; a second call changes nothing.

    Its dates stay readable, but nothing hangs on them any more.
    """
    wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
    if wedding.status == Wedding.Status.CANCELLED:
        return wedding
    stood = state_of(wedding)
    wedding.status = Wedding.Status.CANCELLED
    wedding.save(update_fields=["status"])
    record(wedding.vendor, actor, "wedding.cancelled", wedding, now, date=_iso(wedding.date))
    wedding_moved.send(sender=Wedding, wedding=wedding, before=stood, correction=False, now=now, actor=actor)
    return wedding


@transaction.atomic
def wedding_change(
    *,
    wedding: Wedding,
    venue: str | None = None,
    city: str | None = None,
    region: str | None = None,
    guest_count: int | None = None,
    now: dt.datetime,
    actor: str,
) -> Wedding:
    """Change what is given and leave the rest (None); no date is touched. A second call changes nothing.

    Raises:
        Invalid: code `bad_region` or `bad_guest_count`.
    """
    wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
    wanted: dict[str, Any] = {
        "venue": None if venue is None else venue.strip(),
        "city": None if city is None else city.strip(),
        "region": None if region is None else _region(region),
        "guest_count": _guests(guest_count),
    }
    changed = [key for key, value in wanted.items() if value is not None and value != getattr(wedding, key)]
    if changed:
        for key in changed:
            setattr(wedding, key, wanted[key])
        wedding.save(update_fields=changed)
        record(wedding.vendor, actor, "wedding.changed", wedding, now, fields=changed)
    return wedding


@transaction.atomic
def anchor_set(
    *,
    wedding: Wedding,
    name: str,
    date: dt.date | None,
    time: dt.time | None = None,
    time_zone: str = "",
    now: dt.datetime,
    actor: str,
) -> WeddingAnchor | None:
    """Give a wedding another date that steps may hang on, or take it away (None).

    A second call with the same values changes nothing and tells nobody.

    Raises:
        Invalid: code `bad_anchor` (the day itself is moved with `wedding_move`) or `bad_time_zone`.
    """
    wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
    stood = state_of(wedding)
    known = WeddingAnchor.objects.filter(wedding=wedding, name=name).first()
    if date is None:
        anchor = None
        if known is None:
            return None
        known.delete()
    else:
        if known is not None and (known.date, known.time, known.time_zone) == (date, time, time_zone):
            return known
        anchor = _write_anchor(wedding, name=name, date=date, time=time, time_zone=time_zone)
    record(
        wedding.vendor,
        actor,
        "wedding.anchor_set",
        wedding,
        now,
        name=name,
        was=_iso(known.date) if known else None,
        date=_iso(date),
    )
    wedding_moved.send(sender=Wedding, wedding=wedding, before=stood, correction=False, now=now, actor=actor)
    return anchor


@transaction.atomic
def stakeholder_set(
    *, wedding: Wedding, person: StakeholderData, now: dt.datetime, actor: str
) -> Stakeholder:
    """Give a role at a wedding to a person, in place of whoever had it; a second call changes nothing more.

    The first partner's contact is the client's own, so it is written to both.

    Raises:
        Invalid: role or contact can not be used; the code names which.
    """
    wedding.refresh_from_db(from_queryset=Wedding.objects.select_for_update())
    stakeholder = _write_stakeholder(wedding, person, now=now)
    if person.role == FIRST_PARTNER:
        client = Client.objects.select_for_update().get(pk=wedding.client_id)
        for key in CONTACT_FIELDS:
            setattr(client, key, getattr(stakeholder, key))
        client.save(update_fields=CONTACT_FIELDS)
    record(wedding.vendor, actor, "stakeholder.set", stakeholder, now, role=person.role)
    return stakeholder


#: What a client and the first partner have in common.
CONTACT_FIELDS = ["first_name", "last_name", "email", "email_index", "phone", "phone_index"]


@transaction.atomic
def stakeholder_remove(*, wedding: Wedding, role: str, now: dt.datetime, actor: str) -> None:
    """Take a role at a wedding from whoever has it; a second call changes nothing."""
    stakeholder = Stakeholder.objects.select_for_update().filter(wedding=wedding, role=role).first()
    if stakeholder is not None:
        record(wedding.vendor, actor, "stakeholder.removed", stakeholder, now, role=role)
        stakeholder.delete()


def _write_anchor(
    wedding: Wedding, *, name: str, date: dt.date, time: dt.time | None, time_zone: str
) -> WeddingAnchor:
    if name == "wedding":
        raise Invalid("The wedding's own date is moved, not set: move the wedding.", code="bad_anchor")
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"The date's name {name!r} can not be used. Write small letters, digits and _ (at most 40).",
            code="bad_anchor",
        )
    if time_zone:
        check_zone(time_zone)
    anchor, _ = WeddingAnchor.objects.update_or_create(
        wedding=wedding,
        name=name,
        defaults={"vendor_id": wedding.vendor_id, "date": date, "time": time, "time_zone": time_zone},
    )
    return anchor


def _write_stakeholder(wedding: Wedding, person: StakeholderData, *, now: dt.datetime) -> Stakeholder:
    if not _NAME.fullmatch(person.role):
        raise Invalid(
            f"The role {person.role!r} can not be used. Write small letters, digits and _ (at most 40).",
            code="bad_role",
        )
    email = normal_email(person.email)
    phone = normal_phone(person.phone, region=wedding.vendor.region)
    values = {
        "vendor_id": wedding.vendor_id,
        "first_name": person.first_name.strip(),
        "last_name": person.last_name.strip(),
        "email": email,
        "email_index": blind_index(email),
        "phone": phone,
        "phone_index": blind_index(phone),
        "locale": person.locale,
        "email_allowed": person.email_allowed,
        "sms_allowed": person.sms_allowed,
        "channel": checked_channel(person.channel),
        "quiet_hours": checked_quiet_hours(person.quiet_hours),
    }
    stakeholder, _ = Stakeholder.objects.update_or_create(
        wedding=wedding, role=person.role, defaults=values, create_defaults={**values, "created_at": now}
    )
    return stakeholder


def _region(text: str) -> str:
    region = text.strip().upper()
    if region and not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", region):
        raise Invalid(
            f'The region {text!r} can not be used. Write a country such as "PT", or "US-CA".',
            code="bad_region",
        )
    return region


def _guests(count: int | None) -> int | None:
    if count is not None and not 0 <= count <= _MOST_GUESTS:
        raise Invalid("The number of guests can not be used. Write a whole number.", code="bad_guest_count")
    return count


def _iso(value: dt.date | dt.time | None) -> str | None:
    return value.isoformat() if value else None
