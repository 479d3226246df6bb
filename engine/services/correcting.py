"""Put the data right that stopped a step: an address, a field of the client, a variable; then do the step again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from engine.graphs import graph_of
from engine.models import Instance, InterventionTicket, TicketLine
from engine.services.claims import lock_instances
from engine.services.ticket_lines import again
from engine.services.tickets import Worked, ticket_work
from engine.services.waking import wake
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Stakeholder, Wedding
from journeys.services import audit
from journeys.services.clients import client_change
from journeys.services.weddings import StakeholderData, stakeholder_set

_PERSON = tuple(one.name for one in fields(StakeholderData))


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was wrong, put right; None and what is left out stay as they are."""

    email: str | None = None
    phone: str | None = None
    #: Whose address: a role at the wedding; "" for the client.
    role: str = ""
    #: Laid over the client's own fields.
    fields: Mapping[str, Any] = field(default_factory=dict)
    #: Laid over the instance's variables.
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is put right."""
        return self.email is None and self.phone is None and not self.fields and not self.variables


def ticket_edit_and_retry(
    *,
    ticket: InterventionTicket,
    correction: Correction,
    line_ids: Sequence[str] | None = None,
    now: datetime,
    actor: str,
) -> Worked:
    """Put the data of one client right, then do the steps again that it has stopped.

    The data is written in a transaction of its own, before the lines are locked; it stays right even where a step can
    not be done again. A second call finds the lines resolved.

    Raises:
        Conflict: the ticket is resolved (`resolved`), or its lines are of several clients (`several_clients`).
        Invalid: nothing is put right (`nothing_to_edit`), a value can not be used (the code names it), or a line is
            not an open one of this ticket (`unknown_line`).
    """
    if correction.is_empty:
        raise Invalid(
            "Say what is to be put right: an address, a field or a variable.", code="nothing_to_edit"
        )
    lines = TicketLine.objects.filter(ticket=ticket, status=TicketLine.Status.OPEN)
    if line_ids is not None:
        lines = lines.filter(public_id__in=line_ids)
    instances = list(
        Instance.objects.filter(ticket_lines__in=lines)
        .select_related("vendor", "client", "wedding")
        .distinct()
        .order_by("id")
    )
    if len({one.client_id for one in instances}) > 1:
        message = "These steps are of several couples. Choose the lines of one of them."
        raise Conflict(message, code="several_clients")
    if instances:
        correct(instances=instances, correction=correction, now=now, actor=actor)
    deed = partial(again, resolution="edit")
    return ticket_work(ticket=ticket, deed=deed, name="edit", line_ids=line_ids, now=now, actor=actor)


def correct(*, instances: Sequence[Instance], correction: Correction, now: datetime, actor: str) -> None:
    """Write corrected data of one client and of its instances, in one transaction; twice changes nothing more.

    Raises:
        Invalid: a value can not be used; the code names it.
    """
    first = instances[0]
    with transaction.atomic():
        if correction.role and (correction.email is not None or correction.phone is not None):
            _correct_person(first.wedding, correction, now=now, actor=actor)
            _correct_client(first.client, None, None, correction.fields, now=now, actor=actor)
        else:
            _correct_client(
                first.client, correction.email, correction.phone, correction.fields, now=now, actor=actor
            )
        if correction.variables:
            lock_instances([one.id for one in instances])
            for instance in instances:
                _set_variables(instance, correction.variables, now=now, actor=actor)


def _correct_client(
    client: Client,
    email: str | None,
    phone: str | None,
    own: Mapping[str, Any],
    *,
    now: datetime,
    actor: str,
) -> None:
    if email is not None or phone is not None or own:
        client_change(client=client, email=email, phone=phone, fields=own or None, now=now, actor=actor)


def _correct_person(wedding: Wedding | None, correction: Correction, *, now: datetime, actor: str) -> None:
    """Write one person's address and leave the rest of that person as it is."""
    known = Stakeholder.objects.filter(wedding=wedding, role=correction.role).first() if wedding else None
    if wedding is None or known is None:
        raise Invalid(
            f"This wedding has nobody as {correction.role!r}: add the person.", code="no_such_person"
        )
    values = {name: getattr(known, name) for name in _PERSON}
    if correction.email is not None:
        values["email"] = correction.email
    if correction.phone is not None:
        values["phone"] = correction.phone
    stakeholder_set(wedding=wedding, person=StakeholderData(**values), now=now, actor=actor)


def _set_variables(instance: Instance, variables: Mapping[str, Any], *, now: datetime, actor: str) -> None:
    """Lay values over an instance's variables; the caller holds its lock."""
    instance.refresh_from_db(fields=["variables", "version"])
    declared = graph_of(instance.version_id).variables
    for name, value in variables.items():
        if name not in declared:
            raise Invalid(f"The journey declares no variable {name!r}.", code="unknown_variable")
        if not declared[name].accepts(value):
            message = f"The variable {name!r} takes a {declared[name].kind}: give another value."
            raise Invalid(message, code="bad_variable")
    instance.variables = {**(instance.variables or {}), **variables}
    instance.save(update_fields=["variables"])
    audit.record(instance.vendor, actor, "instance.variables_set", instance, now, names=sorted(variables))
    wake(client_id=instance.client_id, topics=["variables"], now=now)
