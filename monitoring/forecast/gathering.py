"""Read what the days ahead hang on: passages that are under way, and weddings that will start one; many at once.

Couples who stand at the same places, at the same quarter of an hour and with the same dates, are one row here.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from engine.graphs import graph_of
from engine.services import date_search, dates
from engine.services.entering import ReEntry, rule_of
from journeys.calendars import OwnDate, WeddingState, calendar_from, derived_dates
from journeys.language.calendar import Calendar, due_from_meant, due_of
from journeys.language.errors import LanguageError
from journeys.language.graph import Graph
from journeys.language.settings import AnchorTiming
from journeys.language.transitions import AT_MERGE
from journeys.models import Vendor, Version
from monitoring.forecast.walking import Token

#: Moments are counted to so much, which never crosses midnight: all zones differ from UTC by whole quarters of an hour.
QUARTER = dt.timedelta(minutes=15)
WEDDING = "wedding"
#: Vendors that one question is about.
AT_ONCE = 200

_SIGNATURE = "w.status, w.date, w.time, w.time_zone, a.own::text"
_OTHER_DATES = """
LEFT JOIN (
    SELECT wedding_id, jsonb_object_agg(name, jsonb_build_array(date, time, time_zone)) AS own
    FROM journeys_weddinganchor
    WHERE name = ANY(%(names)s) AND vendor_id = ANY(%(vendors)s) GROUP BY wedding_id
) AS a ON a.wedding_id = w.id
"""
_STANDING = f"""
SELECT p.version_id, p.vendor_id, p.tokens, {_SIGNATURE}, count(*)
FROM (
    SELECT i.id, i.version_id, i.vendor_id, i.wedding_id, jsonb_agg(jsonb_build_array(
        s.node_id, s.branch, s.visit, s.rounds,
        CASE WHEN s.state <> 'parked' THEN EXTRACT(EPOCH FROM date_bin('15 minutes',
            LEAST(GREATEST(s.due_at, %(now)s), %(until)s), 'epoch'))::bigint END,
        s.state = 'parked' AND s.reason = %(at_merge)s,
        s.waiting IS NOT NULL,
        CASE WHEN jsonb_typeof(s.waiting->'timeout') = 'object' THEN (s.waiting->'timeout') - 'reached' END,
        EXTRACT(EPOCH FROM date_bin('15 minutes', (s.waiting->'timeout'->>'reached')::timestamptz, 'epoch'))::bigint
    ) ORDER BY s.branch, s.node_id, s.visit)::text AS tokens
    FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
    WHERE i.status = 'active' AND i.vendor_id = ANY(%(vendors)s)
    GROUP BY i.id
    HAVING bool_or(s.state <> 'parked' AND s.due_at < %(until)s)
) AS p
LEFT JOIN journeys_wedding w ON w.id = p.wedding_id {_OTHER_DATES}
GROUP BY p.version_id, p.vendor_id, p.tokens, {_SIGNATURE}
"""  # noqa: S608 parts of our own
#: Who may not enter (again): who is inside, or has been where once is enough.
_STARTING = f"""
SELECT {_SIGNATURE}, count(*)
FROM journeys_wedding w {_OTHER_DATES}
WHERE w.id = ANY(%(weddings)s) AND w.status = 'planned' AND NOT EXISTS (
    SELECT FROM engine_instance i WHERE i.journey_id = %(journey)s AND i.client_id = w.client_id
        AND (%(once)s OR i.status IN ('active', 'paused'))
        AND NOT %(always)s
)
GROUP BY {_SIGNATURE}
"""  # noqa: S608 the same
_LEFT_OUT = """
SELECT count(DISTINCT i.id) FILTER (WHERE i.status = 'paused'),
    count(*) FILTER (WHERE i.status = 'active' AND s.state = 'parked' AND s.waiting IS NULL AND s.reason <> %(at_merge)s),
    count(*) FILTER (WHERE i.status = 'active' AND s.waiting IS NOT NULL
        AND jsonb_typeof(s.waiting->'timeout') IS DISTINCT FROM 'object')
FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
WHERE (i.status = 'paused' OR s.state = 'parked' OR s.waiting IS NOT NULL)
    AND i.status IN ('active', 'paused') AND i.vendor_id = ANY(%(vendors)s)
"""
_VERSIONS = """
SELECT DISTINCT version_id, vendor_id FROM engine_instance
WHERE status = 'active' AND vendor_id = ANY(%(vendors)s)
"""


@dataclass(frozen=True, slots=True)
class Signature:
    """What decides about the dates of a wedding; couples with the same one share their calendar."""

    vendor_id: int
    status: str | None
    date: dt.date | None
    time: dt.time | None
    time_zone: str | None
    #: The other dates that count here, as JSON; "" for none.
    own: str

    def state(self) -> WeddingState | None:
        """Give the wedding in this state; None where there is none."""
        if self.status is None or self.time_zone is None:
            return None
        own = json.loads(self.own) if self.own else {}
        return WeddingState(
            self.status,
            self.date,
            self.time,
            self.time_zone,
            {
                name: OwnDate(dt.date.fromisoformat(day), dt.time.fromisoformat(time) if time else None, zone)
                for name, (day, time, zone) in own.items()
            },
        )


@dataclass(frozen=True, slots=True)
class Alike:
    """Couples who stand alike."""

    version_id: int
    signature: Signature
    couples: int
    #: As they were read; `tokens_of` makes tokens of them.
    written: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """Couples for whom a journey begins at the same moment."""

    vendor: Vendor
    version_id: int
    signature: Signature
    couples: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the forecast can not say anything about."""

    #: Passages that somebody has paused.
    paused: int
    #: Steps that wait for a date or for a person.
    parked: int
    #: Steps that wait for an answer for as long as it takes.
    open_ended: int

    def __add__(self, other: LeftOut) -> LeftOut:
        """Count both."""
        return LeftOut(
            self.paused + other.paused, self.parked + other.parked, self.open_ended + other.open_ended
        )


def parts(vendor: Vendor | None) -> Iterator[list[int]]:
    """Give the numbers of the vendors that are spoken of, so many at a time that no question takes long."""
    if vendor is not None:
        yield [vendor.pk]
        return
    numbers = list(Vendor.objects.order_by("id").values_list("id", flat=True))
    yield from date_search.batches(numbers, AT_ONCE)


