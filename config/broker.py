"""Celery's transport over Redis, with one client kept where kombu builds one for each command."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """Reads queues and acknowledges."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 the library's own signature
        """Give the client of the pool that is used now; its connections are taken for one command each."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc] # not in the stubs
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc] # the same
        return self._kept


class Transport(redis.Transport):
    """Redis, through these channels."""

    Channel = Channel
