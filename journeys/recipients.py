"""Who a message goes to: roles, resolved for one wedding at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from journeys.language.contact_rules import QuietHours
from journeys.models import Client, Stakeholder, Wedding

#: Both partners.
COUPLE = "couple"
#: The vendor itself.
VENDOR = "vendor"
#: Every other vendor at the wedding.
VENDORS = "vendors"
#: Everybody at the wedding but the couple.
OTHERS = "others"
PARTNERS = ("partner_1", "partner_2")
#: Roles of people who work at a wedding; any other role is somebody of the couple's own.
TRADES = frozenset(
    {
        *("planner", "coordinator", "venue", "caterer", "florist", "photographer", "videographer", "band", "dj"),
        *("musician", "officiant", "celebrant", "cake", "baker", "hair", "makeup", "stylist", "rentals", "decor"),
        *("lighting", "transport", "stationer", "bartender", "photo_booth", "security", "childcare"),
    }
)  # fmt: skip

Channel = Literal["email", "sms"]
OTHER_CHANNEL: Mapping[Channel, Channel] = {"email": "sms", "sms": "email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person (or the vendor) that a message goes to, as known at this moment."""

    role: str
    #: Public id; "" when it is the client's own contact or the vendor.
    stakeholder_id: str = ""
    #: Never empty: without one, the name the person is addressed by.
    first_name: str
    last_name: str = ""
    name: str
    email: str = ""
    phone: str = ""
    locale: str = "en"
    email_allowed: bool = True
    sms_allowed: bool = True
    #: IANA name of the zone this person lives by, as far as that is known.
    zone: str = "UTC"
    #: How this person would rather be written to; "" leaves it to the step.
    prefers: str = ""
    #: None: as the vendor says. False: never quiet.
    quiet: QuietHours | Literal[False] | None = None
    #: The way this copy takes.
    channel: Channel = "email"

    @property
    def of_couple(self) -> bool:
        """Tell whether it is one of the two."""
        return self.role in PARTNERS

    def address(self, channel: Channel) -> str:
        """Give the address for a channel; "" when there is none."""
        return self.email if channel == "email" else self.phone

    def can_get(self, channel: Channel) -> bool:
        """Tell whether there is an address for a channel, and the person wants to be written to there."""
        return bool(self.address(channel)) and (
            self.email_allowed if channel == "email" else self.sms_allowed
        )

    def through(self, channel: Channel, *, either: bool) -> Recipient:
        """Choose the way of this copy: the step's channel; with `either`, the one this person prefers or can get."""
        ways: list[Channel] = [channel]
        if either:
            other = OTHER_CHANNEL[channel]
            ways = [other, channel] if self.prefers == other else [channel, other]
        chosen = next((way for way in ways if self.can_get(way)), channel)
        return self if chosen == self.channel else replace(self, channel=chosen)

    def facts(self) -> dict[str, str]:
        """Give what texts read as `recipient`."""
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "name": self.name,
            "role": self.role,
            "email": self.email,
            "locale": self.locale,
        }


def recipients(
    wedding: Wedding | None,
    client: Client,
    roles: Iterable[str],
    *,
    channel: Channel = "email",
    either: bool = False,
) -> list[Recipient]:
    """Resolve roles to people, in the order of the roles; a role that nobody has gives nobody.

    "couple" is both partners, or the client's own contact when neither can be reached through the channel; "vendors"
    is everybody else who works at the wedding, "others" everybody but the couple. Two people with the same address get
    one copy. People without an address are kept, so that somebody is told. With `either`, each copy takes the way
    that its person prefers or can be reached by.
    """
    people = {} if wedding is None else {person.role: person for person in wedding.stakeholders.all()}
    found: list[Recipient] = []
    for role in roles:
        found.extend(_of_role(role, people, client, wedding, channel, either=either))
    kept: dict[str, Recipient] = {}
    for recipient in (one.through(channel, either=either) for one in found):
        address = recipient.address(recipient.channel)
        kept.setdefault(address.strip().lower() or f"nobody {recipient.role}", recipient)
    return list(kept.values())


def _of_role(
    role: str,
    people: Mapping[str, Stakeholder],
    client: Client,
    wedding: Wedding | None,
    channel: Channel,
    *,
    either: bool,
) -> list[Recipient]:
    if role == VENDOR:
        return [_vendor(client)]
    if role == COUPLE:
        partners = [_person(people[partner], client, wedding) for partner in PARTNERS if partner in people]
        reachable = [
            partner
            for partner in partners
            if partner.address(channel) or (either and partner.address(OTHER_CHANNEL[channel]))
        ]
        return reachable or [_client(client, wedding, people.get(PARTNERS[0]))]
    if role in {VENDORS, OTHERS}:
        return [
            _person(people[other], client, wedding)
            for other in sorted(people)
            if other not in PARTNERS and (role == OTHERS or other in TRADES)
        ]
    if role in people:
        return [_person(people[role], client, wedding)]
    return [_client(client, wedding, None)] if role == PARTNERS[0] else []


def _vendor(client: Client) -> Recipient:
    vendor = client.vendor
    return Recipient(
        role=VENDOR,
        first_name=vendor.name,
        name=vendor.name,
        email=vendor.email,
        phone=vendor.phone,
        zone=vendor.time_zone,
    )


def _person(person: Stakeholder, client: Client, wedding: Wedding | None) -> Recipient:
    name = full_name(person.first_name, person.last_name) or client.display_name
    of_couple = person.role in PARTNERS
    quiet = person.quiet_hours
    if quiet is None and of_couple:
        quiet = client.quiet_hours
    return Recipient(
        role=person.role,
        stakeholder_id=person.public_id,
        first_name=person.first_name or name,
        last_name=person.last_name,
        name=name,
        email=person.email,
        phone=person.phone,
        locale=person.locale or client.locale,
        email_allowed=person.email_allowed,
        sms_allowed=person.sms_allowed,
        zone=_zone(client, wedding, of_couple=of_couple),
        prefers=person.channel,
        quiet=_quiet(quiet),
    )


def _client(client: Client, wedding: Wedding | None, partner: Stakeholder | None) -> Recipient:
    """Give the client's own contact; what the first partner allows counts for it."""
    name = full_name(client.first_name, client.last_name) or client.display_name
    quiet = partner.quiet_hours if partner and partner.quiet_hours is not None else client.quiet_hours
    return Recipient(
        role=PARTNERS[0],
        first_name=client.first_name or name,
        last_name=client.last_name,
        name=name,
        email=client.email,
        phone=client.phone,
        locale=client.locale,
        email_allowed=partner.email_allowed if partner else True,
        sms_allowed=partner.sms_allowed if partner else True,
        zone=_zone(client, wedding, of_couple=True),
        prefers=partner.channel if partner else "",
        quiet=_quiet(quiet),
    )


def _zone(client: Client, wedding: Wedding | None, *, of_couple: bool) -> str:
    """Give the zone a person lives by: the couple's own where it is known, otherwise that of the wedding."""
    own = client.time_zone if of_couple else ""
    return own or (wedding.time_zone if wedding else client.vendor.time_zone)


def _quiet(setting: Any) -> QuietHours | Literal[False] | None:
    """Read what is stored: NULL, [] or two times."""
    if setting is None:
        return None
    return QuietHours.read(setting) if setting else False


def full_name(first_name: str, last_name: str) -> str:
    """Join the parts of a name that are known."""
    return " ".join(part for part in (first_name, last_name) if part)
