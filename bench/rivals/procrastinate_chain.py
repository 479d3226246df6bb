"""Chains of empty jobs in Procrastinate: `python procrastinate_chain.py <database> <chains> <length> <processes>`.

Says `ready`, waits for a line, runs, and prints steps and seconds as JSON. Runs in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time

import psycopg
from procrastinate import App, PsycopgConnector

#: Jobs that one process has in hand at once: enough that it never waits for PostgreSQL alone.
CONCURRENCY = 10


def make(database: str) -> App:
    """Give an app with one task that does nothing but send the next one."""
    app = App(connector=PsycopgConnector(conninfo=database))

    @app.task(name="step", queue="bench")  # type: ignore[untyped-decorator] # the package is not in our environment
    async def step(left: int) -> None:
        if left > 1:
            await step.defer_async(left=left - 1)

    return app


async def _work(database: str) -> None:
    app = make(database)
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)


def work(database: str) -> None:
    """Run one worker until it is ended."""
    asyncio.run(_work(database))


async def _prepare(database: str) -> None:
    app = make(database)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def _send(database: str, chains: int, length: int) -> None:
    app = make(database)
    async with app.open_async():
        await app.tasks["step"].batch_defer_async(*[{"left": length} for _ in range(chains)])


def main() -> None:
    """Measure."""
    database, chains, length, processes = sys.argv[1], *map(int, sys.argv[2:5])
    asyncio.run(_prepare(database))
    workers = [multiprocessing.Process(target=work, args=(database,), daemon=True) for _ in range(processes)]
    for one in workers:
        one.start()
    with psycopg.connect(database, autocommit=True) as connection:

        def done() -> int:
            row = connection.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
            ).fetchone()
            return int(row[0]) if row else 0

        # One chain goes through every process first, so that nobody measures what they import.
        asyncio.run(_send(database, processes * CONCURRENCY, 1))
        while done() < processes * CONCURRENCY:
            time.sleep(0.05)
        print("ready", flush=True)  # noqa: T201 the bench reads it
        sys.stdin.readline()
        begun, wanted = time.monotonic(), chains * length + done()
        asyncio.run(_send(database, chains, length))
        while done() < wanted:
            time.sleep(0.05)
        print(json.dumps({"steps": chains * length, "seconds": time.monotonic() - begun}), flush=True)  # noqa: T201 the same


if __name__ == "__main__":
    main()
