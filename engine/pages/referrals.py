"""The page behind a couple's own link: the vendor's words, and a few lines to write back with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from channels.markdown import to_page
from engine.models import ReferralLink
from engine.pages.leaf import broken_link, is_too_often, leaf, slow_down
from engine.referral_words import words_of
from engine.services import referrals
from engine.services.referrals import Inquiry
from journeys import clock
from journeys.language.zones import local_time

#: Inquiries through one link in one minute.
MOST_INQUIRIES = 10
#: A field that people do not see; what fills it in is a program.
TRAP = "website"


@require_http_methods(["GET", "HEAD", "POST"])
def referral_page(request: HttpRequest, code: str) -> HttpResponse:
    """GET shows the page and counts; POST sends the lines, and says the same to everybody."""
    link, now = referrals.link_of_code(code), clock.now()
    if link is None:
        return broken_link(request)
    if request.method == "POST":
        if is_too_often(what="referral", key=code, now=now, most=MOST_INQUIRIES):
            return slow_down(request)
        return _sent(request, link, now=now)
    if request.GET.get("sent") == "1":
        thanks = {"vendor_name": link.vendor.name, "thanks": to_page(words_of(link.vendor).thanks)}
        return leaf(request, "engine/referral_sent.html", thanks)
    if request.method == "GET":
        referrals.visit_count(link=link, now=now)
    return _sheet(request, link, now=now)


def _sent(request: HttpRequest, link: ReferralLink, *, now: datetime) -> HttpResponse:
    inquiry = Inquiry(
        name=request.POST.get("name", ""),
        email=request.POST.get("email", ""),
        date=request.POST.get("date", ""),
        message=request.POST.get("message", ""),
        agrees=request.POST.get("agrees") == "yes",
    )
    if not request.POST.get(TRAP):
        faults = referrals.faults_of(inquiry, vendor=link.vendor, now=now)
        if faults:
            return _sheet(request, link, now=now, inquiry=inquiry, faults=faults, status=400)
        referrals.inquiry_receive(link=link, inquiry=inquiry, now=now)
    response = HttpResponseRedirect(f"{request.path}?sent=1")
    response.status_code = 303
    return response


def _sheet(
    request: HttpRequest,
    link: ReferralLink,
    *,
    now: datetime,
    inquiry: Inquiry | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    words = words_of(link.vendor)
    context = {
        "vendor_name": link.vendor.name,
        "title": words.title,
        "text": to_page(words.text),
        "consent": words.consent,
        "inquiry": inquiry or Inquiry(name="", email=""),
        "faults": faults or {},
        "today": local_time(now, link.vendor.time_zone).date().isoformat(),
        "trap": TRAP,
    }
    return leaf(request, "engine/referral.html", context, status=status)
