"""The couples: who they are, how far they are, and the words put on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from django.db import connection, transaction

from journeys.contacts import checked_quiet_hours, normal_email, normal_phone
from journeys.encryption import blind_index
from journeys.errors import Conflict, Invalid
from journeys.language.calendar import local_time
from journeys.models import Client, Stakeholder, Tag, Vendor, Wedding, WeddingAnchor
from journeys.scoping import owned_by
from journeys.services.audit import record, record_all
from journeys.services.vendors import check_zone
from journeys.services.weddings import (
    CONTACT_FIELDS,
    FIRST_PARTNER,
    StakeholderData,
    WeddingData,
    anchor_set,
    wedding_add,
)
from journeys.signals import client_added, client_changed

#: In this status a couple has booked; from then on there is an anchor `booking`.
BOOKED = "booked"
BOOKING = "booking"
_LONGEST_WORD = {"status": 40, "locale": 20, "external_ref": 100}
_LONGEST_TAG = 60
_LONGEST_FIELD_NAME = 60


@transaction.atomic
def client_add(
    *,
    vendor: Vendor,
    display_name: str = "",
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    phone: str = "",
    status: str = "lead",
    locale: str = "en",
    time_zone: str = "",
    quiet_hours: Sequence[str] | None = None,
    approve_all: bool = False,
    fields: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    external_ref: str | None = None,
    wedding: WeddingData | None = None,
    stakeholders: Sequence[StakeholderData] = (),
    booked_on: dt.date | None = None,
    now: dt.datetime,
    actor: str,
) -> Client:
    """Add a client with the wedding and its people; a second call adds a second one, unless `external_ref` says no.

    The client's own names and contact are the first partner's: what is missing in one is taken from the other.
    Without `display_name` it becomes "Ana & Tom". People without a wedding get one without a date. A booked
    client has the anchor `booking`: on `booked_on`, or today where the vendor is.

    Raises:
        Invalid: something can not be used; the code names what.
        Conflict: code `duplicate_external_ref`.
    """
    people = {person.role: person for person in stakeholders}
    if len(people) < len(stakeholders):
        raise Invalid("A role is given to two people: give each person another role.", code="bad_role")
    first = people.get(FIRST_PARTNER)
    if first is not None:
        first_name, last_name = first_name or first.first_name, last_name or first.last_name
        email, phone = email or first.email, phone or first.phone
    elif wedding is not None or people:
        people[FIRST_PARTNER] = StakeholderData(
            role=FIRST_PARTNER, first_name=first_name, last_name=last_name, email=email, phone=phone
        )
    client = Client(
        vendor=vendor,
        display_name=display_name.strip() or _couple(first_name, people.get("partner_2")),
        first_name=first_name.strip(),
        last_name=last_name.strip(),
        status=_word("status", status),
        locale=_word("locale", locale),
        time_zone=time_zone,
        quiet_hours=checked_quiet_hours(quiet_hours),
        approve_all=approve_all,
        fields=_fields(fields or {}) or None,
        external_ref=_word("external_ref", external_ref) if external_ref else None,
        created_at=now,
    )
    _set_contact(client, email=email, phone=phone)
    if not client.display_name:
        raise Invalid("Give the client a name: display_name, or a first name.", code="bad_name")
    if time_zone:
        check_zone(time_zone)
    if external_ref and owned_by(vendor, Client).filter(external_ref=client.external_ref).exists():
        raise Conflict(
            f"There is already a client with external_ref {external_ref!r}: change that one instead.",
            code="duplicate_external_ref",
        )
    client.save()
    if tags:
        client.tags.set([_tag(vendor.id, name) for name in tags])
    written: Wedding | None = None
    if wedding is not None or people:
        written = wedding_add(
            client=client,
            data=wedding or WeddingData(),
            stakeholders=list(people.values()),
            now=now,
            actor=actor,
        )
        if booked_on is not None or client.status == BOOKED:
            WeddingAnchor.objects.get_or_create(
                wedding=written,
                name=BOOKING,
                defaults={"vendor": vendor, "date": booked_on or local_time(now, vendor.time_zone).date()},
            )
    record(vendor, actor, "client.added", client, now, status=client.status)
    client_added.send(sender=Client, client=client, wedding=written, now=now, actor=actor)
    return client


@transaction.atomic
def client_change(
    *,
    client: Client,
    display_name: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    status: str | None = None,
    locale: str | None = None,
    time_zone: str | None = None,
    quiet_hours: Sequence[str] | Literal["keep"] | None = "keep",
    approve_all: bool | None = None,
    fields: Mapping[str, Any] | None = None,
    now: dt.datetime,
    actor: str,
) -> Client:
    """Change what is given and leave the rest (None); a second call changes nothing and tells nobody.

    `fields` is laid over the old ones; a field of None is taken away. `quiet_hours` of None means the vendor's. Names and contact follow to the first
    partner. A status of "booked" gives the weddings their anchor `booking`, today, where they have none.

    Raises:
        Invalid: something can not be used; the code names what.
    """
    client.refresh_from_db(from_queryset=Client.objects.select_for_update())
    vendor = client.vendor
    if time_zone:
        check_zone(time_zone)
    before = {key: getattr(client, key) for key in _CHANGEABLE}
    wanted: dict[str, Any] = {
        "display_name": None if display_name is None else display_name.strip(),
        "first_name": None if first_name is None else first_name.strip(),
        "last_name": None if last_name is None else last_name.strip(),
        "status": None if status is None else _word("status", status),
        "locale": None if locale is None else _word("locale", locale),
        "time_zone": None if time_zone is None else time_zone.strip(),
        "approve_all": approve_all,
    }
    for key, value in wanted.items():
        if value is not None:
            setattr(client, key, value)
    _set_contact(client, email=email, phone=phone)
    if quiet_hours != "keep":
        client.quiet_hours = checked_quiet_hours(quiet_hours)
    if fields is not None:
        client.fields = _merged(client.fields or {}, fields)
    if not client.display_name:
        raise Invalid("Give the client a name.", code="bad_name")
    changed = [key for key in _CHANGEABLE if before[key] != getattr(client, key)]
    if not changed:
        return client
    client.save(update_fields=changed)
    contact = {key: getattr(client, key) for key in CONTACT_FIELDS if key in changed}
    if contact:
        Stakeholder.objects.filter(wedding__client=client, role=FIRST_PARTNER).update(**contact)
    public = [key for key in changed if not key.endswith("_index")]
    detail = {"status": client.status, "was": before["status"]} if "status" in changed else {}
    record(vendor, actor, "client.changed", client, now, fields=public, **detail)
    if "status" in changed and client.status == BOOKED:
        _mark_booking(client, now=now, actor=actor)
    client_changed.send(sender=Client, clients=[client], now=now)
    return client


def _mark_booking(client: Client, *, now: dt.datetime, actor: str) -> None:
    """Give the weddings of a client who has just booked their anchor, where they have none."""
    for wedding in client.weddings.exclude(anchors__name=BOOKING):
        today = local_time(now, client.vendor.time_zone).date()
        anchor_set(wedding=wedding, name=BOOKING, date=today, now=now, actor=actor)


_CHANGEABLE = [
    *("display_name", *CONTACT_FIELDS, "status", "locale", "time_zone"),
    *("quiet_hours", "approve_all", "fields"),
]


def set_field(*, client: Client, name: str, value: Any, now: dt.datetime, actor: str) -> Client:
    """Write one of the client's own fields, or take it away (None); a second call changes nothing."""
    return client_change(client=client, fields={name: value}, now=now, actor=actor)


