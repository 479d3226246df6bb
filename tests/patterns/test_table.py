"""The table of patterns names tests that exist, and leaves no pattern out."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs" / "patterns.md"


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TABLE.read_text("utf-8"))

    assert len(named) >= 20
    for file, name in named:
        assert f"def {name}(" in (HERE / file).read_text("utf-8"), f"{file} has no {name}."


def test_the_table_has_all_twenty_patterns_each_with_a_test() -> None:
    rows = [line for line in TABLE.read_text("utf-8").splitlines() if re.match(r"\| \d+[a-z]? \|", line)]

    assert [row for row in rows if "test_" not in row] == []
    assert {int(row.split("|")[1].strip()) for row in rows if row[2:5].strip(" |").isdecimal()} == set(
        range(1, 21)
    )
