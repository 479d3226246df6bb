"""Follow one way, or every way, of one couple."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.simulation.calendar import Outlook, Way
from engine.simulation.changing import Library
from engine.simulation.given import Assumptions, aware
from engine.simulation.guide import Guide
from engine.simulation.running import Run, later
from engine.simulation.world import Heard, World


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a simulation of one couple begins."""

    client_id: str
    name: str
    #: Makes the world as it stands at the beginning; each way gets its own.
    world: Callable[[], World]


def look_ahead(beginning: Beginning, assumptions: Assumptions, *, library: Library) -> Outlook:
    """Follow the likely, the chosen, or every way; the first way is the likely one."""
    ways: list[Way] = []
    ahead: list[tuple[str, ...]] = [()]
    most = assumptions.most_ways if assumptions.ways == "every" else 1
    started, zone = None, "UTC"
    while ahead and len(ways) < most:
        prefix = ahead.pop(0)
        world = beginning.world()
        if started is None:
            started, zone = world.now, world.couple.zone
        guide = Guide(assumptions, prefix)
        run = Run(world=world, library=library, assumptions=assumptions, guide=guide)
        _expect_events(run)
        run.to_the_end()
        _warn_of_a_late_start(run)
        ways.append(_way(run))
        ports = [choice.port for choice in guide.taken]
        for number in range(len(prefix), len(ports)):
            ahead += [(*ports[:number], other) for other in guide.others[number]]
    if started is None:
        message = "A simulation needs a beginning."
        raise ValueError(message)
    return Outlook(beginning.client_id, beginning.name, zone, started, tuple(ways), cut_short=bool(ahead))


def _expect_events(run: Run) -> None:
    """Take the assumed events to happen, each at its moment."""
    world = run.world
    for event in run.assumptions.events:
        if event.at is not None:
            at = aware(event.at, world.couple.zone)
        else:
            at = later(event.after or "0d", world.now, calendar=run.calendar())
        run.expect(Heard(event.type, event.topic, event.payload, at))


def _warn_of_a_late_start(run: Run) -> None:
    """Say so where a journey that begins late waits for a person before anything goes out."""
    world = run.world
    main = world.passages[0]
    late_start, begun = main.graph.late_start, main.instance.started_at
    if late_start is None or not late_start.show_plan or main.instance.pk > 0:
        return
    if any(one.due_at is not None and one.due_at < begun for one in world.happenings):
        world.warn("It begins late: nothing goes out before its plan is confirmed.")


def _way(run: Run) -> Way:
    world = run.world
    main = world.passages[0]
    return Way(
        choices=tuple(run.guide.taken),
        happenings=tuple(world.happenings),
        stands=run.stands(),
        result=main.result,
        ended_at=main.ended_at,
        warnings=tuple(world.warnings),
        likely=run.guide.likely,
    )
