"""Where providers report: check, store, answer."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from channels.contract import CallbackRefused
from channels.registry import adapters
from channels.services.callbacks import receive_or_keep
from journeys import clock

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def provider_hook(request: HttpRequest, provider: str, token: str = "") -> HttpResponse:  # noqa: ARG001 the adapter reads it from the address
    """Take a call-back in. 204 means that it is stored; 403 that it is not genuine; a 5xx asks for it again."""
    adapter = adapters().get(provider)
    if adapter is None:
        raise Http404
    now = clock.now()
    try:
        reports = adapter.parse_callback(
            headers=dict(request.headers),
            body=request.body,
            # The address as the provider knows it, not as a proxy passed it on.
            url=settings.PUBLIC_URL + request.get_full_path(),
            now=now,
        )
    except CallbackRefused as refused:
        log.warning("callback_refused", provider=provider, reason=refused.reason)
        return HttpResponse(status=403)
    receive_or_keep(provider=provider, reports=reports, now=now)
    return HttpResponse(status=204)
