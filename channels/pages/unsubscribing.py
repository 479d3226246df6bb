"""The page behind the way out of a message."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from channels.links import LinkInvalid
from channels.services import unsubscribing
from journeys import clock


@csrf_exempt  # RFC 8058: the receiver's mail program posts here; the signed link is the proof.
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def way_out(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what the link is about and changes nothing; POST unsubscribes, or takes it back."""
    try:
        if request.method != "POST":
            found = unsubscribing.subscription(token=token)
        elif request.POST.get("action") == "resubscribe":
            found = unsubscribing.resubscribe(token=token)
        else:
            found = unsubscribing.unsubscribe(token=token, now=clock.now())
    except LinkInvalid as error:
        response = render(request, "channels/way_out.html", {"problem": str(error)}, status=404)
    else:
        response = render(request, "channels/way_out.html", {"subscription": found})
    # The address is a key: it must not travel to any other site.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
