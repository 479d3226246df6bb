"""Journey tests are files: each of them is collected as a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.testing.checking import run
from engine.testing.files import JourneyTest, read_tests


class Failed(Exception):
    """A journey test that failed; the message is its report."""


class JourneyFile(pytest.File):
    """A file with journey tests in it."""

    def collect(self) -> Iterator[pytest.Item]:
        for test in read_tests(self.path):
            yield JourneyItem.from_parent(self, name=test.name or "as expected", test=test)


class JourneyItem(pytest.Item):
    """One journey test."""

    def __init__(self, *, test: JourneyTest, **more) -> None:
        super().__init__(**more)
        self.test = test

    def runtest(self) -> None:
        checked = run(self.test, self.path)
        if not checked.passed:
            raise Failed(str(checked))

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, f"{self.path.stem}: {self.name}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> JourneyFile | None:
    if file_path.suffix == ".yaml" and "golden" not in file_path.parts:
        return JourneyFile.from_parent(parent, path=file_path)
    return None
