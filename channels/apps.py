"""Channels: what is delivered. The message ledger, the providers, and what they call back."""

from __future__ import annotations

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Tell Django about this app."""

    name = "channels"
    verbose_name = "Channels"
