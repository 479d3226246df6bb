"""How the bench starts programs and ends them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from bench import workers
from bench.nursery import BEGINNING
from bench.workers import Ended, running, wait_until
from dev.supervisor import Program

#: A program that has a child, ignores a wish that it end, and stays.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    open(sys.argv[1], "w").write(f"{child} {os.environ['SIZE']}\\n")
time.sleep(600)
"""


def stubborn(path: Path, **env: str) -> Program:
    return Program(path.name, (sys.executable, "-c", STUBBORN, str(path)), env)


def written(path: Path) -> list[str]:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), seconds=20, what="it had begun")
    return path.read_text().split()


def test_programs_are_killed_with_their_children_whatever_they_wish(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    with running([stubborn(one), stubborn(other)], {"SIZE": "1"}) as processes:
        children = [int(written(path)[0]) for path in (one, other)]
        pids = [process.pid for process in processes]

    assert not any(psutil.pid_exists(pid) for pid in pids)
    wait_until(
        lambda: not any(map(alive, children)), seconds=20, what="the children had gone with their parents"
    )


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_settings_of_the_measurement_overrule_those_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "one"

    with running([stubborn(path, SIZE="10")], {"SIZE": "1"}):
        assert written(path)[1] == "1"


def test_a_program_that_ended_by_itself_spoils_the_measurement() -> None:
    program = Program("short", (sys.executable, "-c", "print('out of coffee')"))

    with (
        pytest.raises(Ended, match=r"short ended by itself:\n[\s\S]*out of coffee"),
        running([program]) as (process,),
    ):
        wait_until(lambda: process.poll() is not None, seconds=20, what="it had ended")


def test_programs_of_celery_with_the_same_settings_come_from_one_nursery() -> None:
    celery = (*BEGINNING, "-A", "config", "worker")
    what = [
        Program("web", (sys.executable, "-m", "uvicorn")),
        Program("worker-1", (*celery, "-l", "INFO"), {"A": "1"}),
        Program("worker-2", celery, {"A": "1", "PYTHONWARNINGS": "ignore"}),
        Program("beat", celery),
    ]

    groups = [([one.name for one in together], env) for together, env in workers._groups(what, {"B": "2"})]

    assert groups == [
        (["web"], {"B": "2"}),
        # How Python starts is the same for all that are forked.
        (["worker-1", "worker-2"], {"A": "1", "PYTHONWARNINGS": "ignore", "B": "2"}),
        (["beat"], {"B": "2"}),
    ]


def test_programs_are_told_to_be_quiet() -> None:
    ((together, _env),) = workers._groups([Program("worker", (*BEGINNING, "-l", "INFO"))], {})

    assert together[0].command[-2:] == ("-l", "WARNING")


def test_the_engine_has_processes_that_carry_out_instant_steps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEP_WORKERS", raising=False)

    names = [one.name for one in workers.engine_programs()]

    assert {"worker-steps-1", "worker-steps-2", "worker-all", "worker-ticks", "beat"} <= set(names)
    assert not {"web", "flower"} & set(names)


def test_waiting_for_what_does_not_come_says_what_it_was() -> None:
    with pytest.raises(workers.TookTooLong, match="until the moon was full"):
        wait_until(lambda: False, seconds=0.01, what="the moon was full")


def test_this_process_stays_the_parent() -> None:
    with running([Program("one", (sys.executable, "-c", "input()"))]) as (process,):
        assert psutil.Process(process.pid).ppid() == os.getpid()
