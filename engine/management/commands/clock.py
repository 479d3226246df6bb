"""Move the engine's time forward, step by step, with everything in between carried out on its day."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Min

from engine.models import MeetingNotice, Schedule
from engine.services import dates, dispatch, notices, waking
from engine.services.control import queue_status
from journeys import clock, partitions
from journeys.language.errors import OffsetError
from journeys.language.offsets import Offset

#: No hop is longer, so that date triggers fire on their day.
LONGEST_HOP = timedelta(hours=6)
#: Steps due within this span are reached in one hop.
GATHER = timedelta(minutes=10)
#: Real seconds to wait for the workers after a hop.
PATIENCE = 60.0
LOOK_EVERY = 0.02


class Command(BaseCommand):
    help = "Show the engine's time, or move it forward (only where CLOCK_MOVABLE is on)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("show", help="Print the engine's time.")
        advance = verbs.add_parser("advance", help="Move it forward, for example by 30d or 2w.")
        advance.add_argument("by", help="How far: 90min, 12h, 30d, 2w, 6mo.")
        advance.add_argument(
            "--jump", action="store_true", help="In one hop, without waiting for the workers."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["verb"] == "show":
            self.stdout.write(f"{clock.now():%a %d %b %Y, %H:%M} UTC")
            return
        try:
            target = _target(clock.now(), options["by"])
            if options["jump"]:
                clock.advance(by=target - clock.now())
            else:
                self._walk(target)
        except (clock.ClockFixed, ValueError, OffsetError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"It is now {clock.now():%a %d %b %Y, %H:%M} UTC.")

    def _walk(self, target: datetime) -> None:
        month = None
        while (now := clock.now()) < target:
            if month != now.month:
                month = now.month
                partitions.ensure(now=now)
            clock.advance(by=_next_stop(now, target) - now)
            now = clock.now()
            dates.follow_dates(now=now)
            _settle(now)


def _target(now: datetime, by: str) -> datetime:
    offset = Offset.parse(by)
    if offset.shortest <= timedelta():
        message = "The clock only moves forward: give a positive length such as 30d."
        raise ValueError(message)
    return now + offset.total


def _next_stop(now: datetime, target: datetime) -> datetime:
    due = Schedule.objects.filter(
        state=Schedule.State.WAITING, due_at__gt=now, instance__status="active"
    ).aggregate(first=Min("due_at"))["first"]
    letter = MeetingNotice.objects.filter(state=MeetingNotice.State.WAITING, due_at__gt=now).aggregate(
        first=Min("due_at")
    )["first"]
    nearest = min(target, now + LONGEST_HOP)
    stops: list[datetime] = [stop + GATHER for stop in (due, letter) if stop is not None]
    return max(min([nearest, *stops]), now + timedelta(seconds=1))


def _settle(now: datetime) -> None:
    """Wait until nothing is due, rung for or running."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        waking.process(now=now)
        dispatch.dispatch(now=now)
        notices.dispatch(now=now)
        status = queue_status(now=now)
        steps = any(queue["due"] + queue["queued"] + queue["running"] for queue in status["queues"])
        if not steps and not notices.open_at(now):
            return
        time.sleep(LOOK_EVERY)
    message = f"The workers did not carry out everything within {PATIENCE:.0f} s: are they running?"
    raise CommandError(message)
