"""Who a message goes to: roles, resolved for one wedding at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from journeys.models import Client, Stakeholder, Wedding

#: Both partners.
COUPLE = "couple"
#: The vendor itself.
VENDOR = "vendor"
PARTNERS = ("partner_1", "partner_2")

Channel = Literal["email", "sms"]


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

    def address(self, channel: Channel) -> str:
        """Give the address for a channel; "" when there is none."""
        return self.email if channel == "email" else self.phone

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
    wedding: Wedding | None, client: Client, roles: Iterable[str], *, channel: Channel = "email"
) -> list[Recipient]:
    """Resolve roles to people, in the order of the roles; a role that nobody has gives nobody.

    "couple" is both partners, or the client's own contact when neither can be reached through the channel.
    Two people with the same address get one copy. People without an address are kept, so that somebody is told.
    """
    people = {} if wedding is None else {person.role: person for person in wedding.stakeholders.all()}
    found: list[Recipient] = []
    for role in roles:
        found.extend(_of_role(role, people, client, channel))
    kept: dict[str, Recipient] = {}
    for recipient in found:
        address = recipient.address(channel)
        kept.setdefault(address.lower() or f"nobody {recipient.role}", recipient)
    return list(kept.values())


def _of_role(role: str, people: dict[str, Stakeholder], client: Client, channel: Channel) -> list[Recipient]:
    if role == VENDOR:
        vendor = client.vendor
        return [
            Recipient(
                role=VENDOR, first_name=vendor.name, name=vendor.name, email=vendor.email, phone=vendor.phone
            )
        ]
    if role == COUPLE:
        partners = [_person(people[partner], client) for partner in PARTNERS if partner in people]
        reachable = [partner for partner in partners if partner.address(channel)]
        return reachable or [_client(client, people.get(PARTNERS[0]))]
    if role in people:
        return [_person(people[role], client)]
    return [_client(client, None)] if role == PARTNERS[0] else []


def _person(person: Stakeholder, client: Client) -> Recipient:
    name = full_name(person.first_name, person.last_name) or client.display_name
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
    )


def _client(client: Client, partner: Stakeholder | None) -> Recipient:
    """Give the client's own contact; what the first partner allows counts for it."""
    name = full_name(client.first_name, client.last_name) or client.display_name
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
    )


def full_name(first_name: str, last_name: str) -> str:
    """Join the parts of a name that are known."""
    return " ".join(part for part in (first_name, last_name) if part)
