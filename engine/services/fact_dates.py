"""Let steps that hang on a date in the couple's own data follow that date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.models import Instance, Schedule
from engine.services.facts import Need, Wanted, facts_for, instances_for
from engine.services.following import Followed, follow
from engine.services.instances import wedding_start
from journeys import selectors

FACT = "fact"


def follow_facts(*, instance_ids: Sequence[int], now: datetime) -> list[Followed]:
    """Read the dates that these instances' steps hang on again, and compute the steps anew.

    Inside the caller's transaction, who holds the instances' locks. A date that is there now takes its step out of
    parking; one that is gone, or can not be read, parks it. A second call changes nothing more.
    """
    paths: dict[int, set[str]] = {}
    rows = Schedule.objects.filter(instance_id__in=list(instance_ids), meant__kind=FACT)
    for instance_id, path in rows.values_list("instance_id", "meant__path"):
        paths.setdefault(instance_id, set()).add(path)
    if not paths:
        return []
    wanted = {key: frozenset(found) for key, found in paths.items()}
    instances = instances_for(Wanted(key, read, dates=True, people=False) for key, read in wanted.items())
    facts = facts_for([Need(instances[key], read) for key, read in wanted.items()], now=now)
    followed: list[Followed] = []
    for key in sorted(instances):
        instance = instances[key]
        if instance.status not in Instance.LIVE:
            continue
        calendar = selectors.calendar_of(instance.wedding, instance.vendor)
        followed += follow(
            instances=[instance],
            calendar=replace(calendar, facts=facts[key]),
            stood=None,
            wedding_at=wedding_start(instance.wedding),
            now=now,
            only=_hangs_on_a_fact,
        )
    return followed


def _hangs_on_a_fact(schedule: Schedule) -> bool:
    return bool(schedule.meant) and (schedule.meant or {}).get("kind") == FACT
