"""A step that kills the process it runs in: an action that gives the tag "poison". For processes that tests start."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from engine.nodes.action import Action

TAG = "poison"
_whole = Action.execute


def _execute(self: Action, context: Any) -> Any:
    if any(getattr(deed, "tag", "") == TAG for deed in context.settings.do):
        with Path(os.environ["POISON_LOG"]).open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return _whole(self, context)


Action.execute = _execute  # type: ignore[method-assign]
