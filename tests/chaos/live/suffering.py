"""What one process of the live stack suffers from: a clock of its own, a step that kills whoever carries it out."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

#: Where Celery, its beat and Django read the wall clock of their machine.
READERS = (
    "celery.worker.request",
    "celery.loaders.base",
    "celery.utils.time",
    "celery.schedules",
    "celery.beat",
    "celery.app.base",
    "django.utils.timezone",
    "django_celery_beat.schedulers",
)


class _AsReal(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dt.datetime)


#: How often a process looks how far its clock is off, in seconds.
_LOOK_EVERY = 0.1


class _Shift:
    """How far a clock is off: the seconds that stand in a file, none when there is none."""

    def __init__(self, file: Path) -> None:
        self.file, self.seconds = file, 0.0
        self._looked = -_LOOK_EVERY

    def __call__(self) -> float:
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            try:
                self.seconds = float(self.file.read_text() or 0)
            except FileNotFoundError:
                self.seconds = 0.0
        return self.seconds


def follow_clock(file: Path) -> None:
    """Set this process's wall clock off by the seconds that stand in a file, whenever they change.

    As its machine would be without NTP.
    """
    real, shift = time.time, _Shift(file)
    time.time = lambda: real() + shift()

    class Shifted(dt.datetime, metaclass=_AsReal):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + dt.timedelta(seconds=shift())

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=shift())

    def patch(**_kwargs: Any) -> None:
        for name in READERS:
            module = importlib.import_module(name)
            if getattr(module, "datetime", None) is dt.datetime:
                module.datetime = Shifted
            elif getattr(module, "datetime", None) is dt:
                module.datetime = SimpleNamespace(datetime=Shifted, timedelta=dt.timedelta)

    from celery import signals

    for moment in (signals.worker_init, signals.worker_process_init, signals.beat_init):
        moment.connect(patch, weak=False)


def poison(node_id: str) -> None:
    """Have the step of this name kill the process that decides it, as a fault in native code would."""
    from celery import signals

    def arm(**_kwargs: Any) -> None:
        from engine.services import runner

        decide = runner.decide

        def deadly(step: Any, **kwargs: Any) -> Any:
            if step.claim.node_id == node_id:
                os.kill(os.getpid(), signal.SIGKILL)
            return decide(step, **kwargs)

        runner.decide = deadly

    signals.worker_process_init.connect(arm, weak=False)
