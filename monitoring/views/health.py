"""Addresses that machines ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from journeys import clock
from monitoring import health, prometheus


@require_safe
def live(_request: HttpRequest) -> HttpResponse:
    """Answer that this process answers, without asking anybody else."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """Say part by part whether the system can do its work; 503 when one is missing."""
    checks = health.check_all()
    missing = [name for name, check in checks.items() if not check.ok]
    return JsonResponse(
        {
            "status": "not_ready" if missing else "ready",
            "missing": missing,
            "parts": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
        },
        status=503 if missing else 200,
        headers={"Cache-Control": "no-store"},
    )


@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Print the figures for Prometheus, read from the database now."""
    return HttpResponse(prometheus.text(now=clock.now()), content_type=prometheus.CONTENT_TYPE)
