"""What becomes of asking for a review: looked at, written, and what the couple says in private."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from engine.models import Ask, Review
from engine.review_sites import MOST_SITES, SETTING, fault_of, review_links
from engine.services import triggering, waking
from journeys.errors import Conflict, Invalid
from journeys.models import Vendor
from journeys.services import audit
from journeys.services.vendors import vendor_change_settings

Source = Review.Source

LONGEST_FEEDBACK = 5000
LEAST_RATING, MOST_RATING = 1, 5


def review_of(*, ask: Ask, now: datetime) -> Review:
    """Give what is known of an asking, made when there is nothing yet; two at once make one."""
    values = {
        "vendor_id": ask.vendor_id,
        "client_id": ask.client_id,
        "wedding_id": ask.wedding_id,
        "created_at": now,
    }
    return Review.objects.get_or_create(ask=ask, defaults=values)[0]


@transaction.atomic
def review_clicked(*, ask: Ask, site: str, now: datetime) -> str:
    """Count that somebody went on to a site, and give its address; "" when the vendor has no such site."""
    url = review_links(ask.vendor).get(site, "")
    if url:
        review = review_of(ask=ask, now=now)
        Review.objects.filter(pk=review.pk).update(clicks=F("clicks") + 1, clicked_at=now, site=site)
        waking.wake(client_id=ask.client_id, topics=["review"], now=now)
    return url


@transaction.atomic
def review_done(*, review: Review, source: Review.Source, now: datetime, actor: str) -> Review:
    """Write down that a review is written: nobody reminds of it any more. A second call changes nothing."""
    review = _locked(review)
    if review.done_at is not None:
        return review
    review.done_at, review.done_by = now, source
    review.save(update_fields=["done_at", "done_by"])
    audit.record(review.vendor, actor, "review.done", review, now, source=source.value)
    triggering.event_receive(
        vendor=review.vendor,
        type="review_received",
        event_id=f"review_received:{review.public_id}",
        client=review.client,
        topic=review.site,
        payload={"review": review.public_id, "rating": review.rating},
        now=now,
        actor=actor,
    )
    waking.wake(client_id=review.client_id, topics=["review"], now=now)
    return review


@transaction.atomic
def feedback_keep(*, review: Review, rating: int | None, text: str, now: datetime) -> Review:
    """Keep what a couple says to the vendor alone; a second call takes the place of the first.

    It decides nothing: whoever is unhappy is led to the same sites as everybody else.

    Raises:
        Invalid: nothing was said (`empty`), or the rating is none (`bad_rating`).
    """
    words = text.strip()[:LONGEST_FEEDBACK]
    if rating is None and not words:
        raise Invalid("Write something, or choose how it was.", code="empty")
    if rating is not None and not LEAST_RATING <= rating <= MOST_RATING:
        raise Invalid(f"Choose from {LEAST_RATING} to {MOST_RATING}.", code="bad_rating")
    review = _locked(review)
    review.rating, review.feedback, review.feedback_at = rating, words, now
    review.save(update_fields=["rating", "feedback", "feedback_at"])
    waking.wake(client_id=review.client_id, topics=["review"], now=now)
    return review


def review_reopen(*, review: Review, now: datetime, actor: str) -> Review:
    """Take back that a review is written, when somebody pressed by mistake; steps that went on stay where they are.

    Raises:
        Conflict: another system reported it (`reported`).
    """
    with transaction.atomic():
        review = _locked(review)
        if review.done_by == Source.EVENT:
            raise Conflict("Another system has reported this review: it is written.", code="reported")
        if review.done_at is not None:
            review.done_at, review.done_by = None, Source.NONE
            review.save(update_fields=["done_at", "done_by"])
            audit.record(review.vendor, actor, "review.reopened", review, now)
        return review


def review_links_set(*, vendor: Vendor, links: Mapping[str, Any], now: datetime, actor: str) -> Vendor:
    """Name the pages where reviews can be written, in order, in place of the old ones. Twice changes nothing.

    Raises:
        Invalid: a name or an address can not be used; the details name it.
    """
    faults = {str(name): fault for name, url in links.items() if (fault := fault_of(str(name), url))}
    if faults:
        raise Invalid("Some addresses can not be used: see the fields.", code="bad_links", details=faults)
    if len(links) > MOST_SITES:
        raise Invalid(f"Name {MOST_SITES} pages at most.", code="bad_links")
    with transaction.atomic():
        # The settings are written whole, so nobody may write another part of them meanwhile.
        vendor = Vendor.objects.select_for_update().get(pk=vendor.pk)
        settings = {**vendor.settings, SETTING: dict(links)}
        return vendor_change_settings(vendor=vendor, settings=settings, now=now, actor=actor)


def _locked(review: Review) -> Review:
    rows = Review.objects.select_for_update(of=("self",)).select_related("vendor", "client__vendor")
    return rows.get(pk=review.pk)
