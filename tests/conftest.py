"""What every test may ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


@pytest.fixture
def now() -> datetime:
    """A Wednesday morning in spring, in UTC."""
    return datetime(2027, 4, 14, 9, 0, tzinfo=UTC)
