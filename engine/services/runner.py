"""Carry out the steps that a bell names: lease, decide, commit, ring on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from time import monotonic

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError

from channels.services.sending import StaleFence
from engine.graphs import leads_to_dates, paths_read_by
from engine.models import Instance, NodeExecution
from engine.services import failures, modules, quarantine
from engine.services.calling import Call
from engine.services.claims import MAX_CLAIMS, LeaseLost, claim_now, lock_instances, take
from engine.services.deciding import ENDS, decide, settle
from engine.services.delivering import Delivery
from engine.services.ending import rule_paths
from engine.services.facts import Need, Wanted, facts_for, instances_for, is_still_read
from engine.services.results import Claim, Result, is_at_once
from engine.services.steps import Step
from engine.services.walking import ahead_of, walk
from engine.services.writing import write
from journeys import selectors
from journeys.errors import ServiceError
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import CallWebhook, Deliver, Fail

log = structlog.get_logger(__name__)

#: How long one transaction goes on to steps that follow at once, in seconds.
LONGEST = 0.5
#: PostgreSQL's words for two transactions that waited for each other, and for one that waited for too long.
DEADLOCK, NOT_AVAILABLE = "40P01", "55P03"


def run(
    *, places: Sequence[tuple[int, int]], now: datetime | None, alone: bool = False, again: bool = False
) -> int:
    """Carry out the places (schedule id, fence) of one bell and return how many were committed.

    Instant steps that are begun for the first time are held, decided and written in one transaction. What reaches
    outside, locks a wedding, was begun before, or broke in there, is leased first; `alone` says that the bell's are such,
    `again` that somebody has died with it in hand. A passage that somebody else does not let go of is left for later.

    `now` is None for an edge, which so learns the time by the statement that takes the places. Outside any transaction.
    A second call with the same places does nothing. If the process dies on the way, the leases end and the sweep rings
    again.
    """
    if alone or again:
        return _run_leased(places, now=now, again=again)
    has_broken = False
    try:
        with transaction.atomic():
            claims, at = take(places)
            now = now or at
            if now is None:
                return 0
            if not any(map(_needs_lease, claims)):
                most = int(settings.QUEUE_BATCH_SIZE)
                return _decide_and_commit(claims, most=most, now=now, known={})
    except OperationalError as error:
        if _state_of(error) == NOT_AVAILABLE:
            log.info("passage_is_held", places=len(places))
            return 0
        if _state_of(error) != DEADLOCK:
            raise
        has_broken = True
    except InterfaceError:
        raise
    except Exception as error:  # noqa: BLE001 it breaks again where it stands alone, and is written down there
        log.info("batch_broke", places=len(places), error=type(error).__name__)
        has_broken = True
    return _run_leased(places, now=now, one_by_one=has_broken)


def _needs_lease(held: Claim) -> bool:
    """Tell whether a step reaches outside, may kill its worker, or locks what comes before its instance."""
    step = Step.of(held)
    return held.claims > 1 or step.node.node_type.outside or _touches_wedding(step)


def _run_leased(
    places: Sequence[tuple[int, int]],
    *,
    now: datetime | None,
    one_by_one: bool = False,
    again: bool = False,
) -> int:
    claims, at = claim_now(places, again=again)
    now = now or at
    if now is None:
        return 0
    alone = [held for held in claims if _travels_alone(held)]
    together = [held for held in claims if held not in alone]
    if one_by_one:
        done = sum(_run_single(held, now=now) for held in together)
    else:
        done = _run_together(together, now=now)
    for held in alone:
        done += _run_alone(held, now=now)
    return done


def _travels_alone(held: Claim) -> bool:
    return held.claims > MAX_CLAIMS or Step.of(held).node.node_type.outside


def _run_together(claims: Sequence[Claim], *, now: datetime) -> int:
    """Decide and commit in one transaction, with what follows at once; if that breaks, each step gets one of its own."""
    if not claims:
        return 0
    most = int(settings.QUEUE_BATCH_SIZE)
    try:
        with transaction.atomic():
            return _decide_and_commit(claims, most=most, now=now)
    except OperationalError as error:
        if _state_of(error) != DEADLOCK:
            raise
        broke: Exception = error
    except InterfaceError:
        raise
    except Exception as error:  # noqa: BLE001 whatever one step broke must not take its neighbors
        broke = error
    if len(claims) == 1 and most == 1:
        return _commit_broken(claims[0], broke, now=now)
    return sum(_run_single(held, now=now) for held in claims)


def _run_single(held: Claim, *, now: datetime) -> int:
    """Decide and commit one step, and no more."""
    try:
        with transaction.atomic():
            return _decide_and_commit([held], most=1, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 a fault of ours is a result too, with a person to look at it
        return _commit_broken(held, error, now=now)


def _state_of(error: OperationalError) -> str | None:
    """Give PostgreSQL's word for what is wrong; whom it ended because two waited for each other will go through alone."""
    return getattr(error.__cause__, "sqlstate", None)


