"""The letters about a meeting: their words, and the invitation that goes along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.conf import settings

from channels.attachments import invitation
from channels.invitations import Invitation, Method, Party
from channels.rendering import Rendered, render_message
from channels.services.sending import MessageSpec
from engine import links
from engine.models import Meeting, MeetingNotice
from engine.places import Place
from journeys.language.spoken_dates import spoken_date
from journeys.language.zones import local_time
from journeys.recipients import VENDOR, Recipient, recipients

Kind = MeetingNotice.Kind


@dataclass(frozen=True, slots=True)
class Words:
    """What a letter of one kind says, in one language; Liquid over the meeting's facts."""

    subject: str
    opening: str


#: By language and kind. A language that is missing has English words.
WORDS: Final[Mapping[str, Mapping[str, Words]]] = {
    "en": {
        Kind.INVITATION: Words("{{ title }}: {{ when }}", "It is booked: **{{ title }}** with {{ whom }}."),
        Kind.MOVED: Words(
            "Moved: {{ title }}, now {{ when }}", "**{{ title }}** with {{ whom }} has a new time."
        ),
        Kind.CANCELLATION: Words(
            "Cancelled: {{ title }}, {{ when }}", "**{{ title }}** with {{ whom }} will not take place."
        ),
        Kind.REMINDER: Words(
            "Soon: {{ title }}, {{ when }}", "A reminder of **{{ title }}** with {{ whom }}."
        ),
    },
    "pt": {
        Kind.INVITATION: Words("{{ title }}: {{ when }}", "Está marcado: **{{ title }}** com {{ whom }}."),
        Kind.MOVED: Words(
            "Nova hora: {{ title }}, {{ when }}", "**{{ title }}** com {{ whom }} tem uma nova hora."
        ),
        Kind.CANCELLATION: Words(
            "Cancelado: {{ title }}, {{ when }}", "**{{ title }}** com {{ whom }} não vai acontecer."
        ),
        Kind.REMINDER: Words(
            "Em breve: {{ title }}, {{ when }}", "Um lembrete: **{{ title }}** com {{ whom }}."
        ),
    },
    "es": {
        Kind.INVITATION: Words("{{ title }}: {{ when }}", "Está reservado: **{{ title }}** con {{ whom }}."),
        Kind.MOVED: Words(
            "Nueva hora: {{ title }}, {{ when }}", "**{{ title }}** con {{ whom }} tiene una nueva hora."
        ),
        Kind.CANCELLATION: Words(
            "Cancelado: {{ title }}, {{ when }}", "**{{ title }}** con {{ whom }} no tendrá lugar."
        ),
        Kind.REMINDER: Words(
            "Pronto: {{ title }}, {{ when }}", "Un recordatorio: **{{ title }}** con {{ whom }}."
        ),
    },
    "de": {
        Kind.INVITATION: Words(
            "{{ title }}: {{ when }}", "Der Termin steht: **{{ title }}** mit {{ whom }}."
        ),
        Kind.MOVED: Words(
            "Verschoben: {{ title }}, jetzt {{ when }}", "**{{ title }}** mit {{ whom }} hat eine neue Zeit."
        ),
        Kind.CANCELLATION: Words(
            "Abgesagt: {{ title }}, {{ when }}", "**{{ title }}** mit {{ whom }} findet nicht statt."
        ),
        Kind.REMINDER: Words(
            "Bald: {{ title }}, {{ when }}", "Zur Erinnerung: **{{ title }}** mit {{ whom }}."
        ),
    },
    "fr": {
        Kind.INVITATION: Words(
            "{{ title }} : {{ when }}", "C’est réservé : **{{ title }}** avec {{ whom }}."
        ),
        Kind.MOVED: Words(
            "Déplacé : {{ title }}, {{ when }}", "**{{ title }}** avec {{ whom }} a une nouvelle heure."
        ),
        Kind.CANCELLATION: Words(
            "Annulé : {{ title }}, {{ when }}", "**{{ title }}** avec {{ whom }} n’aura pas lieu."
        ),
        Kind.REMINDER: Words(
            "Bientôt : {{ title }}, {{ when }}", "Un rappel : **{{ title }}** avec {{ whom }}."
        ),
    },
}
#: (where, to move or cancel) by language.
LINES: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("Where", "Move or cancel it"),
    "pt": ("Onde", "Alterar ou cancelar"),
    "es": ("Dónde", "Cambiar o cancelar"),
    "de": ("Wo", "Verschieben oder absagen"),
    "fr": ("Où", "Déplacer ou annuler"),
}
ENGLISH: Final = "en"

_LETTER = """{{ opening }}

**{{ when }}** ({{ zone }})
{% if where %}
{{ words.where }}: {{ where }}
{% endif %}{% if message %}
“{{ message }}”
{% endif %}{% if link %}
[{{ words.change }}]({{ link }})
{% endif %}"""


def recipient_of(notice: MeetingNotice) -> Recipient | None:
    """Find the person a letter goes to, as known now; None when nobody has the role any more."""
    meeting = notice.meeting
    found = recipients(meeting.wedding, meeting.client, (notice.role,), channel="email")
    return found[0] if found else None


