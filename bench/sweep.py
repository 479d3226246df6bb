"""How long it takes to find the weddings whose day has come for a journey, among very many."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from bench import definitions, people
from bench.definitions import edge, node
from bench.figures import Figure, Goal
from bench.filling import indexes_later, multiply, plain, settle
from bench.run import Run
from bench.spending import MEASURING, spending
from engine.models import Watermark
from engine.services import dates
from journeys import clock
from journeys.models import Client, Vendor, WeddingAnchor

WEDDINGS, VENDORS = 1_000_000, 1_000
#: Weddings are spread over so many days to come.
DAYS = 3_650
#: Days before the wedding on which the journeys start.
AHEAD = 30
#: Weddings for which the moment comes in the sweep that is measured.
DUE = 5
#: What may only be read through an index.
LARGE = ("journeys_wedding", "journeys_client", "journeys_weddinganchor", "journeys_stakeholder")


def measure(run: Run) -> Iterator[Figure]:
    """Follow dates once over a minute in which few are due; then look at the plan of each query it has asked."""
    wanted, vendors = run.number(WEDDINGS, least=500), run.number(VENDORS, least=5)
    moment = _fill(wanted, vendors)
    asked: dict[str, Any] = {}

    def remember(execute: Any, query: str, params: Any, many: Any, context: Any) -> Any:
        if query.lstrip().upper().startswith("SELECT") and "FOR " not in query:
            asked.setdefault(query, params)
        return execute(query, params, many, context)

    # The first reads the versions and prepares; the second is the one of every other minute.
    _sweep(moment - timedelta(minutes=2))
    with connection.execute_wrapper(remember):
        seconds, made = _sweep(moment)
    not_judged = run.whole(wanted, WEDDINGS)
    detail = {"weddings": wanted, "vendors": vendors, "started": made, "queries": len(asked)}
    yield Figure(
        name="date sweep over 1,000,000 weddings",
        value=seconds,
        unit="s",
        goal=Goal("value", "at most", 1),
        not_judged=not_judged,
        detail=detail,
    )
    whole = {query: tables for query, params in asked.items() if (tables := read_whole(_plan(query, params)))}
    yield Figure(
        name="large tables read whole by the date sweep",
        value=len(whole),
        unit="queries",
        goal=Goal("value", "at most", 0),
        # PostgreSQL reads a small table whole because that is faster.
        not_judged=not_judged,
        detail={"tables": sorted({one for tables in whole.values() for one in tables})},
    )


@spending.on(MEASURING)
def _sweep(at: datetime) -> tuple[float, int]:
    Watermark.objects.update_or_create(name=dates.WATERMARK, defaults={"at": at - timedelta(seconds=60)})
    begun = time.perf_counter()
    made = dates.follow_dates(now=at)
    return time.perf_counter() - begun, made


def _fill(weddings: int, vendors: int) -> datetime:
    """Make vendors with a journey by date each, and weddings; return the moment at which few are due."""
    now = clock.now()
    vendor = people.make_vendor(now=now - timedelta(days=2))
    journey = people.publish("by date", vendor, now=now - timedelta(days=2), definition=_by_date())
    people.copy_vendors(vendor, vendors - 1)
    people.copy_journeys(journey, _vendors_but(vendor))
    couple = people.make_couple(vendor, now=now)
    owners = "SELECT v.id AS vendor_id, g.n FROM journeys_vendor v"
    each = max(1, weddings // vendors)
    with indexes_later("journeys_client"), indexes_later("journeys_wedding"):
        people.copy_couples(
            couple,
            f"{owners} CROSS JOIN generate_series(1, {each}) AS g(n)",  # numbers of ours
            vendor_id="n.vendor_id",
            date=f"current_date + 40 + (n.place % {DAYS})::int",
            partner=False,
        )
    day = now.date() + timedelta(days=2)
    with plain() as filling:
        target = day + timedelta(days=AHEAD)
        filling.execute("UPDATE journeys_wedding SET date = date + 400 WHERE date = %s", [target])
        filling.execute(
            "UPDATE journeys_wedding SET date = %s WHERE id IN (SELECT id FROM journeys_wedding ORDER BY id LIMIT %s)",
            [target, DUE],
        )
    _add_other_dates(couple, now=now)
    settle(*LARGE)
    return datetime(day.year, day.month, day.day, 9, 0, 30, tzinfo=ZoneInfo(people.ZONE))


def _add_other_dates(couple: Client, *, now: datetime) -> None:
    """Give every tenth wedding another date, which nothing hangs on."""
    wedding = couple.weddings.get()
    like = WeddingAnchor.objects.create(
        vendor_id=couple.vendor_id, wedding=wedding, name="gallery", date=now.date()
    )
    some = "SELECT id AS n, vendor_id, date FROM journeys_wedding"
    multiply(
        "journeys_weddinganchor",
        like=like.id,
        rows=f"{some} WHERE id % 10 = 0 AND id <> {wedding.id}",  # numbers of ours
        vendor_id="n.vendor_id",
        wedding_id="n.n",
        date="n.date + 42",
    )


def _vendors_but(vendor: Vendor) -> str:
    return f"SELECT id AS vendor_id, id AS n FROM journeys_vendor WHERE id <> {vendor.id}"  # noqa: S608 a number of ours


def _by_date() -> dict[str, Any]:
    rest = node("rest", "wait", when={"kind": "duration", "for": "30d"})
    trigger: Mapping[str, Any] = {
        "type": "date_based",
        "settings": {"anchor": "wedding", "offset": f"-{AHEAD}d", "at": "09:00"},
    }
    return definitions.definition([rest, node("end", "end")], [edge("rest", "next", "end")], trigger=trigger)


def _plan(query: str, params: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", params)
        (found,) = cursor.fetchone()
    # A raw cursor of Django gives JSON as text.
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def read_whole(plan: Mapping[str, Any]) -> set[str]:
    """Name the large tables that a plan reads from end to end."""
    own = (
        {str(plan["Relation Name"])}
        if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE
        else set()
    )
    return own.union(*(read_whole(one) for one in plan.get("Plans", ())))
