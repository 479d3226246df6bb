"""`python -m dev run` brings everything up, keeps it up, and takes everything down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from dev.children import command_of
from dev.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[3]
#: From an empty folder, on a slow machine.
UP_SECONDS = 150


class System:
    """A running system and what it prints."""

    def __init__(self, folder: Path) -> None:
        self.port, self.flower_port = free_port(), free_port()
        self.var = folder / "var"
        self.log = folder / "output.log"
        without = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in without},
            "PORT": str(self.port),
            "FLOWER_PORT": str(self.flower_port),
            "VAR_DIR": str(self.var),
            "WORKER_CONCURRENCY": "2",
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dev", "run"],
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, condition, *, seconds: float = UP_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if found := condition():
                return found
            time.sleep(0.2)
        pytest.fail(f"It did not come about. The output ends with:\n{self.output()[-4000:]}")

    def get(self, path: str, *, port: int | None = None) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def database(self):
        url = json.loads((self.var / "run.json").read_text(encoding="utf-8"))["servers"]["DATABASE_URL"]
        return psycopg.connect(url, autocommit=True)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, words: str) -> psutil.Process:
        """Give the living process with these words in its command; one that is just ending has none."""
        return next(child for child in self.family() if words in command_of(child.pid))

    def end(self) -> float:
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def system(open_place):
    folder = open_place / "system"
    folder.mkdir()
    running = System(folder)
    try:
        running.wait_for(lambda: running.get("/health/live") == 200 and "Journey Monitor" in running.output())
        yield running
    finally:
        running.end()


def _ticks(system: System) -> int:
    with system.database() as db:
        return db.execute(
            "SELECT COALESCE(sum(total_run_count), 0) FROM django_celery_beat_periodictask"
        ).fetchone()[0]


def test_pages_answer_where_the_table_says(system):
    for path, expected in (
        ("/admin/login/", 200),
        ("/login/", 200),
        ("/api/docs", 200),
        ("/api/schema", 200),
        ("/sink/", 200),
    ):
        assert (path, expected) == (path, system.get(path))
    # Flower starts a little after the rest.
    assert system.wait_for(lambda: system.get("/", port=system.flower_port) == 401, seconds=60)
    assert "Sign in as" in system.output()


def test_system_is_ready_with_workers_and_beat(system):
    assert system.wait_for(lambda: system.get("/health/ready") == 200, seconds=60)


def test_beat_sends_its_ticks(system):
    before = system.wait_for(lambda: _ticks(system), seconds=60)

    assert system.wait_for(lambda: _ticks(system) >= before + 4, seconds=30)


def test_health_check_of_the_beat_hears_it(system):
    assert system.wait_for(lambda: _ticks(system), seconds=60)

    done = subprocess.run(
        [sys.executable, "-m", "dev", "exec", sys.executable, "-m", "config.beating"],
        cwd=ROOT,
        env=system.env,
        check=False,
    )

    assert 0 == done.returncode


def test_killed_web_process_comes_back(system):
    web = system.find("config.asgi:application")

    web.kill()

    system.wait_for(
        lambda: "web ended (signal 9); starting it again" in system.output().replace("  ", " "), seconds=20
    )
    assert system.wait_for(lambda: system.get("/health/live") == 200, seconds=40)


@pytest.mark.parametrize(
    ("server", "words"), [("Valkey", "valkey-server"), ("PostgreSQL", "bin/postgres -D")]
)
def test_killed_server_comes_back_and_work_goes_on(system, server, words):
    before = _ticks(system)
    running = system.find(words)
    told = system.output().count(f"{server} ended (signal 9); starting it again")

    running.kill()

    system.wait_for(
        lambda: system.output().count(f"{server} ended (signal 9); starting it again") > told, seconds=20
    )
    assert system.wait_for(lambda: system.get("/health/ready") == 200, seconds=60)
    assert system.wait_for(lambda: _ticks(system) >= before + 4, seconds=60)


def test_second_run_from_the_same_folder_is_refused_in_one_sentence(system):
    other = {**system.env, "PORT": str(free_port()), "FLOWER_PORT": str(free_port())}

    done = subprocess.run(
        [sys.executable, "-m", "dev", "run"], cwd=ROOT, env=other, capture_output=True, text=True, check=False
    )

    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "It runs already from this folder" in done.stderr


def test_command_joins_the_servers_of_the_running_system(system):
    done = subprocess.run(
        [sys.executable, "-m", "dev", "exec", "manage.py", "migrate", "--check"],
        cwd=ROOT,
        env=system.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr


def test_stop_takes_everything_down_in_time(system):
    family = system.family()
    assert len(family) > 10

    seconds = system.end()

    assert 0 == system.process.returncode
    assert seconds < 25
    assert [] == [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
