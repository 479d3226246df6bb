"""The page about reliability names tests and promises that are there."""

from __future__ import annotations

import re
from pathlib import Path

from monitoring.invariants import INVARIANTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
#: Ways in which the stack is known to fail.
WAYS_TO_FAIL = 29


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))

    assert len(named) > 10
    assert not sorted(name for name in named if not (ROOT / name).exists())


def test_every_way_to_fail_has_a_line() -> None:
    lines = re.findall(r"^\| (\d+)\. .+ \| .+ \| .+ \|$", PAGE, re.MULTILINE)

    assert lines == [str(number) for number in range(1, WAYS_TO_FAIL + 1)]


def test_every_promise_of_the_doctor_that_the_page_names_is_looked_at() -> None:
    rows = re.findall(r"^\| I\d+ \|.*$", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    assert named
    assert named <= {invariant.name for invariant in INVARIANTS}