def _run_alone(held: Claim, *, now: datetime) -> int:
    if held.claims > MAX_CLAIMS:
        message = (
            f"The step was begun {held.claims} times and never came to a result: it may stop its workers."
        )
        with transaction.atomic():
            lock_instances([held.instance_id])
            step = Step.of(held)
            failures.park(step, Fail(ErrorClass.PERMANENT, quarantine.CODE, message), now=now)
            done = write([step.result(now=now)], now=now).done
            if done:
                quarantine.keep(held, message, now=now)
            return done
    try:
        with transaction.atomic():
            step = prepare([held], now=now)[0]
            outcome = decide(step, now=now)
            if not isinstance(outcome, Deliver | CallWebhook):
                return write([settle(step, outcome, now=now).result(now=now)], now=now).done
            effect = None if _is_held(step, now=now) else _begin(step, outcome, now=now)
            if effect is None:
                return write([step.result(now=now)], now=now).done
        with modules.time_limit(step):
            effect.carry_out(now=now)
        with transaction.atomic():
            _lock_weddings([step])
            lock_instances([held.instance_id])
            effect.close(now=now)
            return write([step.result(now=now)], now=now).done
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


def _decide_and_commit(
    claims: Sequence[Claim], *, most: int, now: datetime, known: Mapping[int, Instance] | None = None
) -> int:
    """Carry out steps and what follows them at once, up to `most` in a row for each, inside the caller's transaction.

    `known` is given where the caller has locked the instances.
    """
    until = monotonic() + LONGEST
    done = 0
    steps = prepare(claims, now=now, walking=most > 1, known=known)
    # What was begun before without a result may kill its worker: it goes step by step.
    once = {held.instance_id for held in claims if held.claims > 1}
    alone, others_due = _tokens([step for step in steps if step.graph.forks] if most > 1 else [], now=now)
    #: How many steps each passage may still take.
    reach = {
        step.claim.instance_id: most
        for step in steps
        if step.is_active and step.claim.instance_id not in once | others_due
    }
    while steps:
        tokens = Counter(step.claim.instance_id for step in steps)
        results: list[Result] = []
        for step in steps:
            instance_id = step.claim.instance_id
            walked = walk(
                step,
                decide=partial(_decided, now=now),
                now=now,
                # Tokens of one instance go step by step together; and whoever comes when time is up takes one step.
                most=1 if tokens[instance_id] > 1 or monotonic() > until else reach.get(instance_id, 1),
                alone=instance_id in alone,
            )
            results += walked.results
            reach[instance_id] = reach.get(instance_id, 1) - walked.depth
        going = frozenset(key for key, left in reach.items() if left > 0)
        if monotonic() > until or any(result.ticket for result in results):
            going = frozenset()
        written = write(results, now=now, going=going - _held_up(results, alone=alone, now=now))
        done += written.done
        alone = _still_alone(results, alone)
        steps = prepare(written.claims, now=now, walking=True, known=_still_known(steps, results))
    return done


