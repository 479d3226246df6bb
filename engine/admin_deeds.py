"""One service call for each row that was chosen in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest

from journeys import clock
from journeys.admin import actor_of
from journeys.errors import ServiceError


def do_each(
    *, request: HttpRequest, rows: QuerySet[Any], deed: Callable[..., Any], argument: str, done: str
) -> None:
    """Call a service for each row, each in a transaction of its own, and say how it went.

    `argument` is what the service calls the row; `done` says behind their number what became of the rows.
    """
    now, actor = clock.now(), actor_of(request)
    carried_out = 0
    for row in rows.order_by("pk").iterator(chunk_size=100):
        try:
            deed(**{argument: row}, now=now, actor=actor)
            carried_out += 1
        except ServiceError as error:
            messages.warning(request, f"{row}: {error.message}")
    if carried_out:
        messages.success(request, f"{carried_out} {done}.")
