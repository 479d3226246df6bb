"""Settings of processes whose watchmen look every second."""

from __future__ import annotations

from tests.chaos.settings import *

WATCH_SECONDS = 1