def _tokens(steps: Sequence[Step], *, now: datetime) -> tuple[frozenset[int], frozenset[int]]:
    """Name the instances of steps that have no other token, and those with one elsewhere that is due too.

    Their locks are held. A token that is due is not overtaken: all of such an instance take one step.
    """
    if not steps:
        return frozenset(), frozenset()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT instance_id, count(*) = 1, bool_or(id <> ALL(%s)
                 AND (state IN ('queued', 'running') OR state = 'waiting' AND due_at <= %s))
               FROM engine_schedule WHERE instance_id = ANY(%s) GROUP BY 1""",
            [[step.claim.schedule_id for step in steps], now, [step.claim.instance_id for step in steps]],
        )
        rows = cursor.fetchall()
    return frozenset(key for key, one, _ in rows if one), frozenset(key for key, _, due in rows if due)


def _held_up(results: Sequence[Result], *, alone: frozenset[int], now: datetime) -> set[int]:
    """Name the instances that do not go on in this transaction, because their tokens go on side by side.

    A token that is rung for is not overtaken by another one; and what waits in another branch may be waiting for a
    change, of which it is told when this is committed.
    """
    return {
        result.claim.instance_id
        for result in results
        if (result.changes and result.forks and result.claim.instance_id not in alone)
        or any(is_at_once(place, now=now) and not place.instant for place in result.successors)
    }


def _still_alone(results: Sequence[Result], alone: frozenset[int]) -> frozenset[int]:
    """Name those of the instances that had one token, and have gone on with one."""
    placed = Counter[int]()
    for result in results:
        placed[result.claim.instance_id] += len(result.successors)
    return frozenset(key for key in alone if placed[key] == 1)


def _still_known(steps: Sequence[Step], results: Sequence[Result]) -> dict[int, Instance]:
    """Give the instances as the steps have read them, but for those that were changed since."""
    known = {step.instance.id: step.instance for step in steps if step.instance is not None}
    for result in results:
        instance = known.get(result.claim.instance_id)
        if result.changes and instance is not None and not is_still_read(instance, result.changes):
            del known[instance.id]
    return known


def _decided(step: Step, *, now: datetime) -> Result:
    return settle(step, decide(step, now=now), now=now).result(now=now)


def prepare(
    claims: Sequence[Claim],
    *,
    now: datetime,
    skipping: bool = False,
    walking: bool = False,
    known: Mapping[int, Instance] | None = None,
) -> list[Step]:
    """Gather what the steps of one batch need, inside the caller's transaction; `walking`, also what follows at once.

    Steps that are only passed over (`skipping`) change no wedding, and whoever skips one holds its instance already.
    Where the instances are locked already, as in a later round of the same transaction, what was read of them is `known`.

    The instances are locked first, before their dates are read: a wedding that moves at the same moment either sees
    the new places or is seen by them. Everything locks in one order: instance, schedule, ticket, message.
    """
    steps = [Step.of(claim) for claim in claims]
    if not steps:
        return []
    if not skipping:
        _lock_weddings(steps)
    active = lock_instances([step.claim.instance_id for step in steps]) if known is None else None
    for step in steps:
        step.is_active = active is None or step.claim.instance_id in active
        step.reads, step.dated = _paths(step), _is_dated(step)
        if walking:
            ahead = ahead_of(step.claim.version_id, step.claim.node_id)
            step.reads, step.dated = step.reads | ahead.paths, step.dated or ahead.dated
    _read(steps, known=known, now=now)
    return steps


def _read(steps: Sequence[Step], *, known: Mapping[int, Instance] | None, now: datetime) -> None:
    """Load what the steps read; steps of one instance read it together."""
    wanted: dict[int, Wanted] = {}
    for step in steps:
        if not (step.dated or step.reads):
            continue
        other = wanted.get(step.claim.instance_id)
        wanted[step.claim.instance_id] = Wanted(
            step.claim.instance_id,
            step.reads | (other.paths if other else frozenset()),
            dates=step.dated or bool(other and other.dates),
            people=step.node.node_type.outside or bool(other and other.people),
        )
    if not wanted:
        return
    instances = instances_for(wanted.values(), known=known)
    facts = facts_for([Need(instances[key], one.paths) for key, one in wanted.items() if one.paths], now=now)
    for step in steps:
        step.instance = instances.get(step.claim.instance_id)
        if step.instance is None:
            continue
        step.facts = facts.get(step.instance.id, {})
        if step.dated:
            step.calendar = selectors.calendar_of(step.instance.wedding, step.instance.vendor)


def _lock_weddings(steps: Sequence[Step]) -> None:
    """Lock the weddings of steps that will change them: always before their instances."""
    ids = [step.claim.instance_id for step in steps if _touches_wedding(step)]
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT w.id FROM journeys_wedding w WHERE w.id IN (
                       SELECT wedding_id FROM engine_instance WHERE id = ANY(%s)
                   ) ORDER BY w.id FOR NO KEY UPDATE""",
                [ids],
            )


def _touches_wedding(step: Step) -> bool:
    return step.node.node_type.touches_wedding(step.node.settings)


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
        return write([step.result(now=now)], now=now).done
