"""Carry out the steps that a bell names: lease, decide, commit, ring on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError

from channels.services import sending
from channels.services.sending import StaleFence
from engine.bells import ring_on_commit
from engine.graphs import leads_to_dates, paths_read_by
from engine.models import Instance, NodeExecution, Schedule
from engine.places import Place
from engine.services import changes, failures, interventions
from engine.services.claims import MAX_CLAIMS, LeaseLost, claim, lock_instances
from engine.services.commits import Claim, Result, commit
from engine.services.delivering import Delivery
from engine.services.facts import Need, Wanted, facts_for, instances_for
from engine.services.instances import tell_finished
from engine.services.steps import Step
from journeys import selectors
from journeys.language.calendar import Verdict, due_from_meant, lateness
from journeys.language.errors import ErrorClass, LanguageError, TextError
from journeys.language.expressions import compile_expression
from journeys.language.outcomes import Advance, Deliver, Fail, Finish, StepContext, WaitUntil
from journeys.language.settings import LateRule
from journeys.language.texts import render
from journeys.models import Client

log = structlog.get_logger(__name__)

#: A rule that no wait is too long for: it only tells whether a date has passed.
FOR_EVER = LateRule(rule="within", hours=24 * 366 * 10)


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
            failures.park(step, Fail(ErrorClass.PERMANENT, "poison", message), now=now)
            return _write([step.result(now=now)], now=now)
    try:
        with transaction.atomic():
            step = prepare([held], now=now)[0]
            outcome = decide(step, now=now)
            if not isinstance(outcome, Deliver):
                return _write([settle(step, outcome, now=now).result(now=now)], now=now)
            delivery = Delivery.begin(step, outcome, now=now)
            if delivery is None:
                return _write([step.result(now=now)], now=now)
        delivery.carry_out(now=now)
        with transaction.atomic():
            lock_instances([held.instance_id])
            delivery.close(now=now)
            return _write([step.result(now=now)], now=now)
    except (LeaseLost, StaleFence):
        log.info("lease_lost", schedule=held.schedule_id, fence=held.fence)
        return 0
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 a fault of ours is a result too, with a person to look at it
        return _commit_broken(held, error, now=now)


def _decide_and_commit(claims: Sequence[Claim], *, now: datetime) -> int:
    steps = prepare(claims, now=now)
    results = [settle(step, decide(step, now=now), now=now).result(now=now) for step in steps]
    return _write(results, now=now)


def prepare(claims: Sequence[Claim], *, now: datetime) -> list[Step]:
    """Gather what the steps of one batch need, inside the caller's transaction.

    The instances are locked first, before their dates are read: a wedding that moves at the same moment either sees
    the new places or is seen by them. Everything locks in one order: instance, schedule, ticket, message.
    """
    steps = [Step.of(held) for held in claims]
    dated = [step for step in steps if _is_dated(step)]
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


def _paths(step: Step) -> frozenset[str]:
    """Name what the step reads; what goes out also shows the vendor and the couple in its frame."""
    paths = paths_read_by(step.claim.version_id, step.claim.node_id)
    return paths | {"recipient.name", "vendor.name"} if step.node.node_type.outside else paths


def _is_dated(step: Step) -> bool:
    """Tell whether the step, its place behind it, or its sending hours need the couple's calendar."""
    held = step.claim
    return bool(held.meant or step.node.node_type.outside or leads_to_dates(held.version_id, held.node_id))


def decide(step: Step, *, now: datetime) -> Advance | Deliver | WaitUntil | Fail | Finish | None:
    """Ask the step what should happen; None when lateness has decided it."""
    if _late(step, now=now):
        return None
    context = StepContext(
        node_id=step.claim.node_id,
        settings=step.node.settings,
        facts=step.facts,
        now=now,
        attempt=step.claim.attempt,
        visit=step.claim.visit,
        rounds=0,
        waiting=None,
        evaluate=lambda source: compile_expression(source).evaluate(step.facts, now),
        render=lambda source: render(source, step.facts),
    )
    try:
        return step.node.node_type.execute(context)
    except TextError as error:
        return Fail(ErrorClass.USER, "text_incomplete", str(error))
    except LanguageError as error:
        return Fail(ErrorClass.PERMANENT, "definition", str(error))


def _late(step: Step, *, now: datetime) -> bool:
    """Judge lateness in this one place: a step too late for its rule is skipped, or a person is asked."""
    meant = step.claim.meant
    if not meant:
        return False
    instant = due_from_meant(meant, calendar=step.calendar).instant
    if instant is None:
        failures.park(
            step,
            Fail(
                ErrorClass.USER,
                "date_missing",
                "The date this step hangs on is gone: set it, or skip the step.",
            ),
            now=now,
        )
        return True
    verdict = _verdict(step, instant=instant, now=now)
    if verdict == "skip":
        step.skip(f"Skipped: its time was {_ago(now, instant)} ago.", now=now)
        return True
    if verdict == "ask" and step.claim.attempt == 1:
        failures.park(
            step,
            Fail(
                ErrorClass.USER,
                "late_ask",
                f"Its time was {_ago(now, instant)} ago. Retry to do it now, or skip it.",
            ),
            now=now,
        )
        return True
    return False


