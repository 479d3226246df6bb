"""Forks workers, beats and web processes that have everything loaded already, so that they come in no time.

Started once for an environment (`python -m tests.chaos.nursery`), it opens nothing. An order on its standard input is a
line of JSON: {"command": [module, arguments], "log": file}, with "role" and "orders" for one that dies on order, with
"clock" and "poison" for what it alone suffers from. The answer is the number of the new process, which leads a group
of its own and ends with the nursery.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from dev.children import end_with_parent


def _become(order: dict[str, Any], parent: int) -> NoReturn:
    """Be a new process: nothing of the nursery's input, output or signals is left."""
    os.setsid()
    end_with_parent(signal.SIGKILL, parent)()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if "role" in order:
        from tests.chaos import crashing

        crashing.obey(Path(order["orders"]), order["role"])
    if order.get("clock"):
        from tests.chaos.live import suffering

        suffering.follow_clock(Path(order["clock"]))
    if order.get("poison"):
        from tests.chaos.live import suffering

        suffering.poison(order["poison"])
    sys.argv = order["command"]
    runpy.run_module(order["command"][0], run_name="__main__", alter_sys=True)
    sys.exit(0)


def main() -> None:
    """Fork a process for each order until the input ends."""
    import django

    django.setup()
    from django.urls import get_resolver

    from channels.registry import adapters
    from config.celery import app
    from journeys.language.registry import node_types, trigger_types

    app.loader.import_default_modules()
    adapters(), node_types.types(), trigger_types.types()
    assert get_resolver().url_patterns
    # Nobody waits for the dead here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own = os.getpid()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _become(json.loads(line), own)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
