"""Let couples answer forms: one request, one submission, one event, however often somebody presses the button."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from engine.links import LinkTarget, read_link
from engine.models import FormDraft, FormSubmission, Instance
from engine.services import triggering, visiting, waking
from journeys.language.forms import FormField
from journeys.models import Form
from journeys.scoping import owned_by
from journeys.services.forms import answers_read, fields_of

#: Longest answers of one form together, as JSON, in characters: they travel as one event.
MOST_CHARACTERS = 80_000
#: Longest text of one field that a draft keeps.
MOST_TYPED = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody was asked, as their page shows it."""

    target: LinkTarget
    instance: Instance
    form: Form
    fields: tuple[FormField, ...]
    submission: FormSubmission | None
    #: By field: what was typed so far.
    typed: Mapping[str, list[str]] = field(default_factory=dict)
    #: Nobody can answer any more, and nobody has.
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of pressing the button."""

    request: Request
    #: By field; "" is about the whole form. Empty when the answers are kept.
    problems: Mapping[str, str] = field(default_factory=dict)


def request_of(*, token: str) -> Request | None:
    """Find what a link asks; None when it is not ours or nothing is behind it any more."""
    target = read_link("form", token)
    found = visiting.step_of(target, kind="form") if target else None
    if target is None or found is None:
        return None
    instance, settings = found
    key, place = settings.form, str(target.place)
    form = owned_by(instance.vendor, Form).filter(key=key).select_related("vendor").first()
    submission = FormSubmission.objects.filter(place=place).select_related("form__vendor").first()
    form = submission.form if submission else form
    if form is None:
        return None
    draft = None if submission else FormDraft.objects.filter(place=place, role=target.role).first()
    return Request(
        target=target,
        instance=instance,
        form=form,
        fields=fields_of(form),
        submission=submission,
        typed=draft.typed if draft else {},
        closed=submission is None and (form.is_archived or visiting.is_over(instance)),
    )


def draft_save(*, request: Request, raw: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Keep what was typed so far, for this link only; nothing when the request is answered or closed.

    A draft that comes in after the answers were sent is dropped with them.
    """
    if request.submission is not None or request.closed:
        return
    typed = {
        one.name: [text[:MOST_TYPED] for text in raw[one.name] if "\x00" not in text]
        for one in request.fields
        if raw.get(one.name)
    }
    place = str(request.target.place)
    with transaction.atomic():
        FormDraft.objects.update_or_create(
            place=place,
            role=request.target.role,
            defaults={
                "vendor_id": request.instance.vendor_id,
                "instance": request.instance,
                "typed": typed,
                "saved_at": now,
            },
        )
        if FormSubmission.objects.filter(place=place).exists():
            FormDraft.objects.filter(place=place).delete()


def answer(*, request: Request, raw: Mapping[str, Sequence[str]], now: datetime) -> Answered:
    """Take the answers, once: submission and event in one transaction.

    Whoever comes second, even at the same moment, changes nothing and gets what the first one sent.
    """
    if request.submission is not None or request.closed:
        return Answered(request)
    reading = answers_read(form=request.form, raw=raw)
    problems = dict(reading.problems)
    if len(json.dumps(reading.answers)) > MOST_CHARACTERS:
        problems[""] = "The answers are too long together. Shorten the longest one."
    if problems:
        return Answered(request, problems)
    submission = _keep(request, reading.answers, now=now)
    return Answered(
        Request(
            target=request.target,
            instance=request.instance,
            form=request.form,
            fields=request.fields,
            submission=submission,
        )
    )


@transaction.atomic
def _keep(request: Request, answers: Mapping[str, Any], *, now: datetime) -> FormSubmission:
    place, instance = str(request.target.place), request.instance
    fresh = FormSubmission(
        vendor=instance.vendor,
        client=instance.client,
        instance=instance,
        form=request.form,
        place=place,
        role=request.target.role,
        answers=dict(answers),
        asked=[one.model_dump(include={"name", "label", "kind"}) for one in request.fields],
        submitted_at=now,
    )
    # Another process that is just as far waits here until the first one has committed.
    FormSubmission.objects.bulk_create([fresh], ignore_conflicts=True)
    stored = FormSubmission.objects.get(place=place)
    if stored.public_id != fresh.public_id:
        return stored
    FormDraft.objects.filter(place=place).delete()
    triggering.event_receive(
        vendor=instance.vendor,
        type="form_submitted",
        event_id=f"form:{fresh.public_id}",
        client=instance.client,
        topic=request.form.key,
        payload={
            "answers": dict(answers),
            "form": request.form.key,
            "place": place,
            "by": request.target.role,
        },
        now=now,
        actor=f"couple:{instance.client.public_id}",
    )
    waking.wake(client_id=instance.client_id, topics=["form"], now=now)
    return fresh


def shown_answers(submission: FormSubmission) -> list[tuple[str, str]]:
    """Give (question, answer) as the page repeats them, in the words of that time."""
    return [
        (one["label"], _shown(submission.answers[one["name"]]))
        for one in submission.asked
        if one["name"] in (submission.answers or {})
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value)
