"""Celery's shell around what is measured."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from engine.services import heartbeats
from journeys import clock
from monitoring.measures import measure


@shared_task(name="monitoring.tick.measure")
def tick_measure(**_kwargs: Any) -> None:
    """Show that measuring goes on, and how deep the queues are."""
    heartbeats.beat("measure", **measure(now=clock.now()))
