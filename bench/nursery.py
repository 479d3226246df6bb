"""`python -m bench.nursery <descriptor> <programs>`: load the system once, and fork each of Celery's programs from there.

Loading takes each of them more than two seconds of a processor, and a start of all of them with it four times as long.
What runs afterwards is the same program as `python -m celery` gives, in a process group of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import IO

from dev.children import end_with_parent

#: What it says when it has loaded.
LOADED = "loaded"
#: How the command of a program begins that can be started here: Celery, with our application.
BEGINNING = (sys.executable, "-m", "celery")


def main(words: list[str]) -> None:
    """Load, say so, wait for a line, fork the programs (lists of words), say their numbers, and stay until they have ended.

    Without the line, when the other side has gone, nothing is forked.
    """
    told, programs = os.fdopen(int(words[0]), "w"), json.loads(words[1])
    from config.celery import app  # noqa: PLC0415 only here, and not where this file is asked what it can start

    app.loader.import_default_modules()
    if threading.active_count() > 1:
        message = "What was loaded has started a thread, which no fork would have."
        raise SystemExit(message)
    print(LOADED, file=told, flush=True)
    if not sys.stdin.readline():
        return
    own = os.getpid()
    pids = [_fork(program, parent=own, but=told) for program in programs]
    print(json.dumps(pids), file=told, flush=True)
    for _ in pids:
        os.wait()


def _fork(program: list[str], *, parent: int, but: IO[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    but.close()
    os.setsid()
    end_with_parent(signal.SIGTERM, parent)()
    sys.argv = ["celery", *program[len(BEGINNING) :]]
    from celery.__main__ import main as begin  # noqa: PLC0415 it reads its words as it begins

    begin()
    raise SystemExit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