def spec_of(notice: MeetingNotice, recipient: Recipient) -> MessageSpec:
    """Put a letter together, as the meeting stands now; an invitation goes along except with a reminder.

    Raises:
        TextError: it can not be written for this recipient.
    """
    meeting, channel = notice.meeting, channel_of(notice, recipient)
    rendered = _rendered(notice, recipient, channel=channel)
    files = (
        () if channel == "sms" or notice.kind == Kind.REMINDER else (invitation(event_of(notice, recipient)),)
    )
    return MessageSpec(
        vendor=meeting.vendor,
        client=meeting.client,
        # Ends with no number, so that it is never taken for a step's place.
        key=f"meeting:{meeting.public_id}:{notice.sequence}:{notice.kind}{notice.offset}:{notice.role}",
        instance_ref="",
        node_id="",
        channel=channel,
        purpose="transactional",
        recipient=recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        attachments=files,
    )


def channel_of(notice: MeetingNotice, recipient: Recipient) -> Literal["email", "sms"]:
    """Choose the way a letter takes: e-mail, unless texts are wanted for reminders or there is no address."""
    wants_text = notice.kind == Kind.REMINDER and notice.meeting.channel == "sms"
    return "sms" if recipient.phone and (wants_text or not recipient.email) else "email"


def event_of(notice: MeetingNotice, recipient: Recipient) -> Invitation:
    """Give the meeting as a calendar's entry for one person."""
    meeting = notice.meeting
    return calendar_entry(
        meeting,
        for_vendor=recipient.role == VENDOR,
        cancelled=notice.kind == Kind.CANCELLATION,
        sequence=notice.sequence,
    )


def calendar_entry(meeting: Meeting, *, for_vendor: bool, cancelled: bool, sequence: int) -> Invitation:
    """Give a meeting as a calendar's entry: the couple is asked to come, the vendor is only told."""
    vendor = meeting.vendor
    method: Method = "CANCEL" if cancelled else "PUBLISH" if for_vendor else "REQUEST"
    people = recipients(meeting.wedding, meeting.client, tuple(meeting.roles), channel="email")
    other = meeting.client.display_name if for_vendor else vendor.name
    return Invitation(
        method=method,
        uid=meeting.uid,
        sequence=sequence,
        stamp=meeting.changed_at,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        summary=f"{meeting.title}: {other}",
        description=meeting.message if for_vendor else "",
        location=meeting.where,
        organizer=Party(vendor.name, vendor.email or settings.EMAIL_FROM),
        attendees=tuple(Party(person.name, person.email) for person in people if person.email),
    )


def written_time(instant: datetime, *, zone: str, locale: str) -> str:
    """Write a moment the way a letter in this language does: "Saturday 12 June 2027, 15:00"."""
    wall = local_time(instant, zone)
    return f"{spoken_date(wall.date(), locale=locale)}, {wall:%H:%M}"


def zone_words(zone: str) -> str:
    """Give a zone's name as people say it: "America/New_York" becomes "New York"."""
    return zone.rpartition("/")[2].replace("_", " ")


def _rendered(notice: MeetingNotice, recipient: Recipient, *, channel: str) -> Rendered:
    meeting = notice.meeting
    facts = _facts(notice, recipient)
    words = WORDS.get(_language(recipient.locale), WORDS[ENGLISH])[notice.kind]
    if channel == "sms":
        body = words.subject + " ({{ zone }}){% if where %}. {{ where }}{% endif %}. {{ whom }}"
        return render_message(channel="sms", subject="", body=body, facts=facts)
    return render_message(
        channel="email",
        subject=words.subject,
        body=_LETTER.replace("{{ opening }}", words.opening),
        facts={**facts, "link": _link(meeting, recipient) if notice.kind != Kind.CANCELLATION else ""},
    )


def _facts(notice: MeetingNotice, recipient: Recipient) -> dict[str, Any]:
    meeting, vendor = notice.meeting, notice.meeting.vendor
    for_vendor = recipient.role == VENDOR
    zone = vendor.time_zone if for_vendor else meeting.time_zone
    where, change = LINES.get(_language(recipient.locale), LINES[ENGLISH])
    return {
        "title": meeting.title,
        "when": written_time(meeting.starts_at, zone=zone, locale=recipient.locale),
        "zone": zone_words(zone),
        "where": meeting.where,
        "whom": meeting.client.display_name if for_vendor else vendor.name,
        "message": meeting.message if for_vendor else "",
        "words": {"where": where, "change": change},
        "vendor": {
            "name": vendor.name,
            "phone": vendor.phone,
            "website": vendor.website,
            "email": vendor.email,
        },
        "recipient": recipient.facts(),
    }


def _link(meeting: Meeting, recipient: Recipient) -> str:
    """Give the address where a couple moves or cancels; a meeting without an asking has none."""
    place = Place.of_key(f"{meeting.ask.place}:{recipient.role}") if meeting.ask else None
    if place is None or recipient.role == VENDOR:
        return ""
    return links.link_for(kind="meeting", place=place, role=recipient.role)


def _language(locale: str) -> str:
    language = locale.strip().lower().replace("_", "-").partition("-")[0]
    return language if language in WORDS else ENGLISH
