"""Keys that a vendor has at other services, and the one that its own calls are signed with."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from journeys.errors import Invalid
from journeys.models import Vendor, VendorSecret
from journeys.scoping import owned_by
from journeys.services.audit import record

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,4000}")
#: Bytes of a signing secret (Standard Webhooks: 24 to 64).
SIGNING_BYTES = 32
SIGNING_PREFIX = "whsec_"
#: How long calls are signed with the secret before, too, so that receivers can change over.
OVERLAP = timedelta(hours=24)


@transaction.atomic
def secret_set(*, vendor: Vendor, name: str, value: str, now: datetime, actor: str) -> VendorSecret:
    """Keep a secret under a name, or replace it; its value is in no answer and no audit.

    Raises:
        Invalid: code `bad_name` or `bad_value`.
    """
    if not _NAME.fullmatch(name) or name == VendorSecret.SIGNING:
        message = "Write the name with small letters, digits and _, beginning with a letter: crm_token."
        raise Invalid(message, code="bad_name", details={"name": message})
    if not _PRINTABLE.fullmatch(value):
        message = "Write 1 to 4,000 printable ASCII characters: it goes into a header."
        raise Invalid(message, code="bad_value", details={"value": message})
    secret, added = VendorSecret.objects.select_for_update().get_or_create(
        vendor=vendor, name=name, defaults={"value": value, "created_at": now, "changed_at": now}
    )
    if not added and secret.value != value:
        secret.value, secret.changed_at = value, now
        secret.save(update_fields=["value", "changed_at"])
    record(vendor, actor, "secret.added" if added else "secret.changed", secret, now, name=name)
    return secret


@transaction.atomic
def secret_remove(*, secret: VendorSecret, now: datetime, actor: str) -> None:
    """Forget a secret; steps that name it stop at a ticket from now on.

    Raises:
        Invalid: it is the one that calls are signed with.
    """
    if secret.name == VendorSecret.SIGNING:
        raise Invalid("Calls are always signed: rotate this secret, it can not be removed.", code="bad_name")
    record(secret.vendor, actor, "secret.removed", secret, now, name=secret.name)
    secret.delete()


def signing_secret(*, vendor: Vendor, now: datetime) -> VendorSecret:
    """Give the secret that the vendor's calls are signed with, made on first use."""
    secret, _ = VendorSecret.objects.get_or_create(
        vendor=vendor,
        name=VendorSecret.SIGNING,
        defaults={"value": _fresh(), "created_at": now, "changed_at": now},
    )
    return secret


@transaction.atomic
def signing_secret_rotate(*, vendor: Vendor, now: datetime, actor: str) -> VendorSecret:
    """Sign with a new secret from now on, and for a day with the old one beside it."""
    secret = VendorSecret.objects.select_for_update().get(pk=signing_secret(vendor=vendor, now=now).pk)
    secret.previous, secret.previous_until = secret.value, now + OVERLAP
    secret.value, secret.changed_at = _fresh(), now
    secret.save()
    record(vendor, actor, "secret.rotated", secret, now, name=secret.name)
    return secret


def signing_values(*, vendor: Vendor, now: datetime) -> list[str]:
    """Give the secrets that a call of this moment is signed with, the newest first."""
    secret = signing_secret(vendor=vendor, now=now)
    values = [secret.value]
    if secret.previous and secret.previous_until and now < secret.previous_until:
        values.append(secret.previous)
    return values


def secret_values(*, vendor: Vendor, names: set[str]) -> dict[str, str]:
    """Give the values of the named secrets; names that are not there are missing."""
    rows = owned_by(vendor, VendorSecret).filter(name__in=names).exclude(name=VendorSecret.SIGNING)
    return {row.name: row.value for row in rows}


def _fresh() -> str:
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(SIGNING_BYTES)).decode()
