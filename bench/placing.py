"""Put couples at the start of a journey, and take them away again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from bench.filling import NEW_ID, multiply
from bench.spending import FILLING, spending
from engine.graphs import graph_of
from engine.models import Instance, Schedule
from engine.services.instances import wedding_start
from journeys.models import Client, Journey, Wedding
from journeys.selectors import main_wedding


@spending.on(FILLING)
def place(journey: Journey, couples: Sequence[Client], *, due: Sequence[datetime]) -> list[int]:
    """Put couples at the journey's start, each due at its moment; return the numbers of the instances.

    The first is put there as the engine does it, the others are copies of it.
    """
    version = journey.current_version
    if version is None:
        message = "The journey is not published."
        raise ValueError(message)
    weddings = [main_wedding(couple) for couple in couples]
    instance = Instance.objects.create(
        vendor_id=journey.vendor_id,
        journey=journey,
        version=version,
        client=couples[0],
        wedding=weddings[0],
        variables={},
        started_at=due[0],
    )
    schedule = Schedule.objects.create(
        vendor_id=journey.vendor_id,
        instance=instance,
        node_id=graph_of(version.id).start.id,
        due_at=due[0],
        wedding_at=wedding_start(weddings[0]),
        placed_at=due[0],
    )
    if couples[1:]:
        _place_others(instance, schedule, couples[1:], weddings[1:], due[1:])
    later = Instance.objects.filter(journey=journey, id__gte=instance.id)
    return list(later.order_by("id").values_list("id", flat=True))


def _place_others(
    instance: Instance,
    schedule: Schedule,
    couples: Sequence[Client],
    weddings: Sequence[Wedding | None],
    due: Sequence[datetime],
) -> None:
    given = [
        (couple.id, wedding.id if wedding else None, moment, wedding_start(wedding))
        for couple, wedding, moment in zip(couples, weddings, due, strict=True)
    ]
    kinds = ("bigint[]", "bigint[]", "timestamptz[]", "timestamptz[]")
    columns = ", ".join(
        f"{_array(values)}::{kind}" for values, kind in zip(zip(*given, strict=True), kinds, strict=True)
    )
    # Numbers and moments of ours.
    rows = f"SELECT * FROM unnest({columns}) AS g(n, wedding_id, due_at, wedding_at)"  # noqa: S608
    multiply(
        "engine_instance",
        like=instance.id,
        rows=rows,
        public_id=f"'ins_' || {NEW_ID}",
        client_id="n.n",
        wedding_id="n.wedding_id",
        started_at="n.due_at",
    )
    added = (
        "SELECT i.id, g.due_at, g.wedding_at FROM engine_instance i "  # noqa: S608 the same
        f"JOIN ({rows}) AS g ON g.n = i.client_id "
        f"WHERE i.journey_id = {instance.journey_id} AND i.id > {instance.id} ORDER BY i.id"
    )
    multiply(
        "engine_schedule",
        like=schedule.id,
        rows=added,
        instance_id="n.id",
        due_at="n.due_at",
        placed_at="n.due_at",
        wedding_at="n.wedding_at",
    )


def _array(values: Sequence[object]) -> str:
    """Write numbers or moments as PostgreSQL's text of an array."""
    return "'{" + ",".join("NULL" if one is None else f'"{one}"' for one in values) + "}'"


@spending.on(FILLING)
def clear(journey: Journey) -> None:
    """Take the instances of a journey away, with all that hangs on them."""
    ids = list(Instance.objects.filter(journey=journey).values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM engine_nodeexecution WHERE instance_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM engine_schedule WHERE instance_id = ANY(%s)", [ids])
    Instance.objects.filter(id__in=ids).update(status=Instance.Status.CANCELLED)
