"""Rules of the house that no other tool holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import channels

ROOT = Path(__file__).resolve().parents[2]
APPS = ("journeys", "channels", "engine", "monitoring", "config")

#: The one place that reads the time (docs/adr/0003-one-clock.md).
CLOCK = "journeys/clock.py"
CLOCK_CALLS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("timezone", "now"),
    ("timezone", "localtime"),
    ("timezone", "localdate"),
    ("time", "time"),
    ("time", "time_ns"),
}
#: Longest file, in lines: one that can not be held in a head lacks a noun.
LONGEST = 450


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (
            path
            for path in sorted((ROOT / folder).rglob("*.py"))
            if "migrations" not in path.relative_to(ROOT).parts
        )


def calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            yield name, node.func.attr


def keywords(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def taken_from(package: str, tree: ast.AST) -> Iterator[str]:
    """Name what is imported out of a package, or out of one inside it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            yield from (one.name for one in node.names)


def test_the_time_is_read_in_one_place() -> None:
    readers = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources(*APPS)
        if (found := CLOCK_CALLS & set(calls(ast.parse(path.read_text(encoding="utf-8")))))
    }

    assert {} == {path: found for path, found in readers.items() if path != CLOCK}


def test_nothing_waits_in_celery() -> None:
    forbidden = {"eta", "countdown", "autoretry_for", "retry_backoff"}
    waiting = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources(*APPS)
        if (found := forbidden & set(keywords(ast.parse(path.read_text(encoding="utf-8")))))
    }

    assert {} == waiting


def test_nothing_hangs_on_several_tasks_together() -> None:
    """Chains, groups and chords of Celery lose their ends with the broker: tokens and merges are rows."""
    canvas = {"chain", "chord", "chunks", "group", "maybe_signature", "signature", "subtask"}
    composed = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources(*APPS)
        if (found := canvas & set(taken_from("celery", ast.parse(path.read_text(encoding="utf-8")))))
    }

    assert {} == composed


def test_models_do_not_read_the_clock_behind_our_back() -> None:
    forbidden = {"auto_now", "auto_now_add"}

    assert [] == [
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        if forbidden & set(keywords(ast.parse(path.read_text(encoding="utf-8"))))
    ]


def test_rows_of_a_vendor_are_reached_through_one_door() -> None:
    doors = {"journeys/scoping.py", "journeys/api/base.py"}
    around = {
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        if re.search(r"\.objects[^\n]*\.filter\(\s*vendor=vendor", path.read_text(encoding="utf-8"))
    }

    assert set() == around - doors


def test_channels_is_our_own_package() -> None:
    assert ROOT / "channels" / "__init__.py" == Path(channels.__file__)
    for name in ("requirements.txt", "requirements-local.txt", "requirements-dev.txt"):
        assert not re.search(r"^channels\b", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("folder", [*APPS, "dev", "bench", "tests"])
def test_files_can_be_held_in_a_head(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources(folder)
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }

    assert {} == long
