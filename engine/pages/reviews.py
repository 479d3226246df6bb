"""The page behind a review's link: where to write one, to say that it is written, and a word in private."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from engine.links import read_link
from engine.models import Ask, Instance, Review
from engine.pages.leaf import broken_link, is_too_often, leaf, slow_down
from engine.review_sites import review_links, title_of
from engine.services import asking, reviews
from engine.services.visiting import is_over, step_of
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Wedding

RATINGS = (5, 4, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody of the couple at the page."""

    instance: Instance
    ask: Ask
    role: str

    @property
    def is_closed(self) -> bool:
        """Tell whether the asking was called off: nobody is asked about a wedding that did not take place."""
        wedding = self.instance.wedding
        called_off = wedding is not None and wedding.status == Wedding.Status.CANCELLED
        return called_off or is_over(self.instance)


@require_http_methods(["GET", "HEAD", "POST"])
def review_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the sites; POST says that it is written, or keeps a word in private."""
    now = clock.now()
    visit = _visit(token, now=now)
    if visit is None:
        return broken_link(request)
    if visit.is_closed:
        return leaf(request, "engine/review_closed.html", {"vendor_name": visit.instance.vendor.name})
    if request.method == "POST":
        if is_too_often(what="review", key=token, now=now):
            return slow_down(request)
        return _said(request, visit, now=now)
    if request.method == "GET":
        asking.ask_seen(ask=visit.ask, now=now)
    return _sheet(request, visit, now=now)


@require_safe
def review_site(request: HttpRequest, token: str, site: str) -> HttpResponse:
    """Go on to a site, and remember it. A program that follows the link counts as a look, never as a review."""
    now = clock.now()
    visit = _visit(token, now=now)
    if visit is None or visit.is_closed:
        return broken_link(request)
    links = review_links(visit.instance.vendor)
    url = links.get(site, "")
    if request.method == "GET" and url:
        url = reviews.review_clicked(ask=visit.ask, site=site, now=now)
    if not url:
        return broken_link(request)
    response = HttpResponseRedirect(url)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def _said(request: HttpRequest, visit: Visit, *, now: datetime) -> HttpResponse:
    review = reviews.review_of(ask=visit.ask, now=now)
    actor = f"page:{visit.role}"[:100]
    try:
        match request.POST.get("action", ""):
            case "done":
                reviews.review_done(review=review, source=Review.Source.PAGE, now=now, actor=actor)
            case "undo":
                reviews.review_reopen(review=review, now=now, actor=actor)
            case _:
                text = request.POST.get("feedback", "")
                reviews.feedback_keep(review=review, rating=_rating(request), text=text, now=now)
    except ServiceError as error:
        return _sheet(request, visit, now=now, problem=error.message, status=error.http_status)
    response = HttpResponseRedirect(request.path)
    response.status_code = 303
    return response


def _sheet(
    request: HttpRequest, visit: Visit, *, now: datetime, problem: str = "", status: int = 200
) -> HttpResponse:
    review = reviews.review_of(ask=visit.ask, now=now)
    context = {
        "vendor_name": visit.instance.vendor.name,
        "title": "How was it?",
        "sites": [(name, title_of(name)) for name in review_links(visit.instance.vendor)],
        "base": request.path.rstrip("/"),
        "review": review,
        "is_done": review.done_at is not None,
        "can_undo": review.done_by == Review.Source.PAGE,
        "ratings": RATINGS,
        "rating": _rating(request) if problem else review.rating,
        "feedback": request.POST.get("feedback", "") if problem else review.feedback,
        "problem": problem,
    }
    return leaf(request, "engine/review.html", context, status=status)


def _rating(request: HttpRequest) -> int | None:
    text = request.POST.get("rating", "")
    return int(text) if len(text) == 1 and text in "12345" else None


def _visit(token: str, *, now: datetime) -> Visit | None:
    target = read_link("review", token)
    found = step_of(target, kind="review") if target else None
    if target is None or found is None or not found[0].vendor.is_active:
        return None
    ask = asking.ask_open(place=target.place, kind=Ask.Kind.REVIEW, now=now)
    return None if ask is None else Visit(found[0], ask, target.role)
