"""Engine: what runs. Triggers, instances, schedules, and the recovery of all of them."""

from __future__ import annotations

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers the engine, its types and its receivers."""

    name = "engine"
    verbose_name = "Engine"

    def ready(self) -> None:
        """Discover the node and trigger types and connect the receivers."""
        from engine import discovery, receivers, wakers  # noqa: F401, PLC0415 the app registry must be ready first
        from engine.services import redoing  # noqa: F401, PLC0415 the same

        discovery.discover()
