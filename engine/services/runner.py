"""Carry out the steps that a bell names: lease, decide, commit, ring on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError

from channels.services.sending import StaleFence
from engine.graphs import leads_to_dates, paths_read_by
from engine.models import Instance, NodeExecution, Schedule
from engine.services import failures, modules, quarantine
from engine.services.calling import Call
from engine.services.claims import MAX_CLAIMS, LeaseLost, claim, lock_instances
from engine.services.commits import Claim
from engine.services.deciding import ENDS, decide, settle
from engine.services.delivering import Delivery
from engine.services.ending import rule_paths
from engine.services.facts import Need, Wanted, facts_for, instances_for
from engine.services.steps import Step
from engine.services.writing import write
from journeys import selectors
from journeys.errors import ServiceError
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import CallWebhook, Deliver, Fail

log = structlog.get_logger(__name__)


def run(*, places: Sequence[tuple[int, int]], now: datetime) -> int:
    """Carry out the places (schedule id, fence) of one bell and return how many were committed.

    Outside any transaction. A second call with the same places does nothing. If the process dies on the way, the
    leases end and the sweep rings again.
    """
    claims = claim(places)
    alone = [held for held in claims if _travels_alone(held)]
    together = [held for held in claims if held not in alone]
    done = _run_together(together, now=now)
    for held in alone:
        done += _run_alone(held, now=now)
    return done


def _travels_alone(held: Claim) -> bool:
    return held.claims > MAX_CLAIMS or Step.of(held).node.node_type.outside


def _run_together(claims: Sequence[Claim], *, now: datetime) -> int:
    """Decide and commit in one transaction; if that breaks, each step gets a transaction of its own."""
    if not claims:
        return 0
    try:
        with transaction.atomic():
            return _decide_and_commit(claims, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 whatever one step broke must not take its neighbors
        if len(claims) > 1:
            return sum(_run_together([held], now=now) for held in claims)
        return _commit_broken(claims[0], error, now=now)


def _run_alone(held: Claim, *, now: datetime) -> int:
    if held.claims > MAX_CLAIMS:
        message = (
            f"The step was begun {held.claims} times and never came to a result: it may stop its workers."
        )
        with transaction.atomic():
            lock_instances([held.instance_id])
            step = Step.of(held)
            failures.park(step, Fail(ErrorClass.PERMANENT, quarantine.CODE, message), now=now)
            done = write([step.result(now=now)], now=now)
            if done:
                quarantine.keep(held, message, now=now)
            return done
    try:
        with transaction.atomic():
            step = prepare([held], now=now)[0]
            outcome = decide(step, now=now)
            if not isinstance(outcome, Deliver | CallWebhook):
                return write([settle(step, outcome, now=now).result(now=now)], now=now)
            effect = None if _is_held(step, now=now) else _begin(step, outcome, now=now)
            if effect is None:
                return write([step.result(now=now)], now=now)
        with modules.time_limit(step):
            effect.carry_out(now=now)
        with transaction.atomic():
            _lock_weddings([step])
            lock_instances([held.instance_id])
            effect.close(now=now)
            return write([step.result(now=now)], now=now)
    except (LeaseLost, StaleFence):
        log.info("lease_lost", schedule=held.schedule_id, fence=held.fence)
        return 0
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 a fault of ours is a result too, with a person to look at it
        return _commit_broken(held, error, now=now)


def _begin(step: Step, outcome: Deliver | CallWebhook, *, now: datetime) -> Delivery | Call | None:
    """Write into the ledger what is about to be done outside; None when nothing is to be done now."""
    if isinstance(outcome, Deliver):
        return Delivery.begin(step, outcome, now=now)
    return Call.begin(step, outcome, now=now)


def _is_held(step: Step, *, now: datetime) -> bool:
    """Put the step off where its module is switched off or has done enough for now."""
    stay = modules.hold_reason(step, now=now)
    if stay is not None:
        step.status, step.reason, step.stay = NodeExecution.Status.HELD, stay.reason, stay
    return stay is not None


def _decide_and_commit(claims: Sequence[Claim], *, now: datetime) -> int:
    steps = prepare(claims, now=now)
    results = [settle(step, decide(step, now=now), now=now).result(now=now) for step in steps]
    return write(results, now=now)


def prepare(claims: Sequence[Claim], *, now: datetime, skipping: bool = False) -> list[Step]:
    """Gather what the steps of one batch need, inside the caller's transaction.

    Steps that are only passed over (`skipping`) change no wedding, and whoever skips one holds its instance already.

    The instances are locked first, before their dates are read: a wedding that moves at the same moment either sees
    the new places or is seen by them. Everything locks in one order: instance, schedule, ticket, message.
    """
    steps = [Step.of(held) for held in claims]
    dated = [step for step in steps if _is_dated(step)]
    if not skipping:
        _lock_weddings(steps)
    lock_instances([step.claim.instance_id for step in steps])
    paths = {step.claim.schedule_id: _paths(step) for step in steps}
    instances = instances_for(
        Wanted(
            step.claim.instance_id,
            paths[step.claim.schedule_id],
            dates=_is_dated(step),
            people=step.node.node_type.outside,
        )
        for step in steps
        if _is_dated(step) or paths[step.claim.schedule_id]
    )
    for step in steps:
        step.instance = instances.get(step.claim.instance_id)
    facts = facts_for(
        [
            Need(step.instance, paths[step.claim.schedule_id])
            for step in steps
            if step.instance and paths[step.claim.schedule_id]
        ],
        now=now,
    )
    for step in steps:
        if step.instance is None:
            continue
        step.facts = facts.get(step.instance.id, {})
        if step in dated:
            step.calendar = selectors.calendar_of(step.instance.wedding, step.instance.vendor)
    return steps


def _lock_weddings(steps: Sequence[Step]) -> None:
    """Lock the weddings of steps that will change them: always before their instances."""
    ids = [
        step.claim.instance_id for step in steps if step.node.node_type.touches_wedding(step.node.settings)
    ]
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT w.id FROM journeys_wedding w WHERE w.id IN (
                       SELECT wedding_id FROM engine_instance WHERE id = ANY(%s)
                   ) ORDER BY w.id FOR NO KEY UPDATE""",
                [ids],
            )


