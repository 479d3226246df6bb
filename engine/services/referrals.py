"""The page behind a couple's own link: who came, who wrote, and what they agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from engine.models import ReferralLead, ReferralLink
from engine.referral_words import SETTING, Words, words_of
from engine.services import triggering, waking
from journeys.contacts import normal_email
from journeys.encryption import blind_index
from journeys.errors import Invalid
from journeys.language.zones import local_time
from journeys.models import Client, Vendor
from journeys.scoping import owned_by
from journeys.services import audit
from journeys.services.clients import client_add
from journeys.services.tasks import task_add
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import WeddingData

LONGEST_NAME, LONGEST_MESSAGE = 120, 2000
#: A wedding is planned for less far ahead than this.
MOST_YEARS_AHEAD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a friend wrote on the page, as it was typed."""

    name: str
    email: str
    #: "2028-06-10", or "" for not known yet.
    date: str = ""
    message: str = ""
    agrees: bool = False


def link_of_code(code: str) -> ReferralLink | None:
    """Find a link that works; None for one that does not exist or was switched off."""
    rows = ReferralLink.objects.select_related("vendor", "client")
    return rows.filter(code=code, is_active=True, vendor__is_active=True).first()


def visit_count(*, link: ReferralLink, now: datetime) -> None:
    """Count that somebody opened the page; programs that fetch links count like people."""
    ReferralLink.objects.filter(pk=link.pk).update(visits=F("visits") + 1, last_visit_at=now)


def faults_of(inquiry: Inquiry, *, vendor: Vendor, now: datetime) -> dict[str, str]:
    """Say by field what keeps an inquiry from being sent."""
    faults: dict[str, str] = {}
    if not inquiry.name.strip() or len(inquiry.name) > LONGEST_NAME:
        faults["name"] = "Write your name."
    try:
        if not normal_email(inquiry.email):
            faults["email"] = "Write your e-mail address, so that an answer can reach you."
    except Invalid:
        faults["email"] = "This e-mail address can not be read. Look at it once more."
    today = local_time(now, vendor.time_zone).date()
    day = _day(inquiry.date)
    if inquiry.date and (day is None or not today <= day or day.year > today.year + MOST_YEARS_AHEAD):
        faults["date"] = "Choose a day that is ahead, or leave it empty."
    if len(inquiry.message) > LONGEST_MESSAGE:
        faults["message"] = f"Write at most {LONGEST_MESSAGE} characters."
    if not inquiry.agrees:
        faults["agrees"] = "Without this nobody may write back to you."
    return faults


@transaction.atomic
def inquiry_receive(*, link: ReferralLink, inquiry: Inquiry, now: datetime) -> ReferralLead | None:
    """Make a new client of a friend, and tell the couple's journeys; the second time nothing more happens.

    Somebody whom the vendor knows already becomes no lead (None): the vendor gets a task instead. The page says the
    same in both cases, so that it tells nobody who is known here.

    Raises:
        Invalid: `faults_of` finds something.
    """
    faults = faults_of(inquiry, vendor=link.vendor, now=now)
    if faults:
        raise Invalid("Look at what is marked.", code="bad_inquiry", details=faults)
    link = _locked(link)
    email = normal_email(inquiry.email)
    known = owned_by(link.vendor, Client).filter(email_index=blind_index(email)).order_by("id").first()
    if known is not None:
        return _known(link, known, inquiry, now=now)
    client = _client(link, inquiry, email=email, now=now)
    lead = ReferralLead.objects.create(
        vendor=link.vendor, link=link, client=client, consent=words_of(link.vendor).consent, created_at=now
    )
    audit.record(link.vendor, "page:referral", "referral.received", lead, now, client=client.public_id)
    triggering.event_receive(
        vendor=link.vendor,
        type="referral_received",
        event_id=f"referral_received:{lead.public_id}",
        client=link.client,
        topic="",
        payload={"lead": lead.public_id, "client": client.public_id},
        now=now,
        actor="page:referral",
    )
    waking.wake(client_id=link.client_id, topics=["referral"], now=now)
    return lead


def referral_link_switch(*, link: ReferralLink, is_active: bool, now: datetime, actor: str) -> ReferralLink:
    """Switch a couple's link off or on; a second call changes nothing."""
    with transaction.atomic():
        link = _locked(link)
        if link.is_active != is_active:
            link.is_active = is_active
            link.save(update_fields=["is_active"])
            audit.record(link.vendor, actor, "referral.switched", link, now, is_active=is_active)
        return link


def referral_words_set(*, vendor: Vendor, words: Mapping[str, Any], now: datetime, actor: str) -> Vendor:
    """Write what the page says, in place of what it said; a text that is left out has the usual words.

    Raises:
        Invalid: a text is too long; the details name it.
    """
    faults = Words.faults_of(words)
    if faults:
        raise Invalid("Some texts can not be used: see the fields.", code="bad_words", details=faults)
    with transaction.atomic():
        # The settings are written whole, so nobody may write another part of them meanwhile.
        vendor = Vendor.objects.select_for_update().get(pk=vendor.pk)
        settings = {**vendor.settings, SETTING: {name: str(text).strip() for name, text in words.items()}}
        return vendor_change_settings(vendor=vendor, settings=settings, now=now, actor=actor)


def _locked(link: ReferralLink) -> ReferralLink:
    rows = ReferralLink.objects.select_for_update(of=("self",)).select_related("vendor", "client__vendor")
    return rows.get(pk=link.pk)


def _known(link: ReferralLink, known: Client, inquiry: Inquiry, *, now: datetime) -> ReferralLead | None:
    lead = ReferralLead.objects.filter(link=link, client=known).first()
    if lead is None and known.pk != link.client_id:
        task_add(
            client=known,
            title=f"{known.display_name} wrote through the link of {link.client.display_name}",
            note=inquiry.message.strip(),
            source=f"referral:{link.public_id}:{known.public_id}",
            now=now,
            actor="page:referral",
        )
    return lead


def _client(link: ReferralLink, inquiry: Inquiry, *, email: str, now: datetime) -> Client:
    name, day = " ".join(inquiry.name.split()), _day(inquiry.date)
    fields = {"source": "referral", "referred_by": link.client.public_id}
    if inquiry.message.strip():
        fields["message"] = inquiry.message.strip()
    return client_add(
        vendor=link.vendor,
        display_name=name,
        first_name=name.partition(" ")[0],
        last_name=name.partition(" ")[2],
        email=email,
        locale=link.client.locale,
        tags=["referral"],
        fields=fields,
        wedding=WeddingData(date=day) if day else None,
        now=now,
        actor="page:referral",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
