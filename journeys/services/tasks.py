"""What the vendor has to do by hand."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from journeys.errors import Invalid
from journeys.models import Client, Task
from journeys.services.audit import record


@transaction.atomic
def task_add(
    *,
    client: Client,
    title: str,
    note: str = "",
    due_on: dt.date | None = None,
    source: str | None = None,
    now: dt.datetime,
    actor: str,
) -> Task:
    """Put a task on the vendor's list; a second call with the same `source` gives the first one back.

    Raises:
        Invalid: code `bad_title`.
    """
    if not title.strip():
        raise Invalid("Give the task a title.", code="bad_title")
    values = {
        "client": client,
        "title": title.strip(),
        "note": note,
        "due_on": due_on,
        "created_at": now,
    }
    if source is None:
        task, added = Task.objects.create(vendor_id=client.vendor_id, **values), True
    else:
        task, added = Task.objects.get_or_create(vendor_id=client.vendor_id, source=source, defaults=values)
    if added:
        due = due_on.isoformat() if due_on else None
        record(client.vendor, actor, "task.added", task, now, client=client.public_id, due_on=due)
    return task


@transaction.atomic
def task_finish(*, task: Task, now: dt.datetime, actor: str) -> Task:
    """Mark a task as done; a second call changes nothing."""
    task.refresh_from_db(from_queryset=Task.objects.select_for_update())
    if task.done_at is None:
        task.done_at = now
        task.save(update_fields=["done_at"])
        record(task.vendor, actor, "task.finished", task, now)
    return task
