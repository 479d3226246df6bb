"""Write down what steps came to: history in, place left or kept, successors in, all in one statement.

The fence decides: a result whose schedule has moved on in the meantime changes nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection

from engine import signals
from engine.bells import Place
from engine.models import NodeExecution
from engine.services import workers
from engine.services.priorities import band_for
from engine.services.results import Claim, NextPlace, Result, Stay, StepNote, claim_of, is_at_once


@dataclass(slots=True)
class Committed:
    """What a commit changed."""

    #: Schedules whose result was written.
    won: set[int] = field(default_factory=set)
    #: Successors that are due at once, already queued: ring for them after the commit.
    places: list[Place] = field(default_factory=list)
    #: Successors that the caller carries out before its transaction ends.
    claims: list[Claim] = field(default_factory=list)
    #: Instances that ended, by id.
    finished: list[int] = field(default_factory=list)


#: What is not said of a result is as it mostly is.
_DONE = """
done AS (
    SELECT nth, schedule_id, fence, COALESCE(passing, false) AS passing,
        CASE WHEN rung THEN 'queued' ELSE 'running' END AS state, version_id, node_id, node_type,
        COALESCE(branch, '') AS branch, COALESCE(visit, 1) AS visit, COALESCE(attempt, 1) AS attempt, status,
        COALESCE(port, '') AS port, COALESCE(reason, '') AS reason, COALESCE(error_class, '') AS error_class,
        COALESCE(error_code, '') AS error_code, output, queue, COALESCE(due_at, %(now)s) AS due_at,
        COALESCE(ready_at, %(now)s) AS ready_at, COALESCE(started_at, %(now)s) AS started_at, duration_ms,
        COALESCE(ends, '') AS ends{columns}
    FROM json_to_recordset(%(results)s::json) AS d(
        nth int, schedule_id bigint, fence bigint, passing boolean, rung boolean, version_id bigint, node_id text,
        node_type text, branch text, visit int, attempt int, status text, port text, reason text, error_class text,
        error_code text, output text, queue text, due_at timestamptz, ready_at timestamptz, started_at timestamptz,
        duration_ms double precision, ends text{types})
)"""
_STAY_COLUMNS = """,
        stay_state, stay_due, COALESCE(stay_reason, '') AS stay_reason, COALESCE(stay_attempt, 0) AS stay_attempt,
        stay_awaits, stay_waiting, COALESCE(quiet, false) AS quiet"""
_STAY_TYPES = """,
        stay_state text, stay_due timestamptz, stay_reason text, stay_attempt int, stay_awaits text[],
        stay_waiting jsonb, quiet boolean"""
_GONE = """
gone AS (
    DELETE FROM engine_schedule s USING done d
    WHERE s.id = d.schedule_id AND s.fence = d.fence AND s.state = d.state AND NOT d.passing{unless}
    RETURNING s.id, s.vendor_id, s.instance_id, s.wedding_at
)"""
_KEPT = """
kept AS (
    UPDATE engine_schedule s
    SET state = d.stay_state, due_at = d.stay_due, reason = d.stay_reason, attempt = d.stay_attempt,
        awaits = COALESCE(d.stay_awaits, s.awaits),
        waiting = CASE WHEN d.stay_awaits IS NULL THEN s.waiting ELSE d.stay_waiting END,
        claims = 0, lease_until = NULL, claimed_by = NULL, fence = s.fence + 1
    FROM done d
    WHERE s.id = d.schedule_id AND s.fence = d.fence AND s.state = d.state AND d.stay_state IS NOT NULL
    RETURNING s.id, s.vendor_id, s.instance_id
)"""
_WON = """
won AS (
    SELECT id, vendor_id, instance_id FROM gone{kept}
), history AS (
    INSERT INTO engine_nodeexecution (public_id, vendor_id, instance_id, schedule_id, version_id, node_id,
        node_type, branch, visit, attempt, status, port, reason, error_class, error_code, output, queue, due_at, ready_at,
        started_at, at, duration_ms)
    SELECT gen_random_uuid(), won.vendor_id, won.instance_id,
        CASE WHEN d.passing THEN nextval('engine_schedule_id_seq') ELSE d.schedule_id END,
        d.version_id, d.node_id, d.node_type,
        d.branch, d.visit, d.attempt, d.status, d.port, d.reason, d.error_class, d.error_code, d.output, d.queue, d.due_at,
        d.ready_at, d.started_at, %(now)s, d.duration_ms
    FROM done d JOIN won ON won.id = d.schedule_id{heard}
    ORDER BY d.nth
)"""
_PLACED = """
placed AS (
    INSERT INTO engine_schedule (vendor_id, instance_id, node_id, branch, visit, rounds, state, due_at, meant,
        reason, outside, wedding_at, fence, attempt, claims, queue, lease_until, claimed_by, placed_at)
    SELECT gone.vendor_id, gone.instance_id, n.node_id, n.branch, n.visit, n.rounds, n.state, n.due_at, n.meant,
        n.reason, n.outside, gone.wedding_at, 1, n.attempt, n.claims, n.queue,
        CASE n.state WHEN 'queued' THEN clock_timestamp() + make_interval(secs => %(bell_lease)s)
                     WHEN 'running' THEN clock_timestamp() + make_interval(secs => %(lease)s) END,
        CASE n.state WHEN 'running' THEN %(worker)s::int END,
        %(now)s
    FROM json_to_recordset(%(successors)s::json) AS n(
        from_id bigint, node_id text, branch text, visit int, rounds jsonb, state text, due_at timestamptz, meant jsonb,
        reason text, outside boolean, attempt int, claims int, queue text)
    JOIN gone ON gone.id = n.from_id
    RETURNING id, fence, queue, outside OR claims > 0 AS alone, state, instance_id, node_id, branch, visit
)"""
_ENDED = """
ended AS (
    UPDATE engine_instance i SET status = 'completed', finished_at = %(now)s, reason = '', result = d.ends
    FROM done d JOIN gone ON gone.id = d.schedule_id
    WHERE i.id = gone.instance_id AND d.ends <> '' AND i.status IN ('active', 'paused')
    RETURNING i.id
)"""
_ANSWER = """
SELECT 'won', id, NULL::bigint, NULL, NULL::boolean, NULL::bigint, NULL, NULL, NULL::int FROM won"""
_ANSWER_PLACED = """
UNION ALL SELECT state, id, fence, queue, alone, instance_id, node_id, branch, visit FROM placed
    WHERE state IN ('queued', 'running')"""
_ANSWER_ENDED = """
UNION ALL SELECT 'ended', id, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM ended"""


@cache
def _statement(*, stays: bool, places: bool, ends: bool) -> str:
    """Give the statement of results some of which stay, lead on, or end; what none of them does is not in it.

    PostgreSQL begins and ends every part of a statement, also those that get no row; and the driver reads a text of more
    than 4,096 characters anew each time.
    """
    parts = [
        _DONE.format(columns=_STAY_COLUMNS if stays else "", types=_STAY_TYPES if stays else ""),
        _GONE.format(unless=" AND d.stay_state IS NULL" if stays else ""),
        *([_KEPT] if stays else []),
        _WON.format(
            kept=" UNION ALL SELECT id, vendor_id, instance_id FROM kept" if stays else "",
            heard=" WHERE NOT d.quiet" if stays else "",
        ),
        *([_PLACED] if places else []),
        *([_ENDED] if ends else []),
    ]
    answers = [_ANSWER, *([_ANSWER_PLACED] if places else []), *([_ANSWER_ENDED] if ends else [])]
    return " ".join(f"WITH {','.join(parts)}{''.join(answers)}".split())


#: Encrypts what the raw statement writes.
_OUTPUT = NodeExecution._meta.get_field("output")  # noqa: SLF001 Django's documented door to a field


def _exact(value: object) -> str:
    """Write an instant for the statement to the microsecond; Django's own encoder stops at milliseconds."""
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{type(value).__name__} has no place in a commit."
    raise TypeError(message)


