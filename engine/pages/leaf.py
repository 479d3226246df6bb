"""What every page of a couple's has in common: one sheet, kept out of caches and search engines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from redis.exceptions import RedisError

from journeys.encryption import blind_index

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
#: Requests that change something, for one link in one minute.
MOST_CHANGES = 60


def leaf(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Show a sheet; its address is a key and must travel to no other site and no index."""
    response = render(request, template, dict(context), status=status)
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    add_never_cache_headers(response)
    return response


def broken_link(request: HttpRequest) -> HttpResponse:
    """Say that a link does not work, and nothing about why."""
    return leaf(request, "engine/broken.html", {}, status=404)


def slow_down(request: HttpRequest) -> HttpResponse:
    """Ask somebody who sends too often to wait."""
    response = leaf(request, "engine/slow_down.html", {}, status=429)
    response["Retry-After"] = str(WINDOW_SECONDS)
    return response


def is_too_often(*, what: str, key: str, now: datetime, most: int = MOST_CHANGES) -> bool:
    """Count one more request and tell whether there were too many in this minute.

    Counted in Redis for all processes together, under a keyed hash; without Redis nobody is held up.
    """
    name = f"leaf:{what}:{blind_index(key)[:32]}:{int(now.timestamp()) // WINDOW_SECONDS}"
    try:
        cache.add(name, 0, timeout=2 * WINDOW_SECONDS)
        return cache.incr(name) > most
    except (RedisError, ValueError):
        log.warning("page_rate_not_counted")
        return False
