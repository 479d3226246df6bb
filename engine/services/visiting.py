"""Find the step behind a link that a couple opens, and count the visit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from engine.graphs import graph_of
from engine.links import LinkTarget
from engine.models import Instance
from journeys.language.errors import LanguageError
from journeys.models import Version

#: What has happened to these passages makes their pages pointless.
_OVER = (Instance.Status.CANCELLED, Instance.Status.FAILED)

_COUNT = """
INSERT INTO engine_pageview AS seen (vendor_id, instance_id, kind, place, role, count, first_at, last_at)
VALUES (%(vendor)s, %(instance)s, %(kind)s, %(place)s, %(role)s, 1, %(now)s, %(now)s)
ON CONFLICT (place, role, kind) DO UPDATE SET count = seen.count + 1, last_at = EXCLUDED.last_at
"""


def step_of(target: LinkTarget, *, kind: str) -> tuple[Instance, Any] | None:
    """Give the passage and the settings of the step that sent a link.

    None when the passage is gone, or its version no longer has such a step of this kind (it was moved to another).
    """
    rows = Instance.objects.select_related("vendor", "client__vendor", "wedding")
    instance = rows.filter(public_id=target.place.instance).first()
    if instance is None:
        return None
    try:
        node = graph_of(instance.version_id).nodes.get(target.place.node_id)
    except (Version.DoesNotExist, LanguageError):
        return None
    return None if node is None or node.type != kind else (instance, node.settings)


def is_over(instance: Instance) -> bool:
    """Tell whether a passage was called off; one that has simply come to its end is not over in this sense."""
    return instance.status in _OVER


def visit_count(*, target: LinkTarget, instance: Instance, kind: str, now: datetime) -> None:
    """Count that somebody opened a page; mail scanners that fetch links count like people."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "vendor": instance.vendor_id,
                "instance": instance.id,
                "kind": kind,
                "place": str(target.place),
                "role": target.role,
                "now": now,
            },
        )
