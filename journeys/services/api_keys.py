"""Keys with which integrations speak for a vendor."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import transaction

from journeys.errors import Invalid
from journeys.models import ApiKey, Vendor
from journeys.services.audit import record

_LONGEST_NAME = 50


@transaction.atomic
def api_key_create(*, vendor: Vendor, name: str, now: datetime, actor: str) -> tuple[ApiKey, str]:
    """Make a key and return it with its plain text, which is shown once and kept nowhere.

    A second call makes a second key.

    Raises:
        Invalid: code `bad_name`.
    """
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise Invalid(f"Give the key a name of 1 to {_LONGEST_NAME} characters.", code="bad_name")
    key, plain = ApiKey.objects.create_key(vendor=vendor, name=name.strip())
    record(vendor, actor, "api_key.created", key, now, prefix=key.prefix)
    return cast("ApiKey", key), plain


@transaction.atomic
def api_key_revoke(*, key: ApiKey, now: datetime, actor: str) -> ApiKey:
    """Make a key useless for ever; a second call changes nothing."""
    key.refresh_from_db(from_queryset=ApiKey.objects.select_for_update())
    if not key.revoked:
        key.revoked = True
        key.save(update_fields=["revoked"])
        record(key.vendor, actor, "api_key.revoked", key, now, prefix=key.prefix)
    return key
