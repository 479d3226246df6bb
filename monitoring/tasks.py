"""Celery's shells around what is measured and examined; the watchman's threads are started beside them."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from engine.services import heartbeats
from engine.ticking import Tick
from journeys import clock
from monitoring import watchman  # noqa: F401 it waits for the signals of beat and workers
from monitoring.measures import measure
from monitoring.services import examining


@shared_task(name="monitoring.tick.measure", base=Tick)
def tick_measure(**_kwargs: Any) -> None:
    """Show that measuring goes on, and how deep the queues are."""
    heartbeats.beat("measure", **measure(now=clock.now()))


@shared_task(name="monitoring.tick.doctor", base=Tick)
def tick_doctor(**_kwargs: Any) -> None:
    """Look at the promises whose turn it is, a slice at a time."""
    examining.examine_slice(now=clock.now())
