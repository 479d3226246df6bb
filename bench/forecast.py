"""How long it takes to say what the next 60 days bring to a vendor with very many couples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bench import people
from bench.definitions import definition, edge, node
from bench.figures import Figure, middle
from bench.filling import NEW_ID, multiply, settle
from bench.run import Run
from bench.spending import MEASURING, spending
from engine.models import NodeExecution, Schedule
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client, Journey, Vendor
from monitoring.forecast import forecast

#: Passages that stand at a step, and weddings; each couple is in JOURNEYS passages.
STANDING, WEDDINGS = 100_000, 20_000
JOURNEYS = STANDING // WEDDINGS
#: Steps of history that shares and times are taken from.
HISTORY = 20_000
DAYS = 60
#: Forecasts of the vendor, the middle one of which counts.
ROUNDS = 3
#: Weddings take place on the days from the first to the last of these.
FIRST_DAY, LAST_DAY = 10, 130


def measure(run: Run) -> Iterator[Figure]:
    """Make the forecast of one vendor, and of the whole system; nothing but this process and PostgreSQL takes part."""
    now = clock.now()
    weddings = run.number(WEDDINGS, least=50)
    vendor = _fill(weddings, now=now)
    standing = Schedule.objects.count()
    for name, asked, rounds in (("a vendor", vendor, ROUNDS), ("the whole system", None, 1)):
        spent, steps = _asked(asked, rounds=rounds, now=now)
        yield Figure(
            name=f"season forecast over {DAYS} days of {name}",
            value=spent,
            unit="s",
            detail={"standing": standing, "weddings": weddings, "steps": steps},
        )


@spending.on(MEASURING)
def _asked(vendor: Vendor | None, *, rounds: int, now: datetime) -> tuple[float, int]:
    """Give the time of a forecast in seconds, in the middle of some, and how many steps it says."""
    times: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        found = forecast(vendor=vendor, days=DAYS, now=now)
        times.append(time.perf_counter() - begun)
    return middle(times), round(sum(day.total for day in found.days))


def _fill(weddings: int, *, now: datetime) -> Vendor:
    """Make a vendor with couples who stand in several journeys each, and one journey that begins by the date."""
    vendor = people.make_vendor(now=now)
    couple = people.make_couple(vendor, now=now)
    inside = [
        people.publish(f"dated {number}", vendor, now=now, definition=_dated(number))
        for number in range(JOURNEYS - 1)
    ]
    inside.append(people.publish("counted", vendor, now=now, definition=_counted()))
    people.publish("by date", vendor, now=now, definition=_by_date())
    people.copy_couples(
        couple,
        weddings - 1,
        date=f"current_date + {FIRST_DAY} + (n.place % {LAST_DAY - FIRST_DAY})::int",
        partner=False,
    )
    for number, journey in enumerate(inside):
        _stand(journey, couple, number, now=now)
    _remember(vendor, inside[0], now=now)
    settle(
        "journeys_wedding", "journeys_client", "engine_instance", "engine_schedule", "engine_nodeexecution"
    )
    return vendor


def _stand(journey: Journey, couple: Client, number: int, *, now: datetime) -> None:
    """Let every couple stand at the first step of a journey: by its wedding's date, or some time in the span."""
    like = instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables={}, now=now, actor=people.ACTOR
    )
    place = like.schedules.get()
    multiply(
        "engine_instance",
        like=like.id,
        rows=f"SELECT id AS n, client_id FROM journeys_wedding WHERE client_id <> {couple.id}",  # noqa: S608 a number of ours
        client_id="n.client_id",
        wedding_id="n.n",
        public_id=f"'ins_' || {NEW_ID}",
    )
    dated = f"(n.date - {3 + number} + time '09:00') AT TIME ZONE n.time_zone"
    multiply(
        "engine_schedule",
        like=place.id,
        rows=(
            "SELECT i.id AS n, w.date, w.time_zone FROM engine_instance i "  # noqa: S608 the same
            f"JOIN journeys_wedding w ON w.id = i.wedding_id WHERE i.journey_id = {journey.id} AND i.id <> {like.id}"
        ),
        instance_id="n.n",
        node_id="'first'",
        due_at=dated if number < JOURNEYS - 1 else f"now() + random() * interval '{DAYS} days'",
    )


def _remember(vendor: Vendor, journey: Journey, *, now: datetime) -> None:
    """Write history, for the shares of choices and the times of steps."""
    row = NodeExecution.objects.create(
        vendor=vendor,
        instance=journey.instances.earliest("id"),
        schedule_id=1,
        version_id=journey.current_version_id,
        node_id="choice",
        node_type="condition",
        status=NodeExecution.Status.SUCCEEDED,
        port="yes",
        due_at=now,
        ready_at=now,
        started_at=now,
        at=now,
        duration_ms=3,
    )
    multiply(
        "engine_nodeexecution",
        like=row.id,
        rows=HISTORY,
        public_id="gen_random_uuid()",
        port="CASE WHEN n.n % 3 = 0 THEN 'no' ELSE 'yes' END",
    )


def _around(offset: str) -> dict[str, Any]:
    return {"kind": "anchor", "anchor": "wedding", "offset": offset, "at": "09:00"}


def _for(length: str) -> dict[str, Any]:
    return {"kind": "duration", "for": length}


def _steps(*, first: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the steps of every journey here: a wait, a letter, a choice, more waits and letters."""
    letter = {"to": ["partner_1"], "subject": "About the day", "body": "Dear {{ recipient.first_name }}"}
    nodes = [
        node("first", "wait", when=first),
        node("letter", "email", **letter),
        node("choice", "condition", **{"if": "wedding.guest_count > 50"}),
        node("more", "email", **letter),
        node("rest", "wait", when=_for("3d")),
        node("day", "wait", when=_around("1d")),
        node("thanks", "email", **letter),
        node("end", "end"),
    ]
    edges = [
        edge("first", "next", "letter"),
        edge("letter", "next", "choice"),
        edge("choice", "yes", "more"),
        edge("choice", "no", "rest"),
        edge("more", "next", "rest"),
        edge("rest", "next", "day"),
        edge("day", "next", "thanks"),
        edge("thanks", "next", "end"),
    ]
    return nodes, edges


def _dated(number: int) -> dict[str, Any]:
    return definition(*_steps(first=_around(f"-{3 + number}d")))


def _counted() -> dict[str, Any]:
    return definition(*_steps(first=_for("30d")))


def _by_date() -> dict[str, Any]:
    trigger: Mapping[str, Any] = {
        "type": "date_based",
        "settings": {"anchor": "wedding", "offset": "-30d", "at": "09:00"},
    }
    return definition(*_steps(first=_around("-14d")), trigger=trigger)
