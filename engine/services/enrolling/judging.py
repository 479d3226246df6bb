"""Say of many clients at once who may enter a journey, by the rules that hold for one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from engine.fact_roots.happenings import client_events
from engine.graphs import graph_of
from engine.models import Enrollment, Instance
from engine.services import entering
from journeys import selectors
from journeys.language.errors import DefinitionInvalid, ExpressionError
from journeys.language.expressions import compile_expression
from journeys.language.graph import Graph
from journeys.language.passages import Entry
from journeys.models import Journey
from journeys.scoping import owned_by

#: What is held of a journey while clients enter it; as in `entering.admit`, entries do not wait for one another.
_CURRENT = """
SELECT current_version_id, status, re_entry, re_entry_days FROM journeys_journey WHERE id = %s FOR KEY SHARE
"""
#: Client by client, through the index of clients: without the sum the one of journeys may be chosen, which is as long
#: as the journey is full. A passage that has ended without saying
#: when does not keep anybody out.
_EARLIER = """
SELECT c.client_id, e.is_inside, e.ended FROM unnest(%(clients)s::bigint[]) AS c(client_id)
CROSS JOIN LATERAL (
    SELECT bool_or(i.status = ANY(%(live)s)) AS is_inside,
        CASE WHEN bool_and(i.finished_at IS NOT NULL) THEN max(i.finished_at) END AS ended
    FROM engine_instance i WHERE i.client_id = c.client_id AND i.journey_id + 0 = %(journey)s
) AS e
WHERE e.is_inside IS NOT NULL
"""
_ONE_AT_A_TIME = """
SELECT count(pg_advisory_xact_lock(%s, client)) FROM unnest(%s::int[]) AS client
"""


@dataclass(slots=True)
class Verdict:
    """Who of a chunk enters, and how."""

    #: None where nobody enters.
    graph: Graph | None = None
    version_id: int = 0
    exclusive: bool = True
    variables: dict[str, Any] = field(default_factory=dict)
    #: Numbers of the clients who enter, in order.
    admitted: list[int] = field(default_factory=list)
    #: Why the others do not: a code by client.
    refused: dict[int, str] = field(default_factory=dict)


def outside_condition(run: Enrollment, client_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """Name the clients for whom the condition of the request does not hold, with a code each. Reads only.

    `filtered`: it does not hold; `filter_failed`: it can not be answered for this client.
    """
    if not run.condition or not client_ids:
        return {}
    condition = compile_expression(run.condition)
    reads = condition.paths()
    people = selectors.client_facts(client_ids=client_ids, now=now, reads=reads)
    happened = client_events(client_ids, reads=reads)
    refused: dict[int, str] = {}
    for client_id in client_ids:
        facts = {**people.get(client_id, {}), **happened[client_id], "now": now.isoformat()}
        try:
            if not condition.holds(facts, now):
                refused[client_id] = "filtered"
        except ExpressionError:
            refused[client_id] = "filter_failed"
    return refused


def hold_clients(journey_id: int, client_ids: Sequence[int]) -> None:
    """Let entries of these clients into this journey wait until the transaction ends, as `entering` does for one."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [journey_id % 2**31, [one % 2**31 for one in sorted(client_ids)]])


def judge(run: Enrollment, client_ids: Sequence[int], *, taken: int = 0, now: datetime) -> Verdict:
    """Say who of the clients enters, in their order; the codes are those of `instance_start`.

    `taken` counts places of a limited journey that belong to clients who would have entered.

    Inside the transaction that lets them in. Unless it is only counted, the weddings and the clients are held before;
    locks here: the journey, and its limits where it has some.
    """
    journey = owned_by(run.vendor, Journey).select_related("vendor").defer("draft").get(id=run.journey_id)
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, [journey.id])
        version_id, status, journey.re_entry, journey.re_entry_days = cursor.fetchone()
    if version_id is None or status != Journey.Status.ACTIVE:
        return Verdict(refused=dict.fromkeys(client_ids, "not_published"))
    graph = graph_of(version_id)
    rule, days = entering.rule_of(journey, graph.entry)
    refused = (
        {} if rule == entering.ReEntry.ALWAYS else _entered_before(journey, client_ids, rule, days, now=now)
    )
    may = [one for one in client_ids if one not in refused]
    room, full = _room(run, journey, graph.entry, most=len(may), taken=taken, now=now)
    try:
        variables = graph.start_variables(run.variables or {})
    except DefinitionInvalid as error:
        # Nobody takes a place, so that the limits are as far for the last one as for the first.
        return Verdict(refused=refused | dict.fromkeys(may, error.problems[0].code if room else full))
    return Verdict(
        graph,
        version_id,
        exclusive=rule != entering.ReEntry.ALWAYS,
        variables=variables,
        admitted=may[:room],
        refused=refused | dict.fromkeys(may[room:], full),
    )


def _entered_before(
    journey: Journey, client_ids: Collection[int], rule: str, days: int, *, now: datetime
) -> dict[int, str]:
    refused: dict[int, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _EARLIER,
            {"live": [str(one) for one in Instance.LIVE], "journey": journey.id, "clients": list(client_ids)},
        )
        for client_id, is_inside, ended in cursor.fetchall():
            if is_inside:
                refused[client_id] = "already_active"
            elif rule == entering.ReEntry.ONCE:
                refused[client_id] = "already_entered"
            elif rule == entering.ReEntry.AFTER_DAYS and ended and now < ended + timedelta(days=days):
                refused[client_id] = "entered_recently"
    return refused


def _room(
    run: Enrollment, journey: Journey, entry: Entry, *, most: int, taken: int, now: datetime
) -> tuple[int, str]:
    """Say how many more may enter, and which limit keeps the next one out."""
    if not entry.limited:
        return most, ""
    if not run.dry_run:
        entering.hold_limits(journey)
    entered = Instance.objects.filter(journey=journey)
    counted = (
        ("limit_live", entry.max_live, entered.filter(status__in=Instance.LIVE)),
        (
            "limit_per_day",
            entry.max_per_day,
            entered.filter(started_at__gte=entering.day_begins(journey, now)),
        ),
        ("limit_total", entry.max_total, entered),
    )
    room, code = most, ""
    for name, limit, rows in counted:
        if limit is not None:
            left = max(0, limit - taken - rows[:limit].count())
            if left < room:
                room, code = left, name
    return room, code
