"""Journeys: what is said. Vendors, people, weddings, and the journeys written for them."""

from __future__ import annotations

from django.apps import AppConfig


class JourneysConfig(AppConfig):
    """Name the app; its signals are heard by the layers above."""

    name = "journeys"
    verbose_name = "Journeys"
