"""Decide about the next clients of an enrollment, and commit them together with how far it is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError

from engine.graphs import graph_of
from engine.models import Enrollment
from engine.services import dead_letters
from engine.services.enrolling import judging, placing
from engine.services.enrolling.requests import enrollment_pause
from engine.services.instances import instance_start
from journeys.errors import Conflict, ServiceError
from journeys.models import Client
from journeys.scoping import owned_by
from journeys.services import audit

log = structlog.get_logger(__name__)

State = Enrollment.State

#: Clients of one transaction. Each holds a lock until it commits, of which PostgreSQL has some thousands for all.
CHUNK = 1_000
#: Clients of one transaction where something is looked at for each of them, which takes long.
SOME = 100
#: Clients of one transaction where each is entered by itself.
FEW = 50
#: Clients who are named for each reason why they did not enter.
EXAMPLES = 5
#: Kind of the dead letters of requests that broke.
DEAD = "enrollment"
#: Why a client did not enter whose data can not be worked with; the log says more.
BROKE = "broke"
_HOUR = 3_600


def carry_on_all(*, now: datetime, seconds: float) -> int:
    """Carry on with everything that is open, each in turn, for about so long; return how many clients were decided.

    What breaks for one does not hold the others up: it is paused, and kept for a person to let it go on.
    """
    until = time.monotonic() + seconds
    waiting = list(Enrollment.objects.filter(state=State.RUNNING).order_by("id"))
    decided = 0
    while waiting:
        for enrollment in tuple(waiting):
            try:
                count = carry_on(enrollment=enrollment, now=now, chunks=1)
            except (InterfaceError, OperationalError) as error:
                log.warning("enrollment_put_off", enrollment=enrollment.public_id, error=type(error).__name__)
                count = 0
            except Exception as error:
                log.exception("enrollment_broke", enrollment=enrollment.public_id)
                _hold(enrollment, error, now=now)
                count = 0
            if not count:
                waiting.remove(enrollment)
            decided += count
            if time.monotonic() >= until:
                return decided
    return decided


def _hold(enrollment: Enrollment, error: Exception, *, now: datetime) -> None:
    """Pause a request that breaks by a fault of ours, and keep it as a dead letter; one that has ended stays so."""
    with suppress(Conflict), transaction.atomic():
        enrollment_pause(enrollment=enrollment, now=now, actor="engine")
        dead_letters.keep(
            kind=DEAD,
            key=enrollment.public_id,
            vendor_id=enrollment.vendor_id,
            payload={"enrollment": enrollment.public_id},
            error=error,
            now=now,
        )


def carry_on(*, enrollment: Enrollment, now: datetime, chunks: int | None = None) -> int:
    """Decide about the next clients, each chunk in a transaction of its own; return how many were decided.

    Outside of a transaction it can be stopped at any moment and called again; of two at once one does nothing.
    """
    decided = 0
    while chunks is None or chunks > 0:
        count = _next(enrollment, now=now)
        if not count:
            break
        decided += count
        chunks = None if chunks is None else chunks - 1
    enrollment.refresh_from_db()
    return decided


def _next(enrollment: Enrollment, *, now: datetime) -> int:
    """Decide about one chunk; where that breaks, one by one about the first of it, so that one client harms nobody."""
    try:
        with transaction.atomic():
            return _chunk(enrollment.id, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        log.exception("enrollment_chunk_broke", enrollment=enrollment.public_id)
    with transaction.atomic():
        return _chunk(enrollment.id, now=now, one_by_one=True)


def _chunk(enrollment_id: int, *, now: datetime, one_by_one: bool = False) -> int:
    with connection.cursor() as cursor:
        # A plan is kept with its connection: one that was made while the tables were small would read them whole.
        cursor.execute("SET LOCAL enable_seqscan = off")
    run = (
        Enrollment.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("vendor")
        .filter(id=enrollment_id, state=State.RUNNING)
        .first()
    )
    if run is None:
        return 0
    most = min(FEW if one_by_one else _at_once(run), _allowed(run, now=now))
    client_ids = _next_clients(run, most)
    if client_ids:
        refused = (
            _enter_each(run, client_ids, now=now) if one_by_one else _enter_many(run, client_ids, now=now)
        )
        _count(run, client_ids, refused)
    if len(client_ids) < most:
        run.state, run.finished_at = State.FINISHED, now
        audit.record(run.vendor, "engine", "enrollment.finished", run, now, entered=run.entered)
        dead_letters.close_open(kind=DEAD, key=run.public_id, now=now, actor="engine", done=True)
    run.save(update_fields=["cursor", "examined", "entered", "refused", "state", "finished_at"])
    return len(client_ids)


def _at_once(run: Enrollment) -> int:
    """Say how many clients one transaction may take, so that nobody waits for it long."""
    version_id = run.journey.current_version_id
    late_start = graph_of(version_id).late_start if version_id else None
    return min(SOME, CHUNK) if run.condition or (late_start and late_start.show_plan) else CHUNK


def _allowed(run: Enrollment, *, now: datetime) -> int:
    """Say how many may enter now, so that they are spread evenly."""
    if run.per_hour is None or run.dry_run:
        return CHUNK
    passed = max(0.0, (now - run.paced_from).total_seconds())
    return max(0, int(run.per_hour * passed / _HOUR) - (run.entered - run.paced_after))


def _next_clients(run: Enrollment, most: int) -> list[int]:
    if not most:
        return []
    rows = owned_by(run.vendor, Client).filter(id__gt=run.cursor, id__lte=run.last)
    if run.tag:
        rows = rows.filter(tags__name=run.tag)
    if run.status:
        rows = rows.filter(status=run.status)
    if run.listed is not None:
        rows = rows.filter(id__in=[one for one in run.listed if one > run.cursor])
    return list(rows.order_by("id").values_list("id", flat=True)[:most])


def _enter_many(run: Enrollment, client_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """Let those in who may, by the statement; give a code for each of the others."""
    refused = judging.outside_condition(run, client_ids, now=now)
    asked = [one for one in client_ids if one not in refused]
    if run.dry_run:
        return refused | judging.judge(run, asked, taken=run.entered, now=now).refused
    held = placing.hold(asked)
    judging.hold_clients(run.journey_id, held.client_ids)
    verdict = judging.judge(run, held.client_ids, now=now)
    entered = placing.place(run, verdict, held, now=now)
    refused |= verdict.refused
    refused |= dict.fromkeys((one for one in verdict.admitted if one not in entered), "already_active")
    refused |= _enter_each(run, held.odd, now=now)
    gone = set(asked) - set(held.client_ids) - set(held.odd)
    return refused | dict.fromkeys(gone, "client_removed")


def _enter_each(run: Enrollment, client_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """Do the same one by one."""
    refused: dict[int, str] = {}
    entered = 0
    for client_id in client_ids:
        code = _enter_one(run, client_id, before=entered, now=now)
        if code:
            refused[client_id] = code
        else:
            entered += 1
    return refused


def _enter_one(run: Enrollment, client_id: int, *, before: int, now: datetime) -> str:
    """Start one passage, or say why not; "" when it was started, or would be. `before`: so many of this chunk have."""
    try:
        with transaction.atomic():
            if refused := judging.outside_condition(run, [client_id], now=now):
                return refused[client_id]
            if run.dry_run:
                verdict = judging.judge(run, [client_id], taken=run.entered + before, now=now)
                return verdict.refused.get(client_id, "")
            instance_start(
                vendor=run.vendor,
                journey=run.journey,
                client=owned_by(run.vendor, Client).get(id=client_id),
                variables=run.variables or {},
                now=now,
                actor=run.made_by,
            )
    except ServiceError as error:
        return error.code
    except Client.DoesNotExist:
        return "client_removed"
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        log.exception("enrollment_client_broke", client=client_id)
        return BROKE
    return ""


def _count(run: Enrollment, client_ids: Sequence[int], refused: Mapping[int, str]) -> None:
    """Write down how far it is and what became of the clients."""
    run.cursor = client_ids[-1]
    run.examined += len(client_ids)
    run.entered += len(client_ids) - len(refused)
    by_code: dict[str, list[int]] = defaultdict(list)
    for client_id in sorted(refused):
        by_code[refused[client_id]].append(client_id)
    for code, those in by_code.items():
        known: dict[str, Any] = run.refused.setdefault(code, {"count": 0, "examples": []})
        known["count"] += len(those)
        missing = those[: EXAMPLES - len(known["examples"])]
        if missing:
            rows = Client.objects.filter(id__in=missing).order_by("id")
            known["examples"] += list(rows.values_list("public_id", flat=True))
