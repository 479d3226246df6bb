"""Comparisons that show what differs."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.integration.simulation.truth")
