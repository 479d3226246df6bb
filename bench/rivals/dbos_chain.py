"""Chains of empty steps in DBOS: `python dbos_chain.py <database> <chains> <length> <processes>`.

Says `ready`, waits for a line, runs, and prints steps and seconds as JSON. Runs in an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from dbos import DBOS, DBOSClient, DBOSConfig

QUEUE = "bench"
#: Workflows that one process has in hand at once.
CONCURRENCY = 20
#: The word that makes this script one of its own workers.
WORK = "--work"


@DBOS.step()  # type: ignore[untyped-decorator] # the package is not in the environment of the checks
def step(number: int) -> int:
    """Do nothing, durably."""
    return number


@DBOS.workflow(name="chain")  # type: ignore[untyped-decorator] # the same
def chain(length: int) -> int:
    """Take so many steps."""
    for number in range(length):
        step(number)
    return length


def _settings(database: str) -> DBOSConfig:
    return {
        "name": "bench",
        "system_database_url": database.replace("postgres://", "postgresql://", 1),
        "log_level": "ERROR",
        "run_admin_server": False,
        "application_version": "1",
    }


def work(database: str) -> None:
    """Run one worker until it is ended."""
    DBOS(config=_settings(database))
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=0.1)
    print("working", flush=True)  # noqa: T201 the parent reads it
    sys.stdin.read()


def _run(client: DBOSClient, chains: int, length: int) -> None:
    handles = [
        client.enqueue({"workflow_name": "chain", "queue_name": QUEUE, "app_version": "1"}, length)
        for _ in range(chains)
    ]
    for handle in handles:
        handle.get_result()


def main() -> None:
    """Measure."""
    if sys.argv[1] == WORK:
        work(sys.argv[2])
        return
    database, chains, length, processes = sys.argv[1], *map(int, sys.argv[2:5])
    workers = []
    for _ in range(processes):
        # One after the other: the first makes the tables.
        child = subprocess.Popen(  # noqa: S603 this script itself
            [sys.executable, __file__, WORK, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in child.stdout or ():
            if line.startswith("working"):
                break
        workers.append(child)
    client = DBOSClient(system_database_url=_settings(database)["system_database_url"])
    try:
        _run(client, processes * 2, 1)
        print("ready", flush=True)  # noqa: T201 the bench reads it
        sys.stdin.readline()
        begun = time.monotonic()
        _run(client, chains, length)
        print(json.dumps({"steps": chains * length, "seconds": time.monotonic() - begun}), flush=True)  # noqa: T201 the same
    finally:
        client.destroy()
        for child in workers:
            child.kill()


if __name__ == "__main__":
    main()