#: What is left out of a result: the statement takes it to be so. A moment that is left out is now.
_USUAL: dict[str, Any] = {
    **dict.fromkeys(("passing", "rung"), False),
    **dict.fromkeys(("visit", "attempt"), 1),
    **dict.fromkeys(("branch", "port", "reason", "error_class", "error_code", "ends"), ""),
    **dict.fromkeys(("output", "due_at", "ready_at", "started_at")),
}


def _result_row(nth: int, result: Result, *, now: datetime) -> dict[str, Any]:
    claim = result.claim
    whole = {
        "nth": nth,
        "schedule_id": claim.schedule_id,
        "fence": claim.fence,
        "passing": claim.passing,
        "rung": not (claim.leased or claim.passing),
        "version_id": claim.version_id,
        "node_id": claim.node_id,
        "node_type": result.node_type,
        "branch": claim.branch,
        "visit": claim.visit,
        "attempt": claim.attempt,
        "status": result.status,
        "port": result.port,
        "reason": result.reason[:300],
        "error_class": result.error_class,
        "error_code": result.error_code[:60],
        "output": _OUTPUT.get_prep_value(result.output) if result.output else None,
        "queue": claim.queue,
        "due_at": None if claim.due_at == now else claim.due_at,
        "ready_at": None if claim.ready_at == now else claim.ready_at,
        "started_at": None if result.started_at == now else result.started_at,
        "duration_ms": result.duration_ms,
        "ends": result.ends[:80] if result.last else "",
    }
    row = {name: value for name, value in whole.items() if name not in _USUAL or value != _USUAL[name]}
    return row if result.stay is None else row | _stay_row(result.stay)


