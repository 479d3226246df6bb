"""Processes that die, are stopped, are told to end, or meet a step that kills them."""

from __future__ import annotations

import contextlib
import signal
import time

import psutil

from tests.chaos.live.checker import MOST_CLAIMS
from tests.chaos.live.faulting import PAST_THE_LEASE, Chaos, fault
from tests.chaos.live.stack import WORKERS, NeverCame, Process, wait_for


@fault(quick=True)
def worker_killed(chaos: Chaos) -> None:
    """Kill a worker with all its children at once."""
    chaos.stack.processes[chaos.rng.choice(WORKERS)].kill()
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
    for _ in range(6):
        young = chaos.stack.processes[chaos.rng.choice(WORKERS)].offspring()
        if young:
            with contextlib.suppress(psutil.NoSuchProcess):
                chaos.rng.choice(young).kill()
                chaos.stack.other_blows += 1
        chaos.hold(0.8)


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
        chaos.hold(3)


@fault()
def zombie(chaos: Chaos) -> None:
    """Stop a worker past its lease, in the middle of a call when one is caught, and let it wake up."""
    chaos.stack.control(provider="mix", fault="set", sendgrid={"slow": 1.0}, details={"seconds": 1.5})
    try:
        caught = wait_for(lambda: _one_that_calls(chaos), seconds=12, what="a worker called", every=0.02)
        remark = f"{caught.name} stopped while it called a provider"
    except NeverCame:
        caught = chaos.stack.processes[chaos.rng.choice(WORKERS)]
        remark = f"{caught.name} stopped, not while it called a provider"
    caught.send(signal.SIGSTOP)
    chaos.stack.control()
    time.sleep(PAST_THE_LEASE)
    caught.send(signal.SIGCONT)
    chaos.remark("zombie", remark)


def _one_that_calls(chaos: Chaos) -> Process | None:
    """Give a worker of which a process speaks to the provider at this moment."""
    workers = (chaos.stack.processes[name] for name in WORKERS)
    return next((one for one in workers if one.speaks_to(chaos.stack.provider_port)), None)


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
        for name in (*WORKERS, "ticks", "beat"):
            chaos.stack.processes[name].send(number, whole=False)
        chaos.hold(4)


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
