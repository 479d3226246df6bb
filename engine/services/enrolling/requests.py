"""Ask for many clients to enter a journey; hold, let go on and end what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from engine.fact_roots.happenings import empty_money
from engine.graphs import graph_of
from engine.models import Enrollment
from journeys.errors import Conflict, Invalid
from journeys.language.errors import DefinitionInvalid, ExpressionError
from journeys.language.expressions import compile_expression
from journeys.models import Client, Journey, Vendor
from journeys.scoping import owned_by
from journeys.services import audit

State = Enrollment.State

#: Clients that one request may name; for more, say what they have in common.
MOST_LISTED = 10_000
#: What a condition may read.
ROOTS = frozenset({"client", "wedding", "people", "vendor", "now", *empty_money()})


@dataclass(frozen=True, slots=True)
class Who:
    """Which clients of a vendor: those that fit everything that is said."""

    #: Public ids; None says nothing.
    clients: tuple[str, ...] | None = None
    tag: str = ""
    status: str = ""
    #: A condition of the expression language.
    condition: str = ""
    #: Every client of the vendor; said on purpose, because a request that says nothing is a mistake.
    everybody: bool = False


def enrollment_begin(
    *,
    vendor: Vendor,
    journey: Journey,
    who: Who,
    variables: Mapping[str, Any],
    per_hour: int | None = None,
    dry_run: bool = False,
    now: datetime,
    actor: str,
) -> Enrollment:
    """Write down that clients are to enter a journey, in one transaction; nobody has entered yet then.

    Clients who come later are not meant, even where they fit. A second call is a second request: who has entered by
    the first is refused by the rules of the journey.

    Raises:
        Conflict: the journey is not published (`not_published`).
        Invalid: `nobody_named`; `unknown_client` (details name some), `too_many`; `bad_condition`; `other_vendor`; a
            variable is missing, unknown or of the wrong kind.
    """
    if journey.vendor_id != vendor.id:
        message = "The journey must belong to the vendor."
        raise Invalid(message, code="other_vendor")
    _check_who(who)
    _check_variables(journey, variables)
    with transaction.atomic():
        clients = owned_by(vendor, Client)
        enrollment = Enrollment.objects.create(
            vendor=vendor,
            journey=journey,
            dry_run=dry_run,
            listed=_numbers(clients, who.clients) if who.clients is not None else None,
            tag=who.tag,
            status=who.status,
            condition=who.condition,
            variables=dict(variables),
            per_hour=per_hour,
            last=clients.aggregate(last=Max("id"))["last"] or 0,
            paced_from=now,
            made_at=now,
            made_by=actor[: audit.LONGEST_ACTOR],
        )
        audit.record(
            vendor, actor, "enrollment.begun", enrollment, now, journey=journey.public_id, dry_run=dry_run
        )
    return enrollment


def enrollment_pause(*, enrollment: Enrollment, now: datetime, actor: str) -> Enrollment:
    """Let nobody else enter by this request until it goes on; who has entered stays inside. Twice changes nothing.

    Raises:
        Conflict: it has ended (`ended`).
    """
    return _turn(enrollment, State.PAUSED, "enrollment.paused", now=now, actor=actor)


def enrollment_resume(*, enrollment: Enrollment, now: datetime, actor: str) -> Enrollment:
    """Let a paused request go on where it stands; the pace counts from now. Twice changes nothing.

    Raises:
        Conflict: it has ended (`ended`).
    """
    return _turn(enrollment, State.RUNNING, "enrollment.resumed", now=now, actor=actor)


def enrollment_cancel(*, enrollment: Enrollment, now: datetime, actor: str) -> Enrollment:
    """End a request before all have entered; who has entered stays inside. Twice changes nothing.

    Raises:
        Conflict: it has ended another way (`ended`).
    """
    return _turn(enrollment, State.CANCELLED, "enrollment.cancelled", now=now, actor=actor)


def _turn(enrollment: Enrollment, state: str, action: str, *, now: datetime, actor: str) -> Enrollment:
    """Set the state; clients who are being decided about at this moment are waited for."""
    with transaction.atomic():
        locked = Enrollment.objects.select_for_update(of=("self",)).select_related("vendor", "journey")
        enrollment = locked.get(id=enrollment.id)
        if enrollment.state == state:
            return enrollment
        if enrollment.state not in Enrollment.OPEN:
            raise Conflict("This enrollment has ended: ask for a new one.", code="ended")
        enrollment.state = state
        if state == State.RUNNING:
            enrollment.paced_from, enrollment.paced_after = now, enrollment.entered
        if state == State.CANCELLED:
            enrollment.finished_at = now
        enrollment.save(update_fields=["state", "paced_from", "paced_after", "finished_at"])
        audit.record(enrollment.vendor, actor, action, enrollment, now, entered=enrollment.entered)
    return enrollment


def _check_who(who: Who) -> None:
    if who.everybody is not (who == Who(everybody=True)) or who == Who():
        message = (
            "Say who is to enter: clients, tag, status or condition; or everybody, and nothing beside it."
        )
        raise Invalid(message, code="nobody_named")
    if not who.condition:
        return
    try:
        reads = compile_expression(who.condition).paths()
    except ExpressionError as error:
        raise Invalid(str(error), code="bad_condition") from error
    unknown = sorted({path.partition(".")[0] for path in reads} - ROOTS)
    if unknown:
        message = f"The condition reads {unknown[0]!r}, which a client outside the journey does not have."
        raise Invalid(message, code="bad_condition", details={"known": sorted(ROOTS)})


def _check_variables(journey: Journey, variables: Mapping[str, Any]) -> None:
    if journey.current_version_id is None or journey.status != Journey.Status.ACTIVE:
        raise Conflict("This journey is not published: publish it first.", code="not_published")
    try:
        graph_of(journey.current_version_id).start_variables(variables)
    except DefinitionInvalid as error:
        first = error.problems[0]
        details = {"problems": [problem.as_dict() for problem in error.problems]}
        raise Invalid(first.message, code=first.code, details=details) from error


def _numbers(clients: QuerySet[Client], public_ids: Sequence[str]) -> list[int]:
    wanted = set(public_ids)
    if len(wanted) > MOST_LISTED:
        message = f"Name no more than {MOST_LISTED:,} clients at once, or say what they have in common."
        raise Invalid(message, code="too_many")
    found = dict(clients.filter(public_id__in=wanted).values_list("public_id", "id"))
    unknown = sorted(wanted - found.keys())
    if unknown:
        message = f"There is no client {unknown[0]}" + (
            f", nor {len(unknown) - 1:,} others." if unknown[1:] else "."
        )
        raise Invalid(message, code="unknown_client", details={"clients": unknown[:20]})
    return sorted(found.values())
