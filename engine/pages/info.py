"""The page behind an information link."""

from __future__ import annotations

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from channels.markdown import to_page
from engine.pages.leaf import broken_link, leaf
from engine.services.reading import reading_of
from journeys import clock


@require_safe
def _page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page with the couple's facts as they are now."""
    found = reading_of(token=token, now=clock.now(), counted=request.method == "GET")
    if found is None:
        return broken_link(request)
    context = {
        "vendor_name": found.vendor_name,
        "title": found.title,
        "body": to_page(found.body) if found.body else "",
    }
    return leaf(request, "engine/info.html", context)


# Pictures may come from the vendor's own site.
info_page = csp_update({"img-src": ["https:"]})(_page)  # type: ignore[arg-type] # its types know no arguments
