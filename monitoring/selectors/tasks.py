"""What the vendor has to do by hand, as the list shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from django.db.models.expressions import OrderBy

from engine.models import Instance
from engine.places import Place
from journeys.language.calendar import local_time
from journeys.models import Task, Vendor
from journeys.scoping import owned_by

#: Nobody reads further than this in one list; what is done makes room.
MOST = 200


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task."""

    task: Task
    name: str
    client_id: str
    #: The journey whose step made it, and waits for it perhaps; "" for a task made by hand.
    journey: str
    zone: str
    #: (choice, how the button is called); empty for a task that is simply done.
    choices: tuple[tuple[str, str], ...]
    overdue: bool


def task_rows(*, vendor: Vendor, done: bool, now: datetime) -> list[TaskRow]:
    """Give the open tasks, the most pressing first, or those done lately, the newest first."""
    rows = owned_by(vendor, Task).filter(done_at__isnull=not done).select_related("client")
    order: list[OrderBy | str] = (
        [F("done_at").desc(), "-pk"] if done else [F("due_on").asc(nulls_last=True), "pk"]
    )
    tasks = list(rows.order_by(*order)[:MOST])
    places = {task.pk: Place.of_key(task.source or "") for task in tasks}
    references = {place.instance for place in places.values() if place}
    instances = owned_by(vendor, Instance).filter(public_id__in=references)
    journeys = dict(instances.values_list("public_id", "journey__name"))
    today = local_time(now, vendor.time_zone).date()
    return [
        TaskRow(
            task=task,
            name=task.client.display_name,
            client_id=task.client.public_id,
            journey=journeys.get(place.instance, "") if (place := places[task.pk]) else "",
            zone=vendor.time_zone,
            choices=tuple((choice, _words(choice)) for choice in task.choices),
            overdue=task.due_on is not None and task.due_on < today and not done,
        )
        for task in tasks
    ]


def _words(choice: str) -> str:
    """Write the name of a way out as words: "book_call" is "Book call"."""
    return choice.replace("_", " ").capitalize()
