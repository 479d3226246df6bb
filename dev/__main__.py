"""Commands of the local system: run, stop, exec, test, clean."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence

from dev.keeping import Kept
from dev.places import RUNNING, VAR, Trouble
from dev.ports import require_free
from dev.postgres import public_home
from dev.servers import kept_servers, local_environment, servers, sole_runner, throwaway_servers
from dev.supervisor import Supervisor
from dev.system import PYTHON, Addresses, addresses, prepare, programs
from dev.table import table

_STOPPED_BY_USER = 130


def _announcer(where: Addresses, env: Mapping[str, str]) -> Callable[[], None]:
    """Return a function for every tick that prints the table once, when the web process answers."""
    state = {"open": True, "next": time.monotonic() + 1}

    def announce() -> None:
        if not state["open"] or time.monotonic() < state["next"]:
            return
        state["next"] = time.monotonic() + 0.5
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{where.port}/health/live", timeout=0.3).close()
        except urllib.error.HTTPError:
            pass
        except OSError:
            return
        state["open"] = False
        with contextlib.suppress(OSError):
            sys.stdout.write(table(where, env) + "\n")
            sys.stdout.flush()

    return announce


def run() -> int:
    """Run the whole system until it is told to stop."""
    where = addresses()
    require_free(where.port, host=where.host, setting="PORT")
    require_free(where.flower_port, host=where.host, setting="FLOWER_PORT")
    began = time.monotonic()
    with sole_runner() as alone:
        if not alone:
            raise Trouble(
                "It runs already from this folder: stop it with `make stop`, or use the one that runs."
            )
        kept: list[Kept] = []
        with servers(
            postgres_folder=VAR / "postgres", valkey_folder=VAR / "valkey", durable=True, kept=kept
        ) as urls:
            env = {
                "PUBLIC_URL": where.web,
                "FLOWER_URL": where.flower,
                "PROMETHEUS_DISABLE_CREATED_SERIES": "True",
                **local_environment(urls),
            }
            RUNNING.write_text(json.dumps({"pid": os.getpid(), "servers": urls}), encoding="utf-8")
            try:
                prepare(env)
                print(f"Prepared in {time.monotonic() - began:.0f} s; starting the processes.", flush=True)
                announce = _announcer(where, env)
                supervisor = Supervisor(programs(where), env=env)

                def every_tick() -> None:
                    for server in kept:
                        server.look(supervisor.say)
                    announce()

                supervisor.every_tick = every_tick
                supervisor.run()
            finally:
                RUNNING.unlink(missing_ok=True)
    return 0


def stop() -> int:
    """Stop the system that runs from this folder, and wait until it is gone; fine when none runs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(json.loads(RUNNING.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        with sole_runner() as alone:
            if alone:
                return 0
        time.sleep(0.2)
    raise Trouble("It has not stopped within 40 s: look at its lines.")


def _follow(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command in the foreground, pass our signals on to it, and return its code."""
    child = subprocess.Popen(list(command), env=dict(env))

    def pass_on(number: int, _frame: object) -> None:
        if child.poll() is None and number == signal.SIGTERM:  # a terminal sends Ctrl-C to the child itself
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def clean() -> int:
    """Stop what runs and remove the local data, logs and keys; a second call finds nothing to do."""
    stop()
    for folder in (VAR, public_home()):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def execute(command: Sequence[str]) -> int:
    """Run a command with the local servers, their data and the local keys."""
    if command[0].endswith(".py"):
        command = [PYTHON, *command]
    with kept_servers() as urls:
        return _follow(command, {"PUBLIC_URL": addresses().web, **local_environment(urls)})


def test(words: Sequence[str]) -> int:
    """Run pytest on empty servers: first what may run side by side, then what needs the machine for itself."""
    pytest = [PYTHON, "-m", "pytest"]
    with throwaway_servers() as urls:
        env = {**os.environ, **urls}
        if words:
            return _follow([*pytest, *words], env)
        side_by_side = _follow(
            # Whoever is done takes over from the other: the longest tests stand near the end.
            [
                *pytest,
                "-q",
                "-n",
                os.environ.get("TEST_WORKERS", "2"),
                "--dist",
                "worksteal",
                "-m",
                "not stack",
            ],
            env,
        )
        if side_by_side == _STOPPED_BY_USER:
            return side_by_side
        alone = _follow([*pytest, "-q", "-m", "stack"], env)
        return side_by_side or alone


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _carry_out(command: str, words: Sequence[str]) -> int:
    if command == "run":
        return run()
    if command == "stop":
        return stop()
    if command == "clean":
        return clean()
    if command == "test":
        return test(words)
    if not words:
        raise Trouble("Name a command, for example: python -m dev exec manage.py shell")
    return execute(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code; trouble that a person can mend is one sentence and 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m dev", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the whole system")
    commands.add_parser("stop", help="stop the system that runs from this folder")
    commands.add_parser("clean", help="remove the local data, logs and keys")
    commands.add_parser("exec", help="run a command (the words that follow) with the local servers and keys")
    commands.add_parser("test", help="run pytest (with the words that follow) on empty servers")
    # What follows a command is for pytest or another program: it is not ours to read.
    chosen = parser.parse_args(given[:1])
    # Whatever ends us lets every started server stop in order.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _carry_out(chosen.command, given[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _STOPPED_BY_USER


if __name__ == "__main__":
    sys.exit(main())
