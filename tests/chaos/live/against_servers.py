"""Redis and PostgreSQL that go away, forget, or lie behind a bad wire."""

from __future__ import annotations

import contextlib
import signal
import time

import psycopg

from tests.chaos.live.faulting import WHILE, Chaos, fault
from tests.chaos.live.proxy import Rules
from tests.chaos.live.stack import CHILDREN, WORKERS

#: Longer than a bell's lease (tests.chaos.live.stack).
PAST_THE_BELLS_LEASE = 4.0


@fault(quick=True)
def redis_emptied(chaos: Chaos) -> None:
    """Empty Redis again and again, while the exact journey is on its way."""
    chaos.exact["redis emptied"] = chaos.load.start_exact(8)
    times, pause = (2, 10.0) if chaos.long else (3, 2.0)
    for _ in range(times):
        with chaos.stack.broker() as client:
            client.flushall()
        chaos.hold(pause)
    chaos.until_exact_ended()


@fault()
def redis_away(chaos: Chaos) -> None:
    """Kill Redis and start it again after a minute."""
    server = chaos.stack.redis
    server.child.kill()
    server.child.wait(timeout=10)
    chaos.hold(60 if chaos.long else 8)
    server.child = server.start()


@fault()
def redis_wire_dark(chaos: Chaos) -> None:
    """Let nothing through to Redis, and close nothing."""
    chaos.stack.to_redis.rules = Rules(blackhole=True)
    chaos.hold(9)
    chaos.stack.to_redis.heal()


@fault()
def redis_wire_cut(chaos: Chaos) -> None:
    """Cut all connections to Redis, again and again, and slow the rest down."""
    chaos.stack.to_redis.rules = Rules(delay=0.02)
    for _ in range(8):
        chaos.stack.to_redis.cut_all()
        chaos.hold(0.8)
    chaos.stack.to_redis.heal()


@fault()
def bells_lost_by_half(chaos: Chaos) -> None:
    """Lose every other bell."""
    chaos.hit("bells lost by half", chaos.bells.lose(chaos.hold, WHILE, share=0.5), "lost")


@fault()
def all_bells_lost(chaos: Chaos) -> None:
    """Lose every bell."""
    chaos.hit("all bells lost", chaos.bells.lose(chaos.hold, 8, share=1.0), "lost")


@fault()
def bells_rung_ten_times(chaos: Chaos) -> None:
    """Ring each bell ten times."""
    hits = chaos.bells.multiply(chaos.hold, WHILE, times=10)
    chaos.hit("bells rung ten times", hits, "rung ten times")


@fault()
def bells_reordered(chaos: Chaos) -> None:
    """Put bells into any order."""
    chaos.hit("bells reordered", chaos.bells.reorder(chaos.hold, WHILE), "put into another order")


@fault()
def bells_delayed(chaos: Chaos) -> None:
    """Hold every bell back for longer than its lease."""
    hits = chaos.bells.delay(chaos.hold, WHILE, by=PAST_THE_BELLS_LEASE)
    chaos.hit("bells delayed", hits, f"held back by {PAST_THE_BELLS_LEASE:.0f} s")


@fault()
def bells_of_yesterday(chaos: Chaos) -> None:
    """Ring old bells again."""
    chaos.hit("bells of yesterday", chaos.bells.from_yesterday(), "rung again")
    chaos.hold(2)


def _restart_postgres(chaos: Chaos, number: signal.Signals) -> None:
    server = chaos.stack.postgres
    server.child.send_signal(number)
    # Every process of the workers may have been at it.
    chaos.stack.other_blows += len(WORKERS) * CHILDREN + 1
    server.child.wait(timeout=30)
    server.child = server.start()
    chaos.stack.ask("SELECT 1")


@fault(quick=True)
def postgres_restarted_immediate(chaos: Chaos) -> None:
    """Have PostgreSQL drop everything and recover from its log."""
    _restart_postgres(chaos, signal.SIGQUIT)
    chaos.hold(2)


@fault()
def postgres_restarted_fast(chaos: Chaos) -> None:
    """Have PostgreSQL cut its clients and shut down."""
    _restart_postgres(chaos, signal.SIGINT)
    chaos.hold(2)


@fault()
def connections_terminated(chaos: Chaos) -> None:
    """Terminate connections of the stack in a stream."""
    terminated = 0
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        rows = chaos.stack.ask(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2"""
        )
        terminated += len(rows)
        chaos.stack.other_blows += len(rows)
        chaos.hold(0.15)
    chaos.hit("connections terminated", terminated, "terminated")


@fault()
def cut_after_commit(chaos: Chaos) -> None:
    """Cut connections in the moment after COMMIT was passed on: it is done, and nobody hears of it."""
    _cut_at_commit(chaos, "cut after COMMIT", Rules(cut_after_commit=0.15))


@fault()
def cut_before_commit(chaos: Chaos) -> None:
    """Cut connections in the moment before COMMIT is passed on: it is undone, and nobody hears of it."""
    _cut_at_commit(chaos, "cut before COMMIT", Rules(cut_before_commit=0.15))


def _cut_at_commit(chaos: Chaos, name: str, rules: Rules) -> None:
    wire = chaos.stack.to_postgres
    before = wire.hits.get(name, 0)
    wire.rules = rules
    chaos.hold(6)
    wire.heal()
    chaos.hit(name.lower(), wire.hits.get(name, 0) - before, "cut")


@fault()
def postgres_wire_dark(chaos: Chaos) -> None:
    """Let nothing through to PostgreSQL, and close nothing."""
    chaos.stack.to_postgres.rules = Rules(blackhole=True)
    chaos.hold(7)
    chaos.stack.to_postgres.heal()


@fault()
def connections_exhausted(chaos: Chaos) -> None:
    """Take every connection that the server has, and cut the stack's own so that it must ask for new ones."""
    with contextlib.ExitStack() as held:
        chaos.stack.to_postgres.cut_all()
        taken = 0
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(320):
                held.enter_context(
                    contextlib.closing(psycopg.connect(chaos.stack.database_url, connect_timeout=3))
                )
                taken += 1
        chaos.stack.to_postgres.cut_all()
        chaos.hold(6)
    chaos.hit("connections exhausted", taken, "taken")
