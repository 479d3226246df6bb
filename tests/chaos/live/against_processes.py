"""Processes that die, are stopped, are told to end, or meet a step that kills them."""

from __future__ import annotations

import contextlib
import signal
import time

import psutil

from tests.chaos.live.checker import MOST_CLAIMS
from tests.chaos.live.faulting import PAST_THE_LEASE, Chaos, fault
from tests.chaos.live.stack import SOLO, WORKERS, wait_for

#: How long a provider holds a call, so that its caller is found: less than the stack's time for a provider.
HELD_SECONDS = 1.7


@fault(quick=True)
def worker_killed(chaos: Chaos) -> None:
    """Kill a worker with all its children at once."""
    chaos.stack.processes[chaos.rng.choice(WORKERS)].kill()
    chaos.hold(2)


@fault()
def solo_worker_killed(chaos: Chaos) -> None:
    """Kill the worker that carries instant steps out by itself, three times."""
    for _ in range(3):
        chaos.stack.processes[SOLO].kill()
        chaos.hold(2)


@fault()
def worker_main_killed(chaos: Chaos) -> None:
    """Kill the main process of a worker; its children see that for themselves."""
    chaos.stack.processes[chaos.rng.choice(WORKERS)].kill(whole=False)
    time.sleep(1.5)
    chaos.hold(2)


@fault()
def children_killed(chaos: Chaos) -> None:
    """Kill children of workers, one after the other."""
    killed = 0
    for _ in range(6):
        young = chaos.stack.processes[chaos.rng.choice(WORKERS)].offspring()
        if young:
            with contextlib.suppress(psutil.NoSuchProcess):
                chaos.rng.choice(young).kill()
                chaos.stack.other_blows += 1
                killed += 1
        chaos.hold(0.8)
    chaos.hit("children killed", killed, "killed")


@fault()
def ticks_killed(chaos: Chaos) -> None:
    """Kill the worker of the ticks."""
    chaos.stack.processes["ticks"].kill()
    chaos.hold(2)


@fault()
def beat_killed(chaos: Chaos) -> None:
    """Kill the beat twice."""
    for _ in range(2):
        chaos.stack.processes["beat"].kill()
        chaos.hold(3)


@fault()
def web_killed(chaos: Chaos) -> None:
    """Kill the web process while it takes events and call-backs in."""
    for _ in range(3):
        chaos.stack.processes["web"].kill()
        chaos.hold(2.5)


@fault()
def zombie(chaos: Chaos) -> None:
    """Stop a worker past its lease, in the middle of a call to a provider, and let it wake up."""
    slow = {"slow": 1.0}
    chaos.stack.control(
        provider="mix", fault="set", sendgrid=slow, twilio=slow, details={"seconds": HELD_SECONDS}
    )
    try:
        caller, parent = wait_for(
            lambda: _stopped_in_mid_call(chaos), seconds=60, what="a worker was stopped in a call", every=0.02
        )
    finally:
        chaos.stack.control()
    chaos.hold(PAST_THE_LEASE)
    before = chaos.stack.turned_away()
    # It finds the answer to its call, and writes down what came of it, before its parent looks how long it took.
    caller.resume()
    try:
        wait_for(
            lambda: chaos.stack.turned_away() > before,
            seconds=10,
            what="what the zombie brought was turned away",
        )
    finally:
        parent.resume()
    chaos.remark(
        "zombie", f"process {caller.pid} stopped while it called a provider; its result was turned away"
    )


def _stopped_in_mid_call(chaos: Chaos) -> tuple[psutil.Process, psutil.Process] | None:
    """Stop a process whose call a provider holds, and its parent, which would kill it for the time it takes."""
    for caller in chaos.stack.callers_held():
        pair = (caller, caller.parent())
        for one in pair:
            one.suspend()
        if caller in chaos.stack.callers_held():
            chaos.stack.other_blows += 1
            return pair
        for one in pair:
            one.resume()
    return None


@fault()
def beat_and_ticks_stopped(chaos: Chaos) -> None:
    """Stop beat and ticks for a while and let them go on."""
    for name in ("beat", "ticks"):
        chaos.stack.processes[name].send(signal.SIGSTOP)
    time.sleep(PAST_THE_LEASE)
    for name in ("beat", "ticks"):
        chaos.stack.processes[name].send(signal.SIGCONT)


def _storm(chaos: Chaos, number: signal.Signals) -> None:
    for _ in range(3):
        for name in (*WORKERS, SOLO, "ticks", "beat"):
            chaos.stack.processes[name].send(number, whole=False)
        chaos.hold(3)


@fault()
def sigterm_storm(chaos: Chaos) -> None:
    """Ask everybody to stop, three times, before they have come up again."""
    _storm(chaos, signal.SIGTERM)


@fault()
def sigquit_storm(chaos: Chaos) -> None:
    """Tell everybody to quit at once, three times."""
    _storm(chaos, signal.SIGQUIT)


@fault(measured=False)
def poison_step(chaos: Chaos) -> None:
    """Start a step that kills whoever carries it out, among others that do not."""
    chaos.stack.other_blows += MOST_CLAIMS
    for topic in ("neighbor",) * 6 + ("poison",) + ("neighbor",) * 6:
        chaos.load.event(topic)
    chaos.hold(3)
