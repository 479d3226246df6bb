"""The monitoring app."""

from __future__ import annotations

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Watches what runs."""

    name = "monitoring"
    label = "monitoring"

    def ready(self) -> None:
        """Connect the receivers that tell the live stream what happened."""
        from monitoring import receivers  # noqa: F401, PLC0415 the app registry must be ready first
