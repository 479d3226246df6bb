"""Places for real servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def open_place() -> Iterator[Path]:
    """A folder that any user may enter, for PostgreSQL runs as another one when root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="wedsync-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop the whole system after everything else was asked of it, whatever order the tests come in."""
    items.sort(key=lambda item: item.name == "test_stop_takes_everything_down_in_time")
