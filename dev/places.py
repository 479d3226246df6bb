"""Where the local system keeps its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
#: Data, keys and logs; VAR_DIR puts a second system beside the first.
VAR: Final = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()
LOGS: Final = VAR / "log"
SECRETS: Final = VAR / "secrets.env"
LOCK: Final = VAR / "run.lock"
RUNNING: Final = VAR / "run.json"
DEMO: Final = VAR / "demo.json"
STATIC: Final = VAR / "static"


class Trouble(Exception):
    """Something a person has to change; the message says what, and becomes exit code 2."""
