"""Keep what is known of a step that stops its workers."""

from __future__ import annotations

from datetime import datetime

from engine.models import ErrorLog, Instance
from engine.services import dead_letters
from engine.services.results import Claim

#: What such a step fails with.
CODE = "poison"
#: Errors of the same step that go with it.
LAST_ERRORS = 5


def keep(held: Claim, said: str, *, now: datetime) -> None:
    """Keep a step that was just parked with its place and what failed there before, inside the caller's transaction.

    Its ticket is where it is worked; doing the letter again retries the ticket's step.
    """
    errors = (
        ErrorLog.objects.filter(vendor=held.vendor_id, instance=held.instance_id, node_id=held.node_id)
        .exclude(code=CODE)
        .order_by("-at")
    )
    dead_letters.keep(
        kind="step",
        key=str(held.schedule_id),
        vendor_id=held.vendor_id,
        payload={
            "schedule_id": held.schedule_id,
            "instance": Instance.objects.values_list("public_id", flat=True).get(id=held.instance_id),
            "node_id": held.node_id,
            "branch": held.branch,
            "visit": held.visit,
            "claims": held.claims,
            "due_at": held.due_at.isoformat(),
            "last_errors": [
                {"at": row.at.isoformat(), "code": row.code, "message": row.message}
                for row in errors[:LAST_ERRORS]
            ],
        },
        error=None,
        said=said,
        now=now,
    )
