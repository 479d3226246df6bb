"""Steps that kill the process they run in, or never end the first time. For processes that tests start.

Actions that give the tag "poison", or "sleep".
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from engine.nodes.action import Action

TAG, SLEEP = "poison", "sleep"
_whole = Action.execute


def _execute(self: Action, context: Any) -> Any:
    path, tags = Path(os.environ["POISON_LOG"]), {getattr(deed, "tag", "") for deed in context.settings.do}
    slept = path.exists()
    if {TAG, SLEEP} & tags:
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()}\n")
    if TAG in tags:
        os.kill(os.getpid(), signal.SIGKILL)
    if SLEEP in tags and not slept:
        threading.Event().wait()
    return _whole(self, context)


Action.execute = _execute  # type: ignore[method-assign]
