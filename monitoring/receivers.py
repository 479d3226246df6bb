"""What the layers below tell: steps, instances, tickets and messages go to the live stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from channels.models import Message
from channels.signals import message_reported, message_settled
from engine.models import Instance, InterventionTicket, TicketLine
from engine.services.results import StepNote
from engine.signals import clients_enrolled, instance_changed, steps_committed, ticket_changed
from monitoring.stream import Event, tell


@receiver(steps_committed)
def tell_steps(*, steps: Sequence[StepNote], **_kwargs: Any) -> None:
    """Tell of a commit's steps, in one entry for each vendor."""
    by_vendor: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        by_vendor[step.vendor_id].append(
            {"instance": step.instance_id, "node": step.node_id, "status": step.status}
        )
    tell([Event(vendor_id, "step", {"steps": told}) for vendor_id, told in by_vendor.items()])


@receiver(instance_changed)
def tell_instances(*, instances: Sequence[Instance], **_kwargs: Any) -> None:
    """Tell of instances that were started, paused, resumed, canceled or finished."""
    tell([Event(one.vendor_id, "instance", {"instance": one.pk, "status": one.status}) for one in instances])


@receiver(clients_enrolled)
def tell_enrolled(*, vendor_id: int, instance_ids: Sequence[int], **_kwargs: Any) -> None:
    """Tell of many instances that were started by naming the last: whoever hears it reads everything anew."""
    tell([Event(vendor_id, "instance", {"instance": instance_ids[-1], "status": Instance.Status.ACTIVE})])


@receiver(ticket_changed)
def tell_ticket(*, ticket: InterventionTicket, line: TicketLine | None, **_kwargs: Any) -> None:
    """Tell of a ticket that was opened, raised or settled, or of a step that it has stopped or let go."""
    about: dict[str, Any] = {"status": (line or ticket).status}
    if line is not None:
        about["instance"] = line.instance_id
    tell([Event(ticket.vendor_id, "ticket", about)])


@receiver(message_settled)
@receiver(message_reported)
def tell_message(*, message: Message, **_kwargs: Any) -> None:
    """Tell that something new is known about a message."""
    tell([Event(message.vendor_id, "message", {"client": message.client_id, "status": message.status})])
