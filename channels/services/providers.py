"""Which provider carries a channel now."""

from __future__ import annotations

from django.conf import settings

from channels.contract import Adapter
from channels.registry import adapters


class NoProvider(Exception):
    """No configured provider carries this channel: set its keys, or use "email" or "sms"."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def provider_for(channel: str) -> Adapter:
    """Choose the configured provider with the highest preference; without keys that is the local sink.

    Raises:
        NoProvider: the channel is unknown.
    """
    usable = [
        adapter
        for adapter in adapters().values()
        if channel in adapter.channels and adapter.is_configured(settings)
    ]
    if not usable:
        raise NoProvider
    return max(usable, key=lambda adapter: adapter.preference)
