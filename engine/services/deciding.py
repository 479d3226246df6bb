"""Ask a claimed step what should happen, and turn its answer into what is to be written; nothing is touched here.

The same functions decide when the engine runs a step and when it is simulated.
"""

from __future__ import annotations

from datetime import datetime

from engine.services import ending, failures
from engine.services.steps import Step
from journeys.language.calendar import due_from_meant, judged
from journeys.language.errors import ErrorClass, LanguageError, TextError
from journeys.language.expressions import compile_expression
from journeys.language.outcomes import (
    Advance,
    CallWebhook,
    Deliver,
    Fail,
    Outcome,
    StepContext,
    WaitFor,
    WaitUntil,
)
from journeys.language.texts import render

#: Steps before which no rule is asked: nothing has happened yet, or all is over anyway.
ENDS = frozenset({"start", "end"})


def decide(step: Step, *, now: datetime) -> Outcome | None:
    """Ask the step what should happen; None when a rule of the journey or lateness has decided it."""
    if _ruled_out(step, now=now) or _late(step, now=now):
        return None
    context = StepContext(
        node_id=step.claim.node_id,
        settings=step.node.settings,
        facts=step.facts,
        now=now,
        attempt=step.claim.attempt,
        branch=step.claim.branch,
        visit=step.claim.visit,
        rounds=(step.claim.rounds or {}).get(step.claim.node_id, 0),
        waiting=step.waiting(now=now),
        reached=step.claim.ready_at,
        evaluate=lambda source: compile_expression(source).evaluate(step.facts, now),
        render=lambda source: render(source, step.facts),
    )
    try:
        return step.node.node_type.execute(context)
    except TextError as error:
        return Fail(ErrorClass.USER, "text_incomplete", str(error))
    except LanguageError as error:
        return Fail(ErrorClass.PERMANENT, "definition", str(error))


def _ruled_out(step: Step, *, now: datetime) -> bool:
    """End the passage where a goal is reached or an exit rule holds, before the step does anything."""
    if step.node.type in ENDS or not (step.graph.goals or step.graph.exits):
        return False
    found = ending.rule_that_holds(step.graph, step.facts, now=now)
    if found is None:
        return False
    step.end_all(result=found[0], reason=found[1])
    return True


def _late(step: Step, *, now: datetime) -> bool:
    """Judge lateness in this one place: a step too late for its rule is skipped, or a person is asked.

    A step that waits for something to happen has begun; what it sends in the end is judged once more then.
    """
    meant = step.claim.meant
    if not meant or (step.claim.waiting and not step.node.node_type.outside):
        return False
    instant = due_from_meant(meant, calendar=step.calendar).instant
    if instant is None:
        message = "The date this step hangs on is gone: set it, or skip the step."
        failures.park(step, Fail(ErrorClass.USER, "date_missing", message), now=now)
        return True
    if instant > now:
        # The date has moved ahead again since the step was rung for or began to wait.
        step.hold(until=instant, reason="")
        return True
    return not step.claim.waiting and _too_late(step, instant=instant, now=now)


def _too_late(step: Step, *, instant: datetime, now: datetime) -> bool:
    decisions = (step.instance.decisions if step.instance else None) or {}
    verdict = judged(
        step.node.settings.late,
        step.claim.meant,
        instant=instant,
        due_at=step.claim.due_at,
        now=now,
        calendar=step.calendar,
        decided=decisions.get(step.claim.node_id),
    )
    step.late = verdict == "late_send"
    if verdict == "skip":
        step.skip(f"Skipped: its time was {_ago(now, instant)} ago.", now=now)
        return True
    if verdict == "ask" and step.claim.attempt == 1:
        message = f"Its time was {_ago(now, instant)} ago. Retry to do it now, or skip it."
        failures.park(step, Fail(ErrorClass.USER, "late_ask", message), now=now)
        return True
    return False


def _ago(now: datetime, instant: datetime) -> str:
    hours = int((now - instant).total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 two days


def settle(step: Step, outcome: Outcome | None, *, now: datetime) -> Step:
    """Turn an outcome that touches nothing outside into what is to be written."""
    if outcome is None:
        return step
    if isinstance(outcome, Fail):
        return failures.resolve(step, outcome, now=now)
    if isinstance(outcome, WaitUntil):
        return step.hold(until=outcome.instant, reason=outcome.reason)
    if isinstance(outcome, WaitFor):
        return step.wait(outcome, now=now)
    if isinstance(outcome, Deliver | CallWebhook):
        message = f"{step.node.type} asks for an effect but is not declared as reaching outside."
        raise TypeError(message)
    if isinstance(outcome, Advance):
        step.changes = outcome.changes
    try:
        return step.follow(outcome, now=now)
    except LanguageError as error:
        step.changes = ()
        return failures.park(step, Fail(ErrorClass.PERMANENT, "no_way_on", str(error)), now=now)
