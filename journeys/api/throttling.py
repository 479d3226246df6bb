"""How often a vendor may call."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from journeys.api.auth import ApiCaller

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60


class VendorThrottle(BaseThrottle):
    """Allow API_RATE_PER_MINUTE requests of a vendor in any minute, counted in Redis for all processes together.

    Two counters, of this minute and the one before, the older weighted by how much of it is still inside the
    last sixty seconds. Without Redis nobody is held up: the limit protects others, it decides nothing.
    """

    seconds: float = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request and tell whether it is within the limit."""
        caller = request.auth
        if not isinstance(caller, ApiCaller):
            return True
        window, self.seconds = divmod(view.now.timestamp(), WINDOW_SECONDS)
        name = f"api-rate:{caller.vendor.public_id}"
        try:
            before = cache.get(f"{name}:{int(window) - 1}", 0)
            key = f"{name}:{int(window)}"
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            count = cache.incr(key)
        except (RedisError, ValueError):
            log.warning("api.rate_not_counted")
            return True
        weighted = count + before * (1 - self.seconds / WINDOW_SECONDS)
        return bool(weighted <= settings.API_RATE_PER_MINUTE)

    def wait(self) -> float:
        """Return the seconds until this minute's counter is left behind."""
        return WINDOW_SECONDS - self.seconds
