"""The two servers everything needs: yours when you name them, ours otherwise."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dev.keeping import Kept
from dev.places import LOCK, RUNNING, STATIC, VAR, Trouble
from dev.postgres import postgres
from dev.secrets import read_secrets
from dev.valkey import valkey


@contextlib.contextmanager
def sole_runner() -> Iterator[bool]:
    """Hold the lock of var/ and give True; give False when another process of ours has it."""
    VAR.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def servers(
    *, postgres_folder: Path, valkey_folder: Path, durable: bool, kept: list[Kept] | None = None
) -> Iterator[dict[str, str]]:
    """Give DATABASE_URL and REDIS_URL: those of the environment, or of servers started here (added to `kept`)."""
    with contextlib.ExitStack() as stack:
        database = os.environ.get("DATABASE_URL") or stack.enter_context(
            postgres(postgres_folder, durable=durable, kept=kept)
        )
        broker = os.environ.get("REDIS_URL") or stack.enter_context(
            valkey(valkey_folder, durable=durable, kept=kept)
        )
        yield {"DATABASE_URL": database, "REDIS_URL": broker}


@contextlib.contextmanager
def kept_servers() -> Iterator[dict[str, str]]:
    """Give the servers with the local data, joining those of a system that runs already."""
    with sole_runner() as alone:
        if alone:
            with servers(
                postgres_folder=VAR / "postgres", valkey_folder=VAR / "valkey", durable=True
            ) as urls:
                yield urls
        elif RUNNING.exists():
            yield json.loads(RUNNING.read_text(encoding="utf-8"))["servers"]
        else:
            raise Trouble(
                "The local servers are being started or stopped by another command: try again in a moment."
            )


@contextlib.contextmanager
def throwaway_servers() -> Iterator[dict[str, str]]:
    """Give empty servers that vanish afterwards."""
    VAR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-", dir=VAR, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers(
            postgres_folder=folder / "test-postgres", valkey_folder=folder / "test-valkey", durable=False
        ) as urls:
            yield urls


def local_environment(urls: dict[str, str]) -> dict[str, str]:
    """Return the environment of a local process: the caller's own words win over ours."""
    return {
        **read_secrets(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "CLOCK_MOVABLE": "true",
        "LOG_FORMAT": "console",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "PYTHONUNBUFFERED": "1",
        "STATIC_ROOT": str(STATIC),
        "VAR_DIR": str(VAR),
        **{name: value for name, value in os.environ.items() if value},
        **urls,
    }
