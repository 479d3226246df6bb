"""Start, pause, resume, cancel and retry instances; end what is theirs with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from django.db import transaction

from channels.services import sending
from engine import signals
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, Schedule, TicketLine, TriggerEvent
from engine.services import beginning, dispatch, entering, interventions, ticket_lines
from engine.services.leaving import write_left
from engine.services.pausing import TICKET, changed, go_on, pause
from journeys.errors import Conflict, Invalid
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph
from journeys.language.zones import local_instant
from journeys.models import Client, Journey, Vendor, Wedding
from journeys.selectors import main_wedding
from journeys.services import audit

Status = Instance.Status


def wedding_start(wedding: Wedding | None) -> datetime | None:
    """Give the instant (UTC) at which the wedding's day begins where it is, or None without a date."""
    if wedding is None or wedding.date is None:
        return None
    return local_instant(wedding.date, time(), wedding.time_zone)


def instance_start(
    *,
    vendor: Vendor,
    journey: Journey,
    client: Client,
    variables: Mapping[str, Any],
    now: datetime,
    actor: str,
    event: TriggerEvent | None = None,
    wedding: Wedding | None = None,
    started_by: str = "",
) -> Instance:
    """Start a client's passage through the journey's current version, in one transaction.

    The first step is rung for on commit. `wedding` defaults to the client's main one. `started_by` is the place of
    the step that starts it as a sub-journey.

    Raises:
        Conflict: the client may not enter (the codes of `entering.admit`).
        Invalid: a variable is missing, unknown or of the wrong kind.
    """
    if journey.vendor_id != vendor.id or client.vendor_id != vendor.id:
        message = "The journey and the client must belong to the same vendor."
        raise Invalid(message, code="other_vendor")
    with transaction.atomic():
        wedding = _with_its_date_held(wedding or main_wedding(client))
        admission = entering.admit(journey=journey, client=client, now=now)
        graph = graph_of(admission.version_id)
        values = _variables(graph, variables)
        instance = Instance(
            vendor=vendor,
            journey=journey,
            version_id=admission.version_id,
            exclusive=admission.exclusive,
            client=client,
            wedding=wedding,
            trigger_event=event,
            started_by=started_by,
            variables=values,
            started_at=now,
        )
        first = beginning.begin(
            instance, node_id=graph.start.id, wedding_at=wedding_start(wedding), actor=actor
        )
        signals.instance_changed.send(
            sender=Instance, instances=[instance], now=now, actor=actor, action="instance.started"
        )
        signals.instance_started.send(sender=Instance, instance=instance, now=now, actor=actor)
        dispatch.offer_on_commit([first], now=now)
    return instance


def _with_its_date_held(wedding: Wedding | None) -> Wedding | None:
    """Read a wedding anew and let nobody move it until the transaction ends.

    A move that is under way is waited for; a later one finds the instance and takes it along.
    """
    if wedding is None:
        return None
    return Wedding.objects.select_for_update(no_key=True).get(id=wedding.id)


