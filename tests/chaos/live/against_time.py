"""Clocks that are off, and beats: none, several, late ones."""

from __future__ import annotations

import signal
import time
from datetime import timedelta

from tests.chaos.live import load
from tests.chaos.live.faulting import Chaos, fault

#: Longest silence of the dispatcher while clocks are off, in seconds.
MOST_SILENCE = 5.0
#: Time for a process to start in, on a machine that does a lot else, in seconds.
START_SECONDS = 120.0
#: Long enough for workers to see that the ticks are silent and to stand in for them, in seconds.
UNTIL_STOOD_IN = 17.0


def _with_clocks_off(chaos: Chaos, **shifts: float) -> None:
    """Set clocks off while their processes run, have these start with clocks that are off, set them right."""
    told = ", ".join(f"{name} {seconds:+.0f} s" for name, seconds in shifts.items())
    try:
        for name, seconds in shifts.items():
            chaos.stack.set_clock(name, seconds)
        chaos.hold(MOST_SILENCE + 2)
        _look_whether_ticks_go_on(chaos, f"{told}, set while they ran", within=0.5)
        for name in shifts:
            chaos.stack.processes[name].kill()
        chaos.stack.ask(_NOBODY_TICKED)
        _look_whether_ticks_go_on(chaos, f"{told}, started so", within=START_SECONDS)
    finally:
        for name in shifts:
            chaos.stack.set_clock(name, 0)
    chaos.hold(2)


_NOBODY_TICKED = (
    "UPDATE engine_heartbeat SET beat_at = clock_timestamp() - interval '9 seconds' WHERE name = 'beat'"
)
_SILENT_FOR = (
    "SELECT EXTRACT(EPOCH FROM clock_timestamp() - beat_at) FROM engine_heartbeat WHERE name = 'beat'"
)


def _look_whether_ticks_go_on(chaos: Chaos, shifts: str, *, within: float) -> None:
    """Write down when nobody carries out the dispatcher's ticks although everything runs."""
    deadline = time.monotonic() + within
    while True:
        silence = float(chaos.stack.ask(_SILENT_FOR)[0][0])
        if silence < MOST_SILENCE:
            return
        if time.monotonic() > deadline:
            chaos.stack.note("stalls.jsonl", fault=f"clocks off ({shifts})", seconds=round(silence, 1))
            return
        chaos.hold(0.3)


@fault()
def clocks_of_workers_off(chaos: Chaos) -> None:
    """Set one worker's clock five minutes ahead, the other's a day back, and the one of the ticks a day back."""
    _with_clocks_off(chaos, one=300, two=-86_400, ticks=-86_400)


@fault()
def clocks_of_beat_and_ticks_off(chaos: Chaos) -> None:
    """Set the beat's clock five minutes back, behind what it has written down, and the one of the ticks 5 s ahead."""
    _with_clocks_off(chaos, beat=-300, ticks=5)


@fault()
def three_beats(chaos: Chaos) -> None:
    """Let two more beats run beside the first."""
    first = chaos.stack.processes["beat"]
    for name in ("second beat", "third beat"):
        chaos.stack.beat(name, **first.env).start()
    chaos.hold(6)
    for name in ("second beat", "third beat"):
        chaos.stack.processes.pop(name).kill()


@fault()
def no_beat(chaos: Chaos) -> None:
    """Let no beat run until workers stand in for it."""
    beat = chaos.stack.processes["beat"]
    beat.away = True
    beat.kill()
    chaos.hold(UNTIL_STOOD_IN)
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
