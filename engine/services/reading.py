"""Show couples the pages that a vendor has written for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from channels.rendering import render_markdown
from engine.links import read_link
from engine.models import Instance
from engine.services import visiting
from journeys import selectors
from journeys.language.errors import TextError
from journeys.models import InfoPage
from journeys.recipients import Recipient, recipients
from journeys.scoping import owned_by

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """A page as one couple reads it."""

    vendor_name: str
    title: str
    #: Markdown, with the couple's facts in it; "" while something that it tells is not known yet.
    body: str


def reading_of(*, token: str, now: datetime, counted: bool) -> Reading | None:
    """Give the page behind a link; None when the link is not ours or the page is no longer there.

    `counted`: whether this counts as a visit.
    """
    target = read_link("info", token)
    found = visiting.step_of(target, kind="info") if target else None
    if target is None or found is None:
        return None
    instance, settings = found
    page = owned_by(instance.vendor, InfoPage).filter(key=settings.page, is_archived=False).first()
    if page is None or visiting.is_over(instance):
        return None
    if counted:
        visiting.visit_count(target=target, instance=instance, kind="info", now=now)
    return Reading(
        vendor_name=instance.vendor.name,
        title=page.title,
        body=_body(page, instance, role=target.role, now=now),
    )


def _body(page: InfoPage, instance: Instance, *, role: str, now: datetime) -> str:
    facts = selectors.facts_of(client=instance.client, wedding=instance.wedding, now=now)
    person = next(_people(instance, role), None)
    if person is not None:
        facts["recipient"] = person.facts()
    try:
        return render_markdown(page.body, {**facts, "now": now.isoformat()})
    except TextError as error:
        log.warning("page_incomplete", page=page.public_id, instance=instance.public_id, error=str(error))
        return ""


def _people(instance: Instance, role: str) -> Iterator[Recipient]:
    yield from recipients(instance.wedding, instance.client, (role,))