def _stay_row(stay: Stay) -> dict[str, Any]:
    return {
        "stay_state": "waiting" if stay.due_at else "parked",
        "stay_due": stay.due_at,
        "stay_reason": stay.reason[:300],
        "stay_attempt": stay.attempt,
        "stay_awaits": None if stay.awaits is None else list(stay.awaits),
        "stay_waiting": stay.waiting,
        "quiet": stay.quiet,
    }


def _successor_row(result: Result, place: NextPlace, *, state: str, now: datetime) -> dict[str, Any]:
    running = state == "running"
    return {
        "from_id": result.claim.schedule_id,
        "node_id": place.node_id,
        "branch": place.branch,
        "visit": place.visit,
        "rounds": place.rounds or None,
        "state": state,
        "due_at": place.due_at,
        "meant": place.meant,
        "reason": place.reason[:300],
        "outside": place.outside,
        "attempt": 1 if running else 0,
        "claims": 1 if running or _is_suspect(result.claim, place) else 0,
        "queue": band_for(wedding_at=result.claim.wedding_at, now=now).queue,
    }


def _is_suspect(claim: Claim, place: NextPlace) -> bool:
    """Tell whether a place may be what its worker died of before, when it was come to from this one at once."""
    return claim.claims > 1 and place.instant


def _state(place: NextPlace, *, goes_on: bool, now: datetime) -> str:
    if place.due_at is None:
        return "parked"
    if not is_at_once(place, now=now):
        return "waiting"
    return "running" if goes_on and place.instant else "queued"


def commit(
    results: Sequence[Result], *, now: datetime, bell_lease: int, going: frozenset[int] = frozenset()
) -> Committed:
    """Write results, inside the caller's transaction, and tell observers.

    A result with a stale fence is left out of everything. The caller applies changes only for what was won, and
    rings for `places` when its transaction commits. Instances that are `going` on are not rung for: the caller carries
    the committed `claims` out before its transaction ends.
    """
    committed = Committed()
    if not results:
        return committed
    placed = {
        (result.claim.instance_id, place.node_id, place.branch, place.visit): (result.claim, place)
        for result in results
        for place in result.successors
    }
    successors = [
        _successor_row(
            result, place, state=_state(place, goes_on=result.claim.instance_id in going, now=now), now=now
        )
        for result in results
        for place in result.successors
    ]
    rows = [_result_row(nth, result, now=now) for nth, result in enumerate(results)]
    statement = _statement(
        stays=any(result.stay is not None for result in results),
        places=bool(successors),
        ends=any("ends" in row for row in rows),
    )
    parameters: dict[str, Any] = {"results": json.dumps(rows, default=_exact), "now": now}
    if successors:
        parameters |= {
            "successors": json.dumps(successors, default=_exact),
            "bell_lease": bell_lease,
            "lease": settings.QUEUE_LEASE_SECONDS,
            "worker": workers.own_number() if going else None,
        }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for kind, key, fence, queue, alone, *at in cursor.fetchall():
            if kind == "won":
                committed.won.add(key)
            elif kind == "queued":
                committed.places.append(Place(key, fence, queue, alone))
            elif kind == "running":
                before, place = placed[tuple(at)]
                committed.claims.append(
                    claim_of(place, before.whose, schedule_id=key, fence=fence, queue=queue, now=now)
                )
            else:
                committed.finished.append(key)
    notes = [_note(result) for result in results if result.claim.schedule_id in committed.won]
    if notes:
        signals.steps_committed.send(sender=None, steps=notes, now=now)
    return committed


def _note(result: Result) -> StepNote:
    claim = result.claim
    return StepNote(
        vendor_id=claim.vendor_id,
        instance_id=claim.instance_id,
        node_id=claim.node_id,
        node_type=result.node_type,
        status=result.status,
        queue=claim.queue,
        lateness_ms=max(0.0, (result.started_at - claim.ready_at).total_seconds() * 1000),
        duration_ms=result.duration_ms,
    )
