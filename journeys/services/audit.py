"""Write down who did what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from journeys.models import AuditRecord, Vendor

LONGEST_ACTOR = 100

#: Written as it stands: building the same through Django's rows costs more than all else of a deed.
_RECORD_ALL = """
INSERT INTO journeys_auditrecord (vendor_id, at, actor, action, object_type, object_id, detail)
SELECT deed.vendor_id, %(at)s, deed.actor, %(action)s, deed.object_type, deed.object_id, %(detail)s::jsonb
FROM unnest(%(vendors)s::bigint[], %(actors)s::text[], %(types)s::text[], %(objects)s::text[])
    WITH ORDINALITY AS deed(vendor_id, actor, object_type, object_id, nth)
ORDER BY deed.nth
"""


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
    return AuditRecord.objects.create(
        vendor=vendor,
        at=now,
        actor=_short(actor),
        action=action,
        object_type=_type_of(obj),
        object_id=_known_as(obj),
        detail=detail,
    )


def record_all(
    deeds: Sequence[tuple[int | None, str, models.Model]], *, action: str, now: datetime, **detail: Any
) -> None:
    """Append the same deed for several (vendor's id, actor, object) in one statement, as `record` does for one."""
    if not deeds:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_ALL,
            {
                "at": now,
                "action": action,
                "detail": json.dumps(detail, cls=DjangoJSONEncoder),
                "vendors": [vendor_id for vendor_id, _, _ in deeds],
                "actors": [_short(actor) for _, actor, _ in deeds],
                "types": [_type_of(obj) for _, _, obj in deeds],
                "objects": [_known_as(obj) for _, _, obj in deeds],
            },
        )


def _short(actor: str) -> str:
    """Cut the name of who did it: a step with long names may be the actor, and its beginning says enough."""
    return actor[:LONGEST_ACTOR]


def _type_of(obj: models.Model) -> str:
    return obj._meta.model_name or ""  # noqa: SLF001 the documented door to a model's name


def _known_as(obj: models.Model) -> str:
    # Keys have no public id; the part after their prefix stays out of every record.
    return str(getattr(obj, "public_id", "") or getattr(obj, "prefix", "") or obj.pk)
