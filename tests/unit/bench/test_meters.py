"""What processor time is added up; how much it is, is never a test."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.meters import Meter, Reading, memory_of


def test_what_a_part_has_used_is_counted_from_the_earlier_reading() -> None:
    before = Reading({"workers": 2.0, "database": 5.0, "redis": 1.0})
    after = Reading({"workers": 3.5, "database": 5.0, "redis": 1.25})

    assert after.since(before) == {"workers": 1.5, "database": 0.0, "redis": 0.25}


def test_a_part_that_was_started_anew_counts_as_nothing_rather_than_less() -> None:
    assert Reading({"workers": 1.0}).since(Reading({"workers": 4.0})) == {"workers": 0.0}


def test_children_that_have_ended_and_those_that_live_are_both_counted() -> None:
    spend = "import time\nwhile time.process_time() < 0.3: pass"
    own = Meter(database=os.getpid(), redis=os.getpid())
    before = own.read()
    subprocess.run([sys.executable, "-c", spend], check=True)
    with subprocess.Popen(
        [sys.executable, "-c", f"{spend}\nprint(flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as living:
        assert living.stdout is not None
        living.stdout.readline()

        used = own.read().since(before)

        living.communicate(b"\n")
    # Less than both have spent, for the system counts in hundredths of a second.
    assert used["database"] >= 0.5


def test_a_process_that_has_gone_costs_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    assert Meter(database=gone.pid, redis=gone.pid, workers=(gone.pid,)).read() == Reading(
        {"workers": 0, "database": 0, "redis": 0}
    )


def test_memory_is_counted_in_megabytes() -> None:
    assert 5 < memory_of(os.getpid()) < 20_000
