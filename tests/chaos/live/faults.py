"""All faults by their names; each file of `against_…` enters its own."""

from __future__ import annotations

from tests.chaos.live import against_outside, against_processes, against_servers, against_time
from tests.chaos.live.faulting import FAULTS, Chaos, Fault

__all__ = [
    "FAULTS",
    "Chaos",
    "Fault",
    "against_outside",
    "against_processes",
    "against_servers",
    "against_time",
]
