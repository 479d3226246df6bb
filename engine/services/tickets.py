"""Work intervention tickets: do the step again, leave it out, or end the journey for this client."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from engine.models import InterventionTicket
from engine.services.instances import instance_cancel
from engine.services.interventions import locked, parked, resolve, ticket_retry
from engine.services.runner import skip_parked

__all__ = ["ticket_cancel", "ticket_retry", "ticket_skip"]


def ticket_skip(*, ticket: InterventionTicket, now: datetime, actor: str) -> InterventionTicket:
    """Leave the step undone and go on with what follows it, in one transaction.

    Raises:
        Conflict: the ticket is resolved (`resolved`) or its step is gone (`moved_on`).
    """
    with transaction.atomic():
        ticket = locked(ticket)
        skip_parked(parked(ticket), reason=f"Skipped by {actor}.", now=now)
        return resolve(ticket, "skip", now=now, actor=actor)


def ticket_cancel(*, ticket: InterventionTicket, now: datetime, actor: str) -> InterventionTicket:
    """End the instance the ticket belongs to, and with it the ticket.

    Raises:
        Conflict: the ticket is resolved (`resolved`).
    """
    with transaction.atomic():
        ticket = locked(ticket)
        instance_cancel(instance=ticket.instance, now=now, actor=actor, reason=ticket.summary)
        return InterventionTicket.objects.get(id=ticket.id)
