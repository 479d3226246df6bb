"""End tokens and whole passages that did not come to their end by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog

from channels.services import sending
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, Schedule
from engine.places import Place
from engine.services import interventions, sub_journeys
from engine.services.facts import Need, Wanted, facts_for, instances_for
from engine.services.instances import tell_finished
from engine.services.leaving import write_left
from journeys.language.errors import ExpressionError
from journeys.language.expressions import compile_expression
from journeys.language.graph import Graph

log = structlog.get_logger(__name__)


def take_away(
    schedules: Sequence[Schedule],
    *,
    instance: Instance,
    status: str = NodeExecution.Status.CANCELLED,
    reason: str,
    now: datetime,
) -> None:
    """Remove tokens from where they stand, with a row of history each; the caller holds the instance's lock.

    What their steps have in hand ends with them: open messages are given up, tickets are closed, journeys that they
    wait for are cancelled. A worker that is at it finds its schedule gone and writes nothing.
    """
    if not schedules:
        return
    graph = graph_of(instance.version_id)
    write_left(schedules, instance=instance, status=status, reason=reason, now=now)
    Schedule.objects.filter(id__in=[schedule.id for schedule in schedules]).delete()
    interventions.close_for(schedule_ids=[schedule.id for schedule in schedules], now=now)
    for schedule in schedules:
        if graph.nodes[schedule.node_id].node_type.outside:
            sending.give_up(place=f"{_place(instance, schedule)}:", now=now)
    waiting = [str(_place(instance, schedule)) for schedule in schedules if schedule.waiting]
    if waiting and status == NodeExecution.Status.CANCELLED:
        sub_journeys.end_with_steps(places=waiting, now=now, actor="engine")


def _place(instance: Instance, schedule: Schedule) -> Place:
    return Place(instance.public_id, schedule.node_id, schedule.branch, schedule.visit)


def take_away_rest(*, instance: Instance, reason: str, now: datetime) -> None:
    """Remove every token of an instance that has ended, inside the transaction that ended it."""
    rest = list(Schedule.objects.select_for_update().filter(instance=instance).order_by("id"))
    take_away(rest, instance=instance, reason=reason, now=now)


def end_instance(*, instance: Instance, result: str, reason: str, now: datetime) -> None:
    """End a live instance as completed, with all its tokens; the caller holds its lock. Twice changes nothing."""
    ended = Instance.objects.filter(id=instance.id, status__in=Instance.LIVE).update(
        status=Instance.Status.COMPLETED, result=result[:80], reason=reason[:300], finished_at=now
    )
    if ended:
        take_away_rest(instance=instance, reason=reason, now=now)
        tell_finished([instance.id], now=now)


@lru_cache(maxsize=4096)
def rule_paths(version_id: int) -> frozenset[str]:
    """Name the facts that a version's goals and exit rules read; nothing when it has none."""
    graph = graph_of(version_id)
    return frozenset().union(
        *(compile_expression(rule.condition).paths() for rule in (*graph.goals, *graph.exits))
    )


def rule_that_holds(graph: Graph, facts: Mapping[str, Any], *, now: datetime) -> tuple[str, str] | None:
    """Give the result and the sentence of the first goal or exit rule that holds; None when none does.

    A rule that can not be answered for these facts does not hold: a journey goes on rather than end by accident.
    """
    named = [("goal", rule) for rule in graph.goals] + [("exit", rule) for rule in graph.exits]
    for kind, rule in named:
        try:
            holds = compile_expression(rule.condition).holds(facts, now)
        except ExpressionError:
            log.info("rule_unanswerable", kind=kind, rule=rule.name)
            continue
        if holds:
            words = "The goal is reached" if kind == "goal" else "Ended by the exit rule"
            return f"{kind}:{rule.name}", f"{words}: {rule.name.replace('_', ' ')}."
    return None


def end_where_rules_hold(*, instance_ids: Iterable[int], now: datetime) -> list[int]:
    """End the instances whose goal is reached or whose exit rule holds; the caller holds their locks."""
    versions = dict(
        Instance.objects.filter(id__in=list(instance_ids), status__in=Instance.LIVE).values_list(
            "id", "version_id"
        )
    )
    wanted = {key: paths for key, version in versions.items() if (paths := rule_paths(version))}
    if not wanted:
        return []
    instances = instances_for(Wanted(key, paths, dates=False, people=False) for key, paths in wanted.items())
    facts = facts_for([Need(instances[key], paths) for key, paths in wanted.items()], now=now)
    ended = []
    for key, instance in instances.items():
        found = rule_that_holds(graph_of(instance.version_id), facts[key], now=now)
        if found is not None:
            end_instance(instance=instance, result=found[0], reason=found[1], now=now)
            ended.append(key)
    return ended
