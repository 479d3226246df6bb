"""Real processes that die on order, and come back: workers, the worker of the ticks, the beat, the web."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from engine.models import Heartbeat
from tests.chaos.points import Kind, Point
from tests.nursing import nursery_for
from tests.processes import QUEUES, Processes, Running, wait_for

#: Name → (role, words of the command).
PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "one": ("steps", ("worker", "-n", "one@test", "-Q", QUEUES, "-c", "1")),
    "two": ("steps", ("worker", "-n", "two@test", "-Q", QUEUES, "-c", "1")),
    "ticks": ("ticks", ("worker", "-n", "ticks@test", "-Q", "ticks", "-c", "2")),
    "beat": ("beat", ("beat", "--pidfile=")),
    "web": ("web", ()),
}
_OF_A_WORKER = dict.fromkeys(("steps", "ticks"), ("--without-gossip", "--without-mingle"))
#: Until all have shown life, on a slow machine on which others work too.
BEGIN_SECONDS = 120.0


class Mortals(Processes):
    """The whole system, each of whose processes dies at a point when it is ordered to."""

    def __init__(self, *, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(folder=folder, env=env)
        self.orders = folder / "orders"
        self.orders.mkdir()
        self._port = folder / "web.port"

    def begin(self) -> None:
        """Start all and wait until they have shown life."""
        for name in PROGRAMS:
            self.raise_up(name)
        wanted = {"worker:one@test", "worker:two@test", "worker:ticks@test", "beat"}
        wait_for(
            lambda: wanted <= set(Heartbeat.objects.values_list("name", flat=True)) and self._port.exists(),
            seconds=BEGIN_SECONDS,
            what="all processes showed life",
        )

    def raise_up(self, name: str) -> Running:
        """Start one of the processes."""
        role, words = PROGRAMS[name]
        log = self.folder / f"{name}.log"
        command = ("celery", "-q", "-A", "config", *words, "-l", "WARNING", *_OF_A_WORKER.get(role, ()))
        if name == "web":
            command = ("tests.chaos.web", str(self._port))
        process = nursery_for(self.env).fork(command, log=log, role=role, orders=str(self.orders))
        one = Running(name, process, log)
        self.running.append(one)
        return one

    def order(self, point: Point, kind: Kind) -> None:
        """Order the next process of a kind that comes to a point to die there."""
        (self.orders / f"{point.slug}.{kind}").touch()

    def carried_out(self, point: Point, kind: Kind) -> bool:
        """Tell whether one has died there."""
        return (self.orders / f"{point.slug}.{kind}.carried-out").exists()

    def take_back(self, point: Point, kind: Kind) -> None:
        """Forget an order that nobody has carried out."""
        (self.orders / f"{point.slug}.{kind}").unlink(missing_ok=True)

    def come_back(self) -> list[str]:
        """Start anew whatever has died; children are replaced by those that forked them."""
        dead = [one for one in self.running if one.process.poll() is not None]
        for one in dead:
            self.running.remove(one)
            self.raise_up(one.name)
        return [one.name for one in dead]

    def call(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post to the web; 0 when the process died over it."""
        url = f"http://127.0.0.1:{self._port.read_text(encoding='utf-8')}{path}"
        request = urllib.request.Request(
            url, data=body, headers={"Content-Type": "application/json", **headers}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)
        except (urllib.error.URLError, OSError):
            return 0
