"""Clocks that are off, and beats: none, several, late ones."""

from __future__ import annotations

import signal
from datetime import timedelta

from tests.chaos.live import load
from tests.chaos.live.faulting import Chaos, fault
from tests.chaos.live.stack import NeverCame, wait_for

#: Longest silence of the dispatcher while one clock is off.
MOST_SILENCE = 10.0


def _with_shift(chaos: Chaos, *shifts: tuple[str, float]) -> None:
    touched = [chaos.stack.processes[name] for name, _ in shifts]
    for (_, seconds), one in zip(shifts, touched, strict=True):
        one.env["CHAOS_CLOCK_SHIFT"] = str(seconds)
        one.kill()
        one.start()
    try:
        for one in touched:
            wait_for(
                lambda one=one: one.speaks_to(chaos.stack.to_postgres.port),
                seconds=90,
                what=f"{one.name} is up",
            )
        chaos.hold(20)
        _look_whether_timers_go_on(chaos, ", ".join(f"{name} {seconds:+.0f} s" for name, seconds in shifts))
    finally:
        for one in touched:
            one.env.pop("CHAOS_CLOCK_SHIFT")
            one.kill()
            one.start()
    chaos.stack.wait_until_ready()


def _look_whether_timers_go_on(chaos: Chaos, shifts: str) -> None:
    """Write down when the dispatcher has not looked for too long although everything runs."""
    age = (
        """SELECT EXTRACT(EPOCH FROM clock_timestamp() - beat_at) FROM engine_heartbeat WHERE name = 'beat'"""
    )
    try:
        wait_for(
            lambda: float(chaos.stack.ask(age)[0][0]) < MOST_SILENCE,
            seconds=10,
            what="the dispatcher looked",
            every=0.3,
        )
    except NeverCame:
        silence = float(chaos.stack.ask(age)[0][0])
        chaos.stack.note("stalls.jsonl", fault=f"clocks off ({shifts})", seconds=round(silence, 1))


@fault()
def clocks_of_workers_off(chaos: Chaos) -> None:
    """Set one worker's clock five minutes ahead and the other's a day back."""
    _with_shift(chaos, ("one", 300.0), ("two", -86_400.0))


@fault()
def clock_of_ticks_ahead(chaos: Chaos) -> None:
    """Set the clock of the ticks' worker five seconds ahead."""
    _with_shift(chaos, ("ticks", 5.0))


@fault()
def clock_of_ticks_a_day_back(chaos: Chaos) -> None:
    """Set the clock of the ticks' worker a day back."""
    _with_shift(chaos, ("ticks", -86_400.0))


@fault()
def clock_of_beat_off(chaos: Chaos) -> None:
    """Set the beat's clock five minutes back, behind what it has written down itself."""
    _with_shift(chaos, ("beat", -300.0))


@fault()
def three_beats(chaos: Chaos) -> None:
    """Let two more beats run beside the first."""
    first = chaos.stack.processes["beat"]
    for name in ("second beat", "third beat"):
        chaos.stack.beat(name, **first.env).start()
    chaos.hold(12)
    for name in ("second beat", "third beat"):
        chaos.stack.processes.pop(name).kill()


@fault()
def no_beat(chaos: Chaos) -> None:
    """Let no beat run for a while."""
    beat = chaos.stack.processes["beat"]
    beat.away = True
    beat.kill()
    chaos.hold(10)
    beat.start()


@fault(measured=False)
def beat_away_for_two_hours(chaos: Chaos) -> None:
    """Stop the beat while two hours of the engine's time go by."""
    beat = chaos.stack.processes["beat"]
    beat.send(signal.SIGSTOP)
    chaos.hold(3)
    load.advance(chaos.stack, timedelta(hours=2))
    chaos.hold(3)
    beat.send(signal.SIGCONT)
    chaos.hold(3)
