"""Which form of the chaos tests is run: the quick one of `make test`, or all of it."""

from __future__ import annotations

import os
from typing import Final

#: `make chaos-whole` sets it: every hit of every point, and as many couples as a machine can bear.
WHOLE: Final = os.environ.get("CHAOS_FORM") == "whole"
