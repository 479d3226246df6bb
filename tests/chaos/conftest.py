"""A vendor, a provider with a ledger of its own, and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dev.ports import free_port
from journeys import clock
from journeys.models import Vendor
from tests.builders import a_vendor
from tests.fakes.provider import FakeProvider


@pytest.fixture
def now(transactional_db: None) -> datetime:
    """The engine's own time: workers are other processes and read the same clock."""
    return clock.now()


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture(scope="session")
def provider_port() -> int:
    """One port for the provider of every test: processes of the same environment are made by the same nursery."""
    return free_port()


@pytest.fixture
def provider(tmp_path: Path, provider_port: int) -> Iterator[FakeProvider]:
    with FakeProvider(ledger=tmp_path / "ledger.jsonl", port=provider_port) as fake:
        yield fake