@transaction.atomic
def field_increment(*, client: Client, name: str, by: float, now: dt.datetime, actor: str) -> Client:
    """Add to one of the client's own fields, which counts from zero when it is empty; twice adds twice.

    Raises:
        Invalid: what is written there is no number (`not_a_number`).
    """
    client.refresh_from_db(from_queryset=Client.objects.select_for_update())
    before = (client.fields or {}).get(name)
    if isinstance(before, bool) or not isinstance(before, int | float | None):
        raise Invalid(f"The field {name!r} holds no number that could be added to.", code="not_a_number")
    return set_field(client=client, name=name, value=(before or 0) + by, now=now, actor=actor)


@transaction.atomic
def tag_add(*, client: Client, name: str, now: dt.datetime, actor: str) -> Tag:
    """Put a tag on a client; a tag already there stays one, and nobody is told.

    Raises:
        Invalid: code `bad_tag`.
    """
    return tags_add(clients=[(client, actor)], name=name, now=now)[client.vendor_id]


#: One statement for all, in one order, so that two who tag the same clients at once never wait for each other.
_TAG_ALL = """
INSERT INTO journeys_client_tags (client_id, tag_id)
SELECT one.client_id, one.tag_id FROM unnest(%s::bigint[], %s::bigint[]) AS one(client_id, tag_id)
ORDER BY one.client_id
ON CONFLICT DO NOTHING
RETURNING client_id
"""