def rows(question: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        return list(cursor.fetchall())


def versions(vendor_ids: Sequence[int]) -> dict[int, int]:
    """Give the versions that somebody is in, each with its vendor."""
    return dict(rows(_VERSIONS, {"vendors": vendor_ids}))


def graph_or_none(version_id: int) -> Graph | None:
    """Read a version; None where a step type of it is no longer installed."""
    try:
        return graph_of(version_id)
    except (LanguageError, Version.DoesNotExist):
        return None


def dates_read(graph: Graph, vendor: Vendor) -> set[str]:
    """Name the dates, other than the wedding's own, that the steps of a version may hang on."""
    names: set[str] = set()
    for node in graph.nodes.values():
        for timing in (node.settings.when, getattr(node.settings, "timeout", None)):
            if isinstance(timing, AnchorTiming):
                names |= _with_origins(timing.anchor, vendor)
    return names


def _with_origins(name: str, vendor: Vendor) -> set[str]:
    """Name a date and those it follows from."""
    names, derived = set[str](), derived_dates(vendor)
    while name != WEDDING and name not in names:
        names.add(name)
        if name not in derived:
            break
        name = derived[name].origin
    return names


def standing(
    vendor_ids: Sequence[int], *, names: Iterable[str], now: dt.datetime, until: dt.datetime
) -> Iterator[Alike]:
    """Give the passages under way that something happens in before `until`."""
    given = {
        "vendors": vendor_ids,
        "names": list(names),
        "at_merge": AT_MERGE,
        "now": now,
        "until": until,
    }
    for version_id, vendor_id, tokens, *signature, couples in rows(_STANDING, given):
        yield Alike(version_id, _signature(vendor_id, signature), couples, tokens)


def left_out(vendor_ids: Sequence[int]) -> LeftOut:
    """Count what goes on at a moment that nobody knows."""
    return LeftOut(*rows(_LEFT_OUT, {"vendors": vendor_ids, "at_merge": AT_MERGE})[0])


def tokens_of(written: str, *, calendar: Calendar, now: dt.datetime) -> tuple[Token, ...]:
    """Read the tokens of a passage; one that waits for an answer goes on by its time-out."""
    return tuple(_token(one, calendar=calendar, now=now) for one in json.loads(written))


def _token(written: Sequence[Any], *, calendar: Calendar, now: dt.datetime) -> Token:
    node_id, branch, visit, rounds, seconds, arrived, waits, timeout, reached = written
    if waits:
        at = _gives_up(timeout, reached, calendar=calendar, now=now)
    else:
        at = _moment(seconds) if seconds is not None else None
    return Token(
        node_id,
        branch,
        visit,
        tuple(sorted((rounds or {}).items())),
        at,
        "to_follow" if waits else "standing",
        asked=waits,
        arrived=arrived,
    )


def _gives_up(
    timeout: dict[str, Any] | None, reached: int | None, *, calendar: Calendar, now: dt.datetime
) -> dt.datetime | None:
    """Give the moment of a time-out; one that has passed was told to its step, which waits on."""
    if timeout is None:
        return None
    meant = timeout | ({"reached": _moment(reached).isoformat()} if reached is not None else {})
    try:
        at = due_from_meant(meant, calendar=calendar).instant
    except LanguageError:
        return None
    return at if at is not None and at > now - QUARTER else None


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _signature(vendor_id: int, values: Sequence[Any]) -> Signature:
    status, date, time, zone, own = values
    return Signature(vendor_id, status, date, time, zone, own or "")


def starting(vendor: Vendor | None, *, now: dt.datetime, until: dt.datetime) -> Iterator[Beginning]:
    """Give the weddings whose date starts a journey before `until`, as the clock will find them.

    Whether the journey's own filter lets each of them in is not asked.
    """
    since = dates.followed_until(now=now)
    journeys = dates.all_started(since=since, vendor=vendor)
    last = until - dt.timedelta(microseconds=1)
    for started, wedding_ids in date_search.weddings_near(journeys, until=last):
        yield from _beginnings(started, wedding_ids, now=now, until=last)


def _beginnings(
    started: date_search.Started, wedding_ids: Sequence[int], *, now: dt.datetime, until: dt.datetime
) -> Iterator[Beginning]:
    journey = started.journey
    graph = graph_or_none(journey.current_version_id) if journey.current_version_id else None
    if graph is None or journey.current_version_id is None:
        return
    rule, _days = rule_of(journey, graph.entry)
    names = dates_read(graph, journey.vendor) | _with_origins(started.timing.anchor, journey.vendor)
    given = {
        "vendors": [journey.vendor_id],
        "names": list(names),
        "weddings": list(wedding_ids),
        "journey": journey.pk,
        "once": rule == ReEntry.ONCE,
        "always": rule == ReEntry.ALWAYS,
    }
    for *values, couples in rows(_STARTING, given):
        signature = _signature(journey.vendor_id, values)
        calendar = calendar_from(signature.state(), journey.vendor)
        try:
            at = due_of(started.timing, calendar=calendar, reached=now).instant
        except LanguageError:
            continue
        if at is not None and started.since < at <= until:
            yield Beginning(journey.vendor, journey.current_version_id, signature, couples, max(at, now))
