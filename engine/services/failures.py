"""Decide what follows a failure: another attempt, another port, or a person."""

from __future__ import annotations

import random
from datetime import datetime

from django.conf import settings

from engine.models import InterventionTicket, NodeExecution
from engine.services.results import Claim, Stay, TicketDraft
from engine.services.steps import Step
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import Fail
from journeys.language.retries import RetryPolicy

Level = InterventionTicket.Level
Status = NodeExecution.Status

DAY_SECONDS = 86_400


def retry_policy() -> RetryPolicy:
    """Give the policy that QUEUE_MAX_RETRIES asks for; retries come on top of the first attempt."""
    return RetryPolicy(max_attempts=settings.QUEUE_MAX_RETRIES + 1)


def policy_of(step: Step) -> RetryPolicy:
    """Give the retry policy of the step's module, or the system's where the module has none of its own."""
    module = step.module or step.node.node_type.module
    return module.retries if module and module.retries else retry_policy()


def seconds_to_wedding(claim: Claim, *, now: datetime) -> float | None:
    """Give the distance to the start of the wedding day in seconds, negative after it."""
    return (claim.wedding_at - now).total_seconds() if claim.wedding_at else None


def level_for(claim: Claim, error_class: ErrorClass, *, now: datetime) -> Level:
    """Choose who looks at it: the day itself is an emergency, our own faults are engineering's."""
    distance = seconds_to_wedding(claim, now=now)
    if distance is not None and -DAY_SECONDS <= distance <= DAY_SECONDS:
        return Level.EMERGENCY
    return Level.SUPPORT if error_class is ErrorClass.USER else Level.ENGINEERING


def resolve(step: Step, failure: Fail, *, now: datetime) -> Step:
    """Turn a failure into what happens next (mission E10)."""
    claim = step.claim
    step.error_class, step.error_code = failure.error_class.value, failure.code
    step.reason = failure.message
    policy = policy_of(step)
    if failure.error_class is ErrorClass.TRANSIENT and policy.allows(claim.attempt):
        delay = policy.delay(
            claim.attempt,
            seconds_to_wedding=seconds_to_wedding(claim, now=now),
            random=random.random,
        )
        step.status = Status.RETRYING
        step.stay = Stay(due_at=now + delay, reason=failure.message, attempt=claim.attempt)
        return step
    if failure.error_class is ErrorClass.USER:
        if step.graph.successor(claim.node_id, "error") is not None:
            return step.leave(port="error", status=Status.FAILED, now=now)
        if step.node.settings.on_error == "skip":
            return step.skip(failure.message, now=now)
    return park(step, failure, now=now)


def park(step: Step, failure: Fail, *, now: datetime) -> Step:
    """Hold the place for a person and open a ticket."""
    claim = step.claim
    step.status = Status.FAILED
    step.error_class, step.error_code = failure.error_class.value, failure.code
    step.reason = failure.message
    step.stay = Stay(due_at=None, reason=failure.message, attempt=claim.attempt)
    step.ticket = TicketDraft(
        level=level_for(claim, failure.error_class, now=now).value,
        code=failure.code,
        error_class=failure.error_class.value,
        summary=failure.message,
    )
    return step
