"""The sink in the browser: every message as its receiver would have it."""

from __future__ import annotations

from base64 import b64decode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from channels.models import SinkMessage
from channels.segments import segments_of
from channels.selectors import message_of_sink, sink_page, vendors_of

#: A letter may show pictures and its own styles, and nothing else: no script, no form, no frame, no cookie.
BODY_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src https: data:; style-src 'unsafe-inline'; font-src https: data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
LARGEST_KEY = 2**63 - 1


@login_required
@require_safe
def sink_list(request: HttpRequest) -> HttpResponse:
    """Show the newest messages of the person's vendors."""
    channel = request.GET.get("channel", "")
    channel = channel if channel in {"email", "sms"} else ""
    address = request.GET.get("address", "").strip()[:320]
    client = request.GET.get("client", "").strip()[:32]
    page = sink_page(
        vendors=vendors_of(request.user),
        channel=channel,
        address=address,
        client=client,
        before=_number(request.GET.get("before", "")),
    )
    older = request.GET.copy()
    older["before"] = str(page.next_before)
    context = {
        "page": page,
        "channel": channel,
        "address": address,
        "client": client,
        "older": older.urlencode() if page.next_before else "",
        "filtered": bool(channel or address or client),
    }
    return render(request, "channels/sink_list.html", context)


@login_required
@require_safe
def sink_message(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show one message as a letter or on a phone, with its plain text beside it."""
    found = _found(request, public_id)
    context = {
        "sink": found,
        "message": message_of_sink(sink_message=found),
        "segments": segments_of(found.body_text) if found.channel == "sms" else None,
        "view": "text" if request.GET.get("view") == "text" or not found.body_html else "letter",
    }
    return render(request, "channels/sink_message.html", context)


@login_required
@require_safe
@xframe_options_sameorigin
def sink_body(request: HttpRequest, public_id: str) -> HttpResponse:
    """Serve the letter itself, for a sandboxed frame."""
    response = HttpResponse(_found(request, public_id).body_html)
    response["Content-Security-Policy"] = BODY_POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response


@login_required
@require_safe
def sink_file(request: HttpRequest, public_id: str, number: str) -> HttpResponse:
    """Give a file that went along, to be kept and never shown by the browser."""
    files = _found(request, public_id).attachments or []
    if int(number) >= len(files):
        raise Http404
    file = files[int(number)]
    response = HttpResponse(b64decode(file["content"]), content_type=file["content_type"])
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file["name"])
    response["Content-Security-Policy"] = BODY_POLICY
    return response


def _found(request: HttpRequest, public_id: str) -> SinkMessage:
    return get_object_or_404(
        SinkMessage.objects.select_related("vendor"), public_id=public_id, vendor__in=vendors_of(request.user)
    )


def _number(text: str) -> int | None:
    """Read a key from the address; anything else begins at the newest."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 digits of a bigint
    return number if 0 < number <= LARGEST_KEY else None
