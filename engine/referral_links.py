"""The couples' own links: one each, made when it is first needed, the same for good."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from engine.models import ReferralLink
from journeys.fields import ALPHABET

#: 10 characters of base 57 carry 58 random bits: with the page's rate limit nobody finds one by trying.
CODE_LENGTH = 10
CODE = r"[2-9A-HJ-NP-Za-km-z]{10}"


def new_code() -> str:
    """Make a code that can be read out and not be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def links_of(clients: Mapping[int, int], *, now: datetime) -> dict[int, ReferralLink]:
    """Give the link of each client (vendor by client), made where there is none, in three queries at most.

    Two at once make one link.
    """
    found = {link.client_id: link for link in ReferralLink.objects.filter(client_id__in=clients)}
    missing = [client for client in clients if client not in found]
    if missing:
        fresh = [
            ReferralLink(vendor_id=clients[client], client_id=client, code=new_code(), created_at=now)
            for client in missing
        ]
        # A code that exists already is as good as impossible; its link is made at the next reading then.
        ReferralLink.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = ReferralLink.objects.filter(client_id__in=missing)
        found.update({link.client_id: link for link in rows})
    return found


def referral_url(link: ReferralLink) -> str:
    """Give the address that a couple passes on."""
    return f"{settings.PUBLIC_URL}/with/{link.code}"
