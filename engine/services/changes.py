"""Carry out what steps ask to change in a client's record, in the transaction that commits the step."""

from __future__ import annotations

from datetime import datetime
from functools import singledispatch
from typing import Any

from journeys.language.outcomes import AddTag, CreateTask, RemoveTag, SetField, SetStatus
from journeys.models import Client
from journeys.services import clients, tasks


@singledispatch
def apply(change: Any, *, client: Client, source: str, actor: str, now: datetime) -> None:
    """Apply one change of a step; `source` names the step's place and makes a task repeatable.

    Raises:
        TypeError: no service is known for this kind of change.
    """
    del client, source, actor, now
    message = f"No service carries out {type(change).__name__}."
    raise TypeError(message)


@apply.register
def _(change: AddTag, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.tag_add(client=client, name=change.tag, now=now, actor=actor)


@apply.register
def _(change: RemoveTag, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.tag_remove(client=client, name=change.tag, now=now, actor=actor)


@apply.register
def _(change: SetStatus, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.client_change(client=client, status=change.status, now=now, actor=actor)


@apply.register
def _(change: SetField, *, client: Client, actor: str, now: datetime, **_more: Any) -> None:
    clients.set_field(client=client, name=change.name, value=change.value, now=now, actor=actor)


@apply.register
def _(change: CreateTask, *, client: Client, source: str, actor: str, now: datetime) -> None:
    tasks.task_add(
        client=client,
        title=change.title,
        note=change.note,
        due_on=change.due,
        source=source,
        now=now,
        actor=actor,
    )
