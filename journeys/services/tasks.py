"""What the vendor has to do by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from journeys.errors import Conflict, Invalid
from journeys.models import Client, Task
from journeys.services.audit import record
from journeys.signals import task_finished


@transaction.atomic
def task_add(
    *,
    client: Client,
    title: str,
    note: str = "",
    due_on: dt.date | None = None,
    source: str | None = None,
    choices: Sequence[str] = (),
    now: dt.datetime,
    actor: str,
) -> Task:
    """Put a task on the vendor's list; a second call with the same `source` gives the first one back.

    With `choices` it is done by choosing one of them.

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
        "choices": list(choices),
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
def task_finish(*, task: Task, choice: str = "", now: dt.datetime, actor: str) -> Task:
    """Mark a task as done, with how it came out where it has choices; a second call changes nothing.

    Steps that wait for the task go on: they are told in this transaction.

    Raises:
        Invalid: `choice_needed` or `unknown_choice`.
        Conflict: it was done before with another choice (`already_done`).
    """
    task.refresh_from_db(from_queryset=Task.objects.select_for_update())
    if task.done_at is not None:
        if choice and choice != task.choice:
            done = f"This task is done already{f', with {task.choice!r}' if task.choice else ''}."
            raise Conflict(done, code="already_done")
        return task
    _check_choice(task, choice)
    task.done_at, task.choice = now, choice
    task.save(update_fields=["done_at", "choice"])
    record(task.vendor, actor, "task.finished", task, now, choice=choice)
    task_finished.send(sender=Task, task=task, client=task.client, now=now, actor=actor)
    return task


def _check_choice(task: Task, choice: str) -> None:
    known = ", ".join(map(repr, task.choices))
    if task.choices and not choice:
        raise Invalid(f"Choose how the task came out: {known}.", code="choice_needed")
    if choice and choice not in task.choices:
        if not task.choices:
            raise Invalid("This task has no choices: leave the choice out.", code="unknown_choice")
        raise Invalid(f"The task has no choice {choice!r}. Choose one of {known}.", code="unknown_choice")
