"""The page behind a form's link: asks once, keeps what is half written, and shows what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from channels.markdown import to_page
from engine.pages.leaf import broken_link, is_too_often, leaf, slow_down
from engine.services import answering
from engine.services.answering import Request
from engine.services.visiting import visit_count
from journeys import clock
from journeys.language.forms import FormField

#: The rows of a long text on the page, and what a browser offers to fill in.
AUTOCOMPLETE = {"email": "email", "phone": "tel"}


@dataclass(frozen=True, slots=True)
class Question:
    """One field as the page draws it."""

    field: FormField
    values: Sequence[str]
    problem: str

    @property
    def value(self) -> str:
        """The first of what was typed."""
        return self.values[0] if self.values else ""

    @property
    def autocomplete(self) -> str:
        """What the browser may offer."""
        return AUTOCOMPLETE.get(self.field.kind, "off")


@require_http_methods(["GET", "HEAD", "POST"])
def form_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the form or what was sent; POST keeps a draft or sends the answers, once."""
    found, now = answering.request_of(token=token), clock.now()
    if found is None:
        return broken_link(request)
    if request.method == "POST":
        if is_too_often(what="form", key=token, now=now):
            return slow_down(request)
        return _written(request, found, token=token, now=now)
    if request.method == "GET":
        visit_count(target=found.target, instance=found.instance, kind="form", now=now)
    return _sheet(request, found)


def _written(request: HttpRequest, found: Request, *, token: str, now: datetime) -> HttpResponse:
    """Keep what was written, or send it."""
    raw = {name: request.POST.getlist(name) for name in request.POST}
    action = request.POST.get("action", "")
    if action in {"save", "keep"}:
        answering.draft_save(request=found, raw=raw, now=now)
        if action == "keep":
            return HttpResponse(status=204)
        return _sheet(request, _again(token, found), note="Kept. You can come back to this link and go on.")
    done = answering.answer(request=found, raw=raw, now=now)
    if done.problems:
        answering.draft_save(request=found, raw=raw, now=now)
        return _sheet(request, found, typed=raw, problems=done.problems, status=400)
    response = HttpResponseRedirect(request.path)
    response.status_code = 303
    return response


def _again(token: str, found: Request) -> Request:
    """Read the request once more, with what was just kept."""
    return answering.request_of(token=token) or found


def _sheet(
    request: HttpRequest,
    found: Request,
    *,
    typed: Mapping[str, Sequence[str]] | None = None,
    problems: Mapping[str, str] | None = None,
    note: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "vendor_name": found.instance.vendor.name,
        "title": found.form.title,
        "note": note,
        "problems": problems or {},
        "whole_problem": (problems or {}).get("", ""),
    }
    if found.submission is not None:
        sent = {
            "answers": answering.shown_answers(found.submission),
            "thanks": to_page(found.form.thanks) if found.form.thanks else "",
        }
        return leaf(request, "engine/form_sent.html", {**context, **sent})
    if found.closed:
        return leaf(request, "engine/form_closed.html", context)
    given = found.typed if typed is None else typed
    questions = [
        Question(field, tuple(given.get(field.name, ())), (problems or {}).get(field.name, ""))
        for field in found.fields
    ]
    asked = {"intro": to_page(found.form.intro) if found.form.intro else "", "questions": questions}
    return leaf(request, "engine/form.html", {**context, **asked}, status=status)
