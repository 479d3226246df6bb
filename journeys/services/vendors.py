"""Vendors and who works for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from journeys.calendars import DERIVED
from journeys.contacts import normal_email, normal_phone
from journeys.errors import Invalid
from journeys.language.anchors import read_derived
from journeys.language.calendar import BusinessCalendar, SendingHours, zone_of
from journeys.language.contact_rules import ContactRules
from journeys.language.errors import LanguageError
from journeys.models import Membership, Vendor
from journeys.scoping import owned_by
from journeys.services.audit import record
from journeys.signals import vendor_dates_changed


@transaction.atomic
def vendor_add(
    *,
    name: str,
    kind: str,
    email: str,
    region: str = "US",
    time_zone: str = "UTC",
    phone: str = "",
    website: str = "",
    sending_hours: Mapping[str, Any] | None = None,
    contact_rules: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    now: datetime,
    actor: str,
) -> Vendor:
    """Add a vendor; a second call adds a second one. Couples answer to `email`.

    Raises:
        Invalid: kind, region, zone, contact or sending hours can not be used; the code names which.
    """
    vendor = Vendor(
        name=name.strip(),
        kind=kind,
        region=region.upper(),
        time_zone=time_zone,
        email=normal_email(email),
        phone=normal_phone(phone, region=region),
        website=website.strip(),
        sending_hours=dict(sending_hours or {}),
        contact_rules=dict(contact_rules or {}),
        settings=dict(settings or {}),
        created_at=now,
    )
    vendor_check(vendor=vendor)
    vendor.save()
    record(vendor, actor, "vendor.added", vendor, now, kind=kind, region=vendor.region)
    return vendor


@transaction.atomic
def vendor_change_settings(
    *,
    vendor: Vendor,
    name: str | None = None,
    kind: str | None = None,
    region: str | None = None,
    time_zone: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    website: str | None = None,
    sending_hours: Mapping[str, Any] | None = None,
    contact_rules: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    is_active: bool | None = None,
    now: datetime,
    actor: str,
) -> Vendor:
    """Change what is given and leave the rest (None); a second call with the same changes nothing.

    `sending_hours`, `contact_rules` and `settings` replace the old ones whole.

    Raises:
        Invalid: a value can not be used; the code names which.
    """
    # Not for its key: rows that only point to the vendor are written meanwhile.
    vendor.refresh_from_db(from_queryset=Vendor.objects.select_for_update(no_key=True))
    dates = _decides_dates(vendor)
    wanted: dict[str, Any] = {
        "name": None if name is None else name.strip(),
        "kind": kind,
        "region": None if region is None else region.upper(),
        "time_zone": time_zone,
        "email": None if email is None else normal_email(email),
        "phone": None if phone is None else normal_phone(phone, region=region or vendor.region),
        "website": None if website is None else website.strip(),
        "sending_hours": None if sending_hours is None else dict(sending_hours),
        "contact_rules": None if contact_rules is None else dict(contact_rules),
        "settings": None if settings is None else dict(settings),
        "is_active": is_active,
    }
    changed = [key for key, value in wanted.items() if value is not None and value != getattr(vendor, key)]
    if not changed:
        return vendor
    for key in changed:
        setattr(vendor, key, wanted[key])
    vendor_check(vendor=vendor)
    vendor.save(update_fields=changed)
    record(vendor, actor, "vendor.changed", vendor, now, fields=changed)
    if dates != _decides_dates(vendor):
        vendor_dates_changed.send(sender=Vendor, vendor=vendor, now=now, actor=actor)
    return vendor


def _decides_dates(vendor: Vendor) -> tuple[Any, ...]:
    """Give what of a vendor decides when pending steps are due."""
    return (vendor.region, vendor.time_zone, vendor.settings.get(DERIVED))


@transaction.atomic
def membership_add(
    *,
    vendor: Vendor,
    user: AbstractBaseUser,
    role: str = Membership.Role.OWNER,
    now: datetime,
    actor: str,
) -> Membership:
    """Let a user work for a vendor; a second call changes the role.

    Raises:
        Invalid: there is no such role.
    """
    if role not in Membership.Role.values:
        raise Invalid(
            f"There is no role {role!r}. Choose one of {', '.join(Membership.Role.values)}.", code="bad_role"
        )
    known = owned_by(vendor, Membership).select_for_update().filter(user_id=user.pk).first()
    if known is not None and known.role == role:
        return known
    membership, _ = Membership.objects.update_or_create(
        vendor=vendor,
        user_id=user.pk,
        defaults={"role": role},
        create_defaults={"role": role, "created_at": now},
    )
    record(vendor, actor, "membership.set", membership, now, user=user.pk, role=role)
    return membership


@transaction.atomic
def membership_remove(*, membership: Membership, now: datetime, actor: str) -> None:
    """Let a user no longer work for a vendor; a second call changes nothing."""
    known = Membership.objects.select_for_update().filter(pk=membership.pk).first()
    if known is not None:
        record(known.vendor, actor, "membership.removed", known, now, user=known.user_id, role=known.role)
        known.delete()


def vendor_check(*, vendor: Vendor) -> None:
    """Refuse a vendor that the engine could not work for; nothing is written.

    Raises:
        Invalid: the code names what is wrong with it.
    """
    if not vendor.name:
        raise Invalid("Give the vendor a name.", code="bad_name")
    if not vendor.email:
        raise Invalid("Give the vendor an e-mail address: couples answer to it.", code="bad_email")
    if vendor.kind not in Vendor.Kind.values:
        raise Invalid(
            f"There is no kind of vendor {vendor.kind!r}. Choose one of {', '.join(Vendor.Kind.values)}.",
            code="bad_kind",
        )
    try:
        BusinessCalendar(vendor.region)
    except LanguageError as error:
        raise Invalid(str(error), code="bad_region") from error
    check_zone(vendor.time_zone)
    try:
        SendingHours.from_setting(vendor.sending_hours)
    except LanguageError as error:
        raise Invalid(str(error), code="bad_sending_hours") from error
    try:
        ContactRules.from_setting(vendor.contact_rules)
    except LanguageError as error:
        raise Invalid(str(error), code="bad_contact_rules") from error
    if not isinstance(vendor.settings.get("parameters", {}), Mapping):
        raise Invalid('Write the settings\' "parameters" as names with values.', code="bad_settings")
    try:
        read_derived(vendor.settings.get(DERIVED))
    except LanguageError as error:
        raise Invalid(str(error), code="bad_derived_anchors") from error


def check_zone(name: str) -> None:
    """Refuse what is not the name of a time zone.

    Raises:
        Invalid: code `bad_time_zone`.
    """
    try:
        zone_of(name)
    except LanguageError as error:
        raise Invalid(str(error), code="bad_time_zone") from error
