"""Forks workers, beats and web processes that have everything loaded already, so that they come back in no time.

Started once (`python -m tests.chaos.nursery`), it opens nothing. An order on its standard input is a line of JSON:
{"role": …, "words": [command of celery, or the file for the web's port], "log": file, "orders": folder}; the answer is
the number of the new process, which leads a group of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn


def _become(order: dict[str, Any]) -> NoReturn:
    """Be a new process: nothing of the nursery's input, output or signals is left."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    from tests.chaos import crashing, web

    crashing.obey(Path(order["orders"]), order["role"])
    if order["role"] == "web":
        web.serve(Path(order["words"][0]))
    else:
        from celery.__main__ import main as celery

        sys.argv = ["celery", "-q", "-A", "config", *order["words"]]
        celery()
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
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _become(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
