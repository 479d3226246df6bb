"""A process of its own that claims steps as a worker does, told what to do line by line.

`python -m tests.living`: "claim" takes what was rung for and answers with its number and how many that were, "fork" makes
a child that claims too and answers with its pid and number. It stays alive until it is killed.
"""

from __future__ import annotations

import os
import sys
import time


def _claim() -> tuple[int, int]:
    from engine.services import claims, workers
    from tests.drive import bells

    taken = claims.claim(bells())
    return workers.own_number() or 0, len(taken)


def _fork() -> tuple[int, int]:
    from engine.services import workers

    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, f"{workers.own_number() or 0}\n".encode())
        while os.getppid() != 1:
            time.sleep(0.2)
        time.sleep(20)
        os._exit(0)
    with os.fdopen(reader) as answer:
        return child, int(answer.readline())


def main() -> None:
    """Answer until the input ends."""
    import django

    django.setup()
    from engine.services import workers

    workers.enlist(name="living")
    for line in sys.stdin:
        first, second = {"claim": _claim, "fork": _fork}[line.strip()]()
        sys.stdout.write(f"{first} {second}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