def _verdict(step: Step, *, instant: datetime, now: datetime) -> Verdict:
    """Judge from when the step was to be carried out, which sending hours or a retry may have put off since.

    What was meant for before a date is not done after it, however long it was put off.
    """
    held, late = step.claim, step.node.settings.late
    if held.due_at > instant:
        passed = lateness(FOR_EVER, held.meant, instant=instant, now=now, calendar=step.calendar)
        if passed == "skip" and (late is None or late.rule != "send"):
            return passed
    return lateness(late, held.meant, instant=max(held.due_at, instant), now=now, calendar=step.calendar)


def _ago(now: datetime, instant: datetime) -> str:
    hours = int((now - instant).total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 two days


def settle(
    step: Step, outcome: Advance | Deliver | WaitUntil | Fail | Finish | None, *, now: datetime
) -> Step:
    """Turn an outcome that touches nothing outside into what is to be written."""
    if outcome is None:
        return step
    if isinstance(outcome, Fail):
        return failures.resolve(step, outcome, now=now)
    if isinstance(outcome, WaitUntil):
        return step.hold(until=outcome.instant, reason=outcome.reason)
    if isinstance(outcome, Deliver):
        message = f"{step.node.type} asks for a delivery but is not declared as reaching outside."
        raise TypeError(message)
    if isinstance(outcome, Advance):
        step.changes = outcome.changes
    try:
        return step.follow(outcome, now=now)
    except LanguageError as error:
        step.changes = ()
        return failures.park(step, Fail(ErrorClass.PERMANENT, "no_way_on", str(error)), now=now)


def _write(results: Sequence[Result], *, now: datetime) -> int:
    """Commit results with their changes and tickets, inside the caller's transaction; ring on commit."""
    committed = commit(results, now=now, bell_lease=settings.QUEUE_BELL_LEASE_SECONDS)
    won = [result for result in results if result.claim.schedule_id in committed.won]
    if len(won) < len(results):
        log.info("stale_results", left_out=len(results) - len(won))
    _apply([result for result in won if result.changes], now=now)
    for result in won:
        if result.ticket:
            interventions.ticket_open(claim=result.claim, draft=result.ticket, now=now)
        if result.error_class:
            log_failure(result, now=now)
        if result.stay is None and result.status != NodeExecution.Status.SUCCEEDED:
            _give_up_messages(result, now=now)
    tell_finished(committed.finished, now=now)
    ring_on_commit(committed.places)
    return len(won)


def _give_up_messages(result: Result, *, now: datetime) -> None:
    """End what is open of the messages of a place that was left without having been done."""
    held = result.claim
    if not Step.of(held).node.node_type.outside:
        return
    instance_ref = Instance.objects.values_list("public_id", flat=True).get(id=held.instance_id)
    place = Place(instance_ref, held.node_id, held.branch, held.visit)
    sending.give_up(place=f"{place}:", now=now)


def _apply(results: Sequence[Result], *, now: datetime) -> None:
    """Carry out the changes that steps asked for, in their order."""
    if not results:
        return
    instances = Instance.objects.only("public_id", "client").in_bulk(
        [one.claim.instance_id for one in results]
    )
    clients = Client.objects.select_related("vendor").in_bulk([one.client_id for one in instances.values()])
    for result in results:
        held, instance = result.claim, instances[result.claim.instance_id]
        place = Place(instance.public_id, held.node_id, held.branch, held.visit)
        for number, change in enumerate(result.changes):
            changes.apply(
                change,
                client=clients[instance.client_id],
                source=f"{place}:{number}",
                actor=f"instance:{instance.public_id}",
                now=now,
            )


def log_failure(result: Result, *, now: datetime) -> None:
    """Write the error log's row of a failed result."""
    interventions.error_note(
        vendor_id=result.claim.vendor_id,
        instance_id=result.claim.instance_id,
        node_id=result.claim.node_id,
        error_class=result.error_class,
        code=result.error_code,
        message=result.reason,
        now=now,
    )


def _commit_broken(held: Claim, error: Exception, *, now: datetime) -> int:
    """Write an unexpected exception as a failure: tried again a bounded number of times, then a ticket."""
    log.error(
        "step_broke",
        schedule=held.schedule_id,
        node=held.node_id,
        error=type(error).__name__,
        exc_info=error,
    )
    message = f"An error in the system itself ({type(error).__name__}). The step is tried again."
    with transaction.atomic():
        step = prepare([held], now=now)[0]
        failures.resolve(step, Fail(ErrorClass.TRANSIENT, type(error).__name__, message), now=now)
        return _write([step.result(now=now)], now=now)


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
    )
    step = prepare([held], now=now)[0]
    step.skip(reason, now=now)
    _write([step.result(now=now)], now=now)