def _variables(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return graph.start_variables(given)
    except DefinitionInvalid as error:
        first = error.problems[0]
        details = {"problems": [problem.as_dict() for problem in error.problems]}
        raise Invalid(first.message, code=first.code, details=details) from error


def _locked(instance: Instance) -> Instance:
    return Instance.objects.select_for_update().get(id=instance.id)


def instance_pause(*, instance: Instance, now: datetime, actor: str, reason: str = "") -> Instance:
    """Hold an instance where it is; what is at the provider already can not be called back.

    Pausing a paused instance changes nothing, but one that only its tickets hold is held by the person from then on:
    it stays paused when they are resolved.

    Raises:
        Conflict: it has ended (`ended`).
    """
    with transaction.atomic():
        instance = _locked(instance)
        if instance.status == Status.PAUSED and instance.paused_by != TICKET:
            return instance
        if instance.status not in Instance.LIVE:
            raise Conflict("This journey has ended for the client: there is nothing to pause.", code="ended")
        pause(instance, by=actor, reason=reason)
        return changed(instance, "instance.paused", now=now, actor=actor, reason=reason)


def instance_resume(*, instance: Instance, now: datetime, actor: str, reason: str = "") -> Instance:
    """Let a paused instance go on; what became due meanwhile follows its late rule. Twice changes nothing.

    Raises:
        Conflict: it has ended (`ended`).
    """
    with transaction.atomic():
        instance = _locked(instance)
        if instance.status == Status.ACTIVE:
            return instance
        if instance.status != Status.PAUSED:
            raise Conflict("This journey has ended for the client: start it anew instead.", code="ended")
        go_on(instance, now=now)
        return changed(instance, "instance.resumed", now=now, actor=actor, reason=reason)


def instance_cancel(*, instance: Instance, now: datetime, actor: str, reason: str = "") -> Instance:
    """End an instance for good: its places and open tickets go. Cancelling a cancelled one changes nothing.

    Raises:
        Conflict: it has ended another way (`ended`).
    """
    with transaction.atomic():
        instance = _locked(instance)
        if instance.status == Status.CANCELLED:
            return instance
        if instance.status not in Instance.LIVE:
            raise Conflict("This journey has ended for the client already.", code="ended")
        instance.status, instance.reason, instance.finished_at = Status.CANCELLED, reason[:300], now
        instance.paused_by = ""
        instance.save(update_fields=["status", "reason", "finished_at", "paused_by"])
        # The tickets first: a provider's report that settles one goes from the ticket to its place.
        interventions.close_all(instance=instance, resolution="cancel", now=now, actor=actor)
        standing = list(Schedule.objects.filter(instance=instance).order_by("id"))
        write_left(
            standing,
            instance=instance,
            status=NodeExecution.Status.CANCELLED,
            reason=reason or "The journey was stopped.",
            now=now,
        )
        Schedule.objects.filter(instance=instance).delete()
        sending.give_up(place=f"{instance.public_id}:", now=now)
        return changed(instance, "instance.cancelled", now=now, actor=actor, reason=reason)


def instance_retry(*, instance: Instance, now: datetime, actor: str, reason: str = "") -> Instance:
    """Try again at once whatever failed: open tickets are retried, and pauses between attempts cut short.

    Raises:
        Conflict: nothing of it has failed (`nothing_to_retry`), or it has ended (`ended`).
    """
    with transaction.atomic():
        instance = _locked(instance)
        if instance.status not in Instance.LIVE:
            raise Conflict("This journey has ended for the client: start it anew instead.", code="ended")
        stopped = TicketLine.objects.filter(instance=instance, status=TicketLine.Status.OPEN).order_by("id")
        retried = [ticket_lines.line_retry(line=one, now=now, actor=actor) for one in stopped]
        between = Schedule.objects.filter(
            instance=instance, state=Schedule.State.WAITING, attempt__gt=0, due_at__gt=now
        )
        ids = list(between.values_list("id", flat=True))
        between.update(due_at=now, reason="")
        if not retried and not ids:
            raise Conflict("Nothing of this journey has failed for the client.", code="nothing_to_retry")
        dispatch.offer_on_commit(ids, now=now)
        return changed(instance, "instance.retried", now=now, actor=actor, reason=reason)


#: What those who are told of an end read of it.
_ENDED = """
SELECT id, public_id, vendor_id, client_id, journey_id, version_id, status, started_by
FROM engine_instance WHERE id = ANY(%s) ORDER BY id
"""


def tell_finished(instance_ids: Sequence[int], *, now: datetime) -> None:
    """Tell observers and the audit of instances that a commit ended, inside its transaction."""
    if not instance_ids:
        return
    ended = list(Instance.objects.raw(_ENDED, [list(instance_ids)]))
    audit.record_all([(one.vendor_id, "engine", one) for one in ended], action="instance.completed", now=now)
    signals.instance_changed.send(sender=Instance, instances=ended, now=now, actor="engine")
