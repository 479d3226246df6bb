"""Write down who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models

from journeys.models import AuditRecord, Vendor

LONGEST_ACTOR = 100


def record(
    vendor: Vendor | None, actor: str, action: str, obj: models.Model, now: datetime, **detail: Any
) -> AuditRecord:
    """Append one deed to the audit trail, inside the caller's transaction; a second call appends again.

    Args:
        vendor: Whose trail it belongs to; None for deeds on the whole system.
        actor: "user:12", "key:Ab3…", "engine", "command:demo".
        action: "<object>.<verb>", such as "journey.published".
        obj: What it was done to; its public id is kept, or its number when it has none.
        now: Aware, UTC.
        detail: JSON values without personal data: names of fields, dates, counts.
    """
    return record_all([(vendor, actor, obj)], action=action, now=now, **detail)[0]


def record_all(
    deeds: Sequence[tuple[Vendor | None, str, models.Model]], *, action: str, now: datetime, **detail: Any
) -> list[AuditRecord]:
    """Append the same deed for several (vendor, actor, object) in one statement, as `record` does for one."""
    return AuditRecord.objects.bulk_create(
        [_row(*deed, action=action, now=now, detail=detail) for deed in deeds]
    )


def _row(
    vendor: Vendor | None,
    actor: str,
    obj: models.Model,
    *,
    action: str,
    now: datetime,
    detail: dict[str, Any],
) -> AuditRecord:
    # Keys have no public id; the part after their prefix stays out of every record.
    known_as = getattr(obj, "public_id", "") or getattr(obj, "prefix", "") or obj.pk
    return AuditRecord(
        vendor=vendor,
        at=now,
        # A step with long names may be the actor; its beginning says enough.
        actor=actor[:LONGEST_ACTOR],
        action=action,
        object_type=obj._meta.model_name or "",  # noqa: SLF001 the documented door to a model's name
        object_id=str(known_as),
        detail=detail,
    )