@transaction.atomic
def tags_add(*, clients: Sequence[tuple[Client, str]], name: str, now: dt.datetime) -> dict[int, Tag]:
    """Put one tag on several clients (client, actor), and return it for each vendor; it stays one where it is already.

    Of the clients no more is read than their ids and whose they are.

    Raises:
        Invalid: code `bad_tag`.
    """
    tags = {vendor_id: _tag(vendor_id, name) for vendor_id in sorted({one.vendor_id for one, _ in clients})}
    by_id = {client.id: (client, actor) for client, actor in clients}
    with connection.cursor() as cursor:
        cursor.execute(_TAG_ALL, [list(by_id), [tags[client.vendor_id].id for client, _ in by_id.values()]])
        new = [by_id[row[0]] for row in cursor.fetchall()]
    if new:
        record_all(
            [(client.vendor_id, actor, client) for client, actor in new],
            action="client.tag_added",
            now=now,
            tag=name.strip(),
        )
        client_changed.send(sender=Client, clients=[client for client, _ in new], now=now)
    return tags


@transaction.atomic
def tag_remove(*, client: Client, name: str, now: dt.datetime, actor: str) -> None:
    """Take a tag off a client; a tag that is not there is no error."""
    tag = client.tags.filter(name=name.strip()).first()
    if tag is not None:
        client.tags.remove(tag)
        record(client.vendor, actor, "client.tag_removed", client, now, tag=tag.name)
        client_changed.send(sender=Client, clients=[client], now=now)


def _set_contact(client: Client, *, email: str | None, phone: str | None) -> None:
    if email is not None:
        client.email = normal_email(email)
        client.email_index = blind_index(client.email)
    if phone is not None:
        client.phone = normal_phone(phone, region=client.vendor.region)
        client.phone_index = blind_index(client.phone)


def _couple(first_name: str, other: StakeholderData | None) -> str:
    names = [first_name.strip(), other.first_name.strip() if other else ""]
    return " & ".join(name for name in names if name)


def _word(field: str, text: str) -> str:
    word = text.strip()
    longest = _LONGEST_WORD[field]
    if not word or len(word) > longest or not word.isprintable():
        raise Invalid(f"The {field} can not be used. Write 1 to {longest} characters.", code=f"bad_{field}")
    return word


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    for name in fields:
        if not name or len(name) > _LONGEST_FIELD_NAME or not name.isprintable():
            raise Invalid(
                f"A field's name can not be used. Write 1 to {_LONGEST_FIELD_NAME} characters.",
                code="bad_field",
            )
    return dict(fields)


def _merged(known: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any] | None:
    merged = {**known, **_fields(fields)}
    return {name: value for name, value in merged.items() if value is not None} or None


def _tag(vendor_id: int, name: str) -> Tag:
    word = name.strip()
    if not word or len(word) > _LONGEST_TAG or not word.isprintable():
        raise Invalid(f"The tag can not be used. Write 1 to {_LONGEST_TAG} characters.", code="bad_tag")
    return Tag.objects.get_or_create(vendor_id=vendor_id, name=word)[0]
