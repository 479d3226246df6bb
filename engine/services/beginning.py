"""Write what a passage begins with."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from engine.models import Instance
from journeys.fields import new_public_id

#: Passage, first place and deed, as `engine.services.enrolling.placing` writes them for many.
_BEGIN = """
WITH begun AS (
    INSERT INTO engine_instance (public_id, vendor_id, journey_id, version_id, client_id, wedding_id, trigger_event_id,
        status, reason, paused_by, result, started_by, exclusive, pinned, variables, started_at)
    VALUES (%(public_id)s, %(vendor)s, %(journey)s, %(version)s, %(client)s, %(wedding)s, %(event)s,
        'active', '', '', '', %(started_by)s, %(exclusive)s, false, %(variables)s, %(now)s)
    RETURNING id
), written AS (
    INSERT INTO journeys_auditrecord (vendor_id, at, actor, action, object_type, object_id, detail)
    VALUES (%(vendor)s, %(now)s, %(actor)s, 'instance.started', 'instance', %(public_id)s, '{}'::jsonb)
)
INSERT INTO engine_schedule (vendor_id, instance_id, node_id, branch, visit, state, due_at, reason, outside, wedding_at,
    fence, attempt, claims, queue, placed_at)
SELECT %(vendor)s, begun.id, %(node)s, '', 1, 'waiting', %(now)s, '', false, %(wedding_at)s, 0, 0, 0, '', %(now)s
FROM begun
RETURNING instance_id, id
"""
_VARIABLES = Instance._meta.get_field("variables")  # noqa: SLF001 Django's documented door


def begin(instance: Instance, *, node_id: str, wedding_at: datetime | None, actor: str) -> int:
    """Write a new passage, its first place and the deed in one statement, and give the place's number.

    Inside the caller's transaction, which has let the client enter. The passage has its numbers afterwards, as if it had
    been saved; it stands at `node_id` and is due at once.

    Raises:
        IntegrityError: the client is in the journey already, in a passage that allows none beside it.
    """
    instance.public_id = instance.public_id or new_public_id("ins")
    with connection.cursor() as cursor:
        cursor.execute(
            _BEGIN,
            {
                "public_id": instance.public_id,
                "vendor": instance.vendor_id,
                "journey": instance.journey_id,
                "version": instance.version_id,
                "client": instance.client_id,
                "wedding": instance.wedding_id,
                "event": instance.trigger_event_id,
                "started_by": instance.started_by,
                "exclusive": instance.exclusive,
                "variables": _VARIABLES.get_prep_value(instance.variables),
                "now": instance.started_at,
                "node": node_id,
                "wedding_at": wedding_at,
                "actor": actor[:100],
            },
        )
        instance.id, place = cursor.fetchone()
    instance._state.adding, instance._state.db = False, connection.alias  # noqa: SLF001 as after a save
    return int(place)
