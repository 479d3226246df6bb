"""How often a vendor may call."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from journeys.api.auth import ApiCaller

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
#: How long a request waits for Redis before it goes on uncounted.
PATIENCE_SECONDS = 2.0

#: Count in this minute and read the minute before, in one round trip.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return {count, redis.call('GET', KEYS[2]) or '0'}
"""


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
        # One hash slot for both, by the braces.
        name = f"api-rate:{{{caller.vendor.public_id}}}"
        keys = [f"{name}:{int(window)}", f"{name}:{int(window) - 1}"]
        try:
            count, before = _counting(settings.REDIS_URL)(keys=keys, args=[2 * WINDOW_SECONDS])
        except (redis.RedisError, OSError):
            log.warning("api.rate_not_counted")
            return True
        weighted = count + int(before) * (1 - self.seconds / WINDOW_SECONDS)
        return bool(weighted <= settings.API_RATE_PER_MINUTE)

    def wait(self) -> float:
        """Return the seconds until this minute's counter is left behind."""
        return WINDOW_SECONDS - self.seconds


@cache
def _counting(url: str) -> Any:
    """Give the script of this process's client; a connection that broke since is opened again once, at once."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return client.register_script(_COUNT)
