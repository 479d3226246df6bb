"""Whether everything that texts and expressions read is there to be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .definition import Draft, Step
from .errors import ExpressionError, Problem, TextError
from .expressions import compile_expression
from .facts import Declared, Fact, Kind, check_path
from .settings import FactTiming, TriggerSettings
from .signatures import misfit_of
from .texts import compile_text

_KINDS: dict[str, Kind] = {"offset": "text", "time": "time", "text": "text", "number": "number"}


def problems_of(draft: Draft) -> list[Problem]:
    """Return what is wrong with the texts and expressions of all steps."""
    declared = _declared(draft)
    problems: list[Problem] = []
    for step in draft.steps.values():
        if step.node_type is None or step.settings is None:
            continue
        reader = replace(
            declared,
            recipient=step.node_type.outside and step.node_type.speaks,
            link=bool(step.node_type.link),
        )
        for field, source in step.node_type.texts(step.settings):
            problems += _text(step, field, source, reader)
        for field, source in step.node_type.expressions(step.settings):
            problems += _expression(step, field, source, declared)
        for path in step.node_type.reads(step.settings):
            access = check_path(path, declared=declared)
            if access.unknown:
                problems.append(Problem("unknown_variable", f"{step.label}: {access.unknown}", step.id))
        problems += _dates(step, declared)
        trigger = getattr(step.settings, "trigger", None)
        if isinstance(trigger, TriggerSettings) and trigger.where.strip():
            problems += _expression(step, "trigger.where", trigger.where, declared)
    return [*problems, *_rules(draft, declared)]


def _dates(step: Step, declared: Declared) -> Iterator[Problem]:
    """Check where timings read a date in the couple's own data."""
    for field, timing in step.settings or ():
        if not isinstance(timing, FactTiming):
            continue
        access = check_path(timing.path, declared=declared)
        if access.unknown:
            message = f"{step.label}, {field}: {access.unknown}"
            yield Problem("unknown_variable", message, step.id, f"{field}.path")
        elif access.kind not in (None, "date", "text"):
            message = (
                f"{step.label}, {field}: {timing.path} is no date. Name a date or a text that holds one."
            )
            yield Problem("no_date", message, step.id, f"{field}.path")


def _rules(draft: Draft, declared: Declared) -> Iterator[Problem]:
    """Check the conditions of exits and goals."""
    for section, rules in (("exits", draft.passage.exits), ("goals", draft.passage.goals)):
        for rule in rules:
            who = f"The {section[:-1]} {rule.name!r}"
            yield from _condition(rule.condition, declared, who=who, field=f"{section}.{rule.name}.if")


def _declared(draft: Draft) -> Declared:
    """Return what the journey adds to the facts; what is declared as empty may be empty."""
    variables = {
        name: Fact(_KINDS.get(variable.kind, variable.kind), may_be_empty=variable.default == "")  # type: ignore[arg-type]
        for name, variable in draft.variables.items()
    }
    parameters = {
        name: Fact(_KINDS.get(parameter.kind, "boolean"), may_be_empty=parameter.value == "")
        for name, parameter in draft.parameters.items()
    }
    outside = {step.id for step in draft.steps.values() if step.node_type is None or step.node_type.outside}
    return Declared(
        variables=variables,
        parameters=parameters,
        steps=frozenset(draft.steps),
        outside=frozenset(outside),
    )


def _text(step: Step, field: str, source: str, declared: Declared) -> Iterator[Problem]:
    try:
        text = compile_text(source)
    except TextError as error:
        yield Problem("bad_text", f"{step.label}, {field}: {error}", step.id, field, error.position)
        return
    for read in text.reads:
        access = check_path(read.path, declared=declared)
        if access.unknown:
            message = f"{step.label}, {field}: {access.unknown}"
            yield Problem("unknown_variable", message, step.id, field, read.position)
        elif access.kind == "map" and not read.guarded:
            message = f"{step.label}, {field}: {read.name} is a group. Name one of its fields."
            yield Problem("unknown_variable", message, step.id, field, read.position)
        elif access.may_be_empty and not read.guarded:
            message = (
                f"{step.label}, {field}: {read.name} may be empty. "
                f'Write {{{{ {read.name} | default: "…" }}}} with words to use instead.'
            )
            yield Problem("may_be_empty", message, step.id, field, read.position)


def _expression(step: Step, field: str, source: str, declared: Declared) -> Iterator[Problem]:
    yield from _condition(source, declared, who=f"{step.label}, {field}", field=field, node=step.id)


def _condition(
    source: str, declared: Declared, *, who: str, field: str, node: str | None = None
) -> Iterator[Problem]:
    try:
        expression = compile_expression(source)
    except ExpressionError as error:
        yield Problem("bad_expression", f"{who}: {error}", node, field, error.position)
        return
    for read in expression.reads:
        access = check_path(read.path, declared=declared)
        if access.unknown:
            yield Problem("unknown_variable", f"{who}: {access.unknown}", node, field, read.position)
    for call in expression.calls:
        for index, given in enumerate(call.given):
            kind = check_path(given.path, declared=declared).kind if given.path else None
            misfit = misfit_of(call, index, kind)
            if misfit:
                yield Problem("bad_expression", f"{who}: {misfit}", node, field, given.position)
