"""What date a step hangs on, and whether what is held back may wait or would come behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from .gates import span_of
from .graph import Graph
from .settings import AnchorTiming, LateRule
from .timing import Calendar, due_of
from .zones import local_time

Side = Literal["wait", "skip", "ask"]

#: Types that a token passes in no time, so that what stands behind them hangs on the same date.
PASSED_AT_ONCE = frozenset({"condition", "split", "action", "email", "sms", "info"})


@dataclass(frozen=True, slots=True)
class Hanging:
    """Be what a step hangs on as the journey says it, with the rule for coming too late."""

    timing: AnchorTiming
    late: LateRule | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Be the date that a step hangs on, and the moment it was meant for."""

    anchor: str
    instant: datetime


def held_by_date(timing: AnchorTiming, *, calendar: Calendar) -> Hold | None:
    """Return what a step with this timing hangs on; None where the date is missing."""
    instant = due_of(timing, calendar=calendar, reached=datetime.min.replace(tzinfo=UTC)).instant
    return None if instant is None else Hold(timing.anchor, instant)


def side(late: LateRule | None, hold: Hold | None, *, opens: datetime, calendar: Calendar) -> Side:
    """Judge whether what is to be held until `opens` may wait, or would come behind the date it hangs on.

    What was meant for before a date must not come after it, and what was meant for the day itself not on a later
    one; unless the step's late rule is "send". The rule "ask" asks a person, all others leave it out.
    """
    limit = limit_of(late, hold, calendar=calendar)
    if limit is None or opens < limit:
        return "wait"
    return "ask" if late is not None and late.rule == "ask" else "skip"


def limit_of(late: LateRule | None, hold: Hold | None, *, calendar: Calendar) -> datetime | None:
    """Return the first instant at which it would be too late; None where there is none."""
    if hold is None or (late is not None and late.rule == "send"):
        return None
    anchor = calendar.anchors.get(hold.anchor)
    if anchor is None:
        return hold.instant.min.replace(tzinfo=UTC)
    on_the_day = local_time(hold.instant, anchor.zone).date() == anchor.day
    if on_the_day:
        return span_of(anchor.day, anchor.zone)[1]
    return anchor.instant if hold.instant < anchor.instant else None


def hanging_of(graph: Graph, node_id: str) -> Hanging | None:
    """Return what a step hangs on: its own date, or that of the wait it directly follows.

    A step without timing hangs on the date of the steps before it, as far as a token passes what lies between in no
    time, and only when all ways to it agree. None for a step that hangs on no date.
    """
    own = graph.nodes[node_id].settings
    if own.when is not None:
        return Hanging(own.when, own.late) if isinstance(own.when, AnchorTiming) else None
    found = _shared(_sources(graph, node_id))
    if found is None or own.late is None:
        return found
    return Hanging(found.timing, own.late)


def _sources(graph: Graph, node_id: str) -> Iterable[Hanging | None]:
    """Give the dated steps that lead here; None for a way that comes from somewhere else."""
    seen, waiting = {node_id}, [node_id]
    while waiting:
        current = waiting.pop()
        before = [edge.source for edge in graph.edges if edge.target == current]
        if not before:
            yield None
        for source in before:
            node = graph.nodes[source]
            if isinstance(node.settings.when, AnchorTiming):
                yield Hanging(node.settings.when, node.settings.late)
            elif node.settings.when is not None or node.type not in PASSED_AT_ONCE:
                yield None
            elif source not in seen:
                seen.add(source)
                waiting.append(source)


def _shared(sources: Iterable[Hanging | None]) -> Hanging | None:
    found = list(sources)
    return found[0] if found and all(one == found[0] for one in found) else None