def _paths(step: Step) -> frozenset[str]:
    """Name what the step reads; what goes out also shows the vendor and the couple in its frame."""
    paths = paths_read_by(step.claim.version_id, step.claim.node_id)
    if step.node.type not in ENDS:
        paths |= rule_paths(step.claim.version_id)
    return paths | {"recipient.name", "vendor.name"} if step.node.node_type.outside else paths


def _is_dated(step: Step) -> bool:
    """Tell whether the step, its place behind it, or its sending hours need the couple's calendar."""
    held = step.claim
    return bool(
        held.meant
        or held.waiting
        or step.node.node_type.outside
        or leads_to_dates(held.version_id, held.node_id)
    )


def _commit_broken(held: Claim, error: Exception, *, now: datetime) -> int:
    """Write an exception as a failure: what a service refuses is wrong data of this couple, the rest is our fault.

    Our own faults are tried again a bounded number of times, then a person looks at them.
    """
    if isinstance(error, ServiceError):
        return _write_failure(held, Fail(ErrorClass.USER, error.code, error.message), now=now)
    log.error(
        "step_broke",
        schedule=held.schedule_id,
        node=held.node_id,
        error=type(error).__name__,
        exc_info=error,
    )
    message = f"An error in the system itself ({type(error).__name__}). The step is tried again."
    return _write_failure(held, Fail(ErrorClass.TRANSIENT, type(error).__name__, message), now=now)


def _write_failure(held: Claim, failure: Fail, *, now: datetime) -> int:
    with transaction.atomic():
        step = prepare([held], now=now)[0]
        failures.resolve(step, failure, now=now)
        return write([step.result(now=now)], now=now)


def skip_parked(schedule: Schedule, *, reason: str, now: datetime) -> None:
    """Leave a parked place undone and go on with what follows it, inside the caller's transaction."""
    version_id = Instance.objects.values_list("version_id", flat=True).get(id=schedule.instance_id)
    schedule.state, schedule.fence = Schedule.State.RUNNING, schedule.fence + 1
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE engine_schedule SET state = 'running', fence = %s, due_at = COALESCE(due_at, %s),
                   lease_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s""",
            [schedule.fence, now, settings.QUEUE_LEASE_SECONDS, schedule.id],
        )
    held = Claim(
        schedule_id=schedule.id,
        fence=schedule.fence,
        vendor_id=schedule.vendor_id,
        instance_id=schedule.instance_id,
        version_id=version_id,
        node_id=schedule.node_id,
        branch=schedule.branch,
        visit=schedule.visit,
        attempt=max(schedule.attempt, 1),
        claims=0,
        due_at=schedule.due_at or now,
        ready_at=now,
        meant=schedule.meant,
        wedding_at=schedule.wedding_at,
        queue=schedule.queue,
        rounds=schedule.rounds,
        waiting=schedule.waiting,
    )
    step = prepare([held], now=now, skipping=True)[0]
    step.skip(reason, now=now)
    write([step.result(now=now)], now=now)
