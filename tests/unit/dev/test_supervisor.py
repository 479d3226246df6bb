"""The supervisor keeps processes alive, says so, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import pytest

from dev import supervisor as module
from dev.children import command_of
from dev.supervisor import Program, Supervisor

pytestmark = pytest.mark.slow


def _python(code):
    return (sys.executable, "-c", code)


def _run(programs, *, until, seconds=20.0, **options):
    """Run until the output holds a text (or time is up), then stop; return the lines and the seconds of the stop."""
    output = io.StringIO()
    deadline = time.monotonic() + seconds
    stopped_at = []

    def look():
        if not stopped_at and (until(output.getvalue()) or time.monotonic() > deadline):
            stopped_at.append(time.monotonic())
            boss.ask_to_stop()

    boss = Supervisor(programs, env=dict(os.environ), output=output, every_tick=look, **options)
    boss.run()
    return output.getvalue().splitlines(), time.monotonic() - stopped_at[0]


def test_lines_carry_the_name_of_their_process():
    programs = [
        Program("web", _python("print('hello', flush=True); import time; time.sleep(60)")),
        Program("worker-all", _python("print('there', flush=True); import time; time.sleep(60)")),
    ]

    lines, _ = _run(programs, until=lambda text: "hello" in text and "there" in text)

    assert "web        | hello" in lines
    assert "worker-all | there" in lines
    assert "run        | all processes have ended" == lines[-1]


def test_dead_process_is_started_again_and_one_line_says_so(tmp_path):
    again = f"import pathlib, sys, time; f = pathlib.Path({str(tmp_path / 'again')!r})\nif f.exists(): print('back', flush=True); time.sleep(60)\nf.touch(); sys.exit(3)"

    lines, _ = _run([Program("web", _python(again))], until=lambda text: "back" in text)

    assert ["run | web ended (exit code 3); starting it again in 0.5 s", "web | back"] == lines[:2]


def test_process_that_keeps_dying_is_reported_loudly_and_the_others_stay(monkeypatch):
    monkeypatch.setattr(module, "RESTART_SECONDS", (0.0,))
    programs = [
        Program("broken", _python("raise SystemExit(1)")),
        Program(
            "sound", _python("print(__import__('os').getpid(), flush=True); import time; time.sleep(60)")
        ),
    ]

    lines, _ = _run(programs, until=lambda text: "KEEPS DYING" in text)

    assert any("BROKEN KEEPS DYING: 5 times within 60 s" in line for line in lines)
    assert 1 == sum(line.startswith("sound  |") for line in lines)


def test_stop_leaves_no_grandchild_behind():
    code = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']); print('child', p.pid, flush=True); time.sleep(300)"

    lines, _ = _run([Program("parent", _python(code))], until=lambda text: "child" in text)

    grandchild = int(next(line for line in lines if "child" in line).split()[-1])
    assert "time.sleep(300)" not in command_of(grandchild)


def test_process_that_ignores_the_stop_is_killed_in_time():
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"

    lines, seconds = _run(
        [Program("deaf", _python(code))], until=lambda text: "deaf | deaf" in text, stop_seconds=1.0
    )

    assert "run  | deaf did not stop in time; killed" in lines
    assert seconds < 5


def test_last_words_of_a_process_are_shown():
    lines, _ = _run(
        [Program("short", _python("print('one'); print('no newline', end='')"))],
        until=lambda text: "ended" in text,
    )

    assert ["short | one", "short | no newline"] == lines[:2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_end_when_their_supervisor_is_killed(tmp_path):
    pid_file = tmp_path / "pid"
    child = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(300)"
    code = f"""
import os, sys
from dev.supervisor import Program, Supervisor
Supervisor([Program("x", (sys.executable, "-c", {child!r}))], env=dict(os.environ)).run()
"""
    boss = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)

    boss.kill()
    boss.wait()

    while "time.sleep(300)" in command_of(int(pid_file.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "time.sleep(300)" not in command_of(int(pid_file.read_text()))
