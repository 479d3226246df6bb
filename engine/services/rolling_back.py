"""Put a passage back to an earlier step: what stands is taken away, and one token begins anew there.

What has happened stays happened: history and ledger keep their rows, and every place from here on is a new one, for
the passage goes on in a round of its own. A step that is being decided is waited for; one that is at a provider loses
its place, and what the provider answers is still written into the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from channels.models import Message
from channels.services import sending
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, RollBack, Schedule
from engine.services import dispatch, ending, entering, interventions
from engine.services.claims import lock_instances
from engine.services.instances import wedding_start
from engine.services.pausing import TICKET, changed
from journeys import selectors
from journeys.errors import Conflict, Invalid
from journeys.language.calendar import Due
from journeys.language.errors import LanguageError
from journeys.language.going_back import At, next_visit, split_around
from journeys.language.graph import Graph
from journeys.language.transitions import MAX_VISITS, arrive
from journeys.models import Wedding

State = Schedule.State
Status = Instance.Status


@dataclass(frozen=True, slots=True)
class Wish:
    """To which step, and how."""

    node_id: str
    #: `RollBack.Messages`.
    messages: str = RollBack.Messages.KEEP.value
    #: `RollBack.Due`.
    due: str = RollBack.Due.BY_ITS_TIMING.value
    #: The number that the roll back is to have, so that it happens once however often it is asked for; None: the next.
    number: int | None = None
    reason: str = ""


def instance_roll_back(*, instance: Instance, wish: Wish, now: datetime, actor: str) -> RollBack:
    """Put a passage back, live or ended, in one transaction; a paused one stays paused where a person paused it.

    Locks the wedding, the client in this journey, and the instance. Asked again with the same number, or before
    anything has happened since, it changes nothing and gives the same row.

    Raises:
        Invalid: `unknown_step`, `inside_split` (details name the split to go back to), `not_reached`.
        Conflict: `rolled_back_meanwhile` (the number is taken by another roll back), `too_many_rounds`; for a passage
            that has ended also the codes of `entering.readmit`.
    """
    with transaction.atomic():
        instance = _held(instance)
        done = list(RollBack.objects.filter(instance=instance).order_by("number"))
        repeated = _repeated(done, wish)
        if repeated is not None:
            return repeated
        graph = graph_for(instance)
        places = _places(instance)
        _check(graph, wish.node_id, places)
        standing = list(Schedule.objects.filter(instance=instance).order_by("id"))
        if done and _is_still(done[-1], wish, standing):
            return done[-1]
        visit = next_visit([*places, *((one.node_id, "", one.visit) for one in done)])
        if visit > MAX_VISITS:
            message = f"This journey has gone round {MAX_VISITS} times for the client: start it anew instead."
            raise Conflict(message, code="too_many_rounds")
        if instance.status not in Instance.LIVE:
            entering.readmit(instance=instance, now=now)
        status_before = instance.status
        _clear(instance, standing, graph, wish, now=now, actor=actor)
        row = RollBack.objects.create(
            vendor_id=instance.vendor_id,
            instance=instance,
            number=len(done) + 1,
            node_id=wish.node_id,
            visit=visit,
            messages=wish.messages,
            due=wish.due,
            taken=[_written(one) for one in standing],
            status_before=status_before,
            reason=wish.reason[:300],
            # Read when the places are gone: whoever was writing in their name has ended by then.
            after=NodeExecution.objects.filter(instance=instance).aggregate(last=Max("id"))["last"] or 0,
            last_message=_last_message(instance),
            made_at=now,
            made_by=actor[:100],
        )
        _begin_anew(instance, row, graph, now=now)
        changed(
            instance,
            "instance.rolled_back",
            now=now,
            actor=actor,
            node=row.node_id,
            number=row.number,
            messages=row.messages,
            due=row.due,
            reason=row.reason,
        )
        return row


def _held(instance: Instance) -> Instance:
    """Lock everything that decides whether and where the passage may stand, in the usual order."""
    if instance.wedding_id is not None:
        Wedding.objects.select_for_update(no_key=True).get(id=instance.wedding_id)
    entering.one_at_a_time(instance.journey, instance.client)
    lock_instances([instance.id])
    rows = Instance.objects.select_related("vendor", "journey", "client", "wedding", "version")
    return rows.get(id=instance.id)


def _repeated(done: Sequence[RollBack], wish: Wish) -> RollBack | None:
    """Give the roll back of the wished number when it has happened.

    Raises:
        Conflict: the number is another roll back's, or not the next one.
    """
    if wish.number is None or wish.number == len(done) + 1:
        return None
    same = [one for one in done if one.number == wish.number and _is_same(one, wish)]
    if same:
        return same[0]
    message = "This journey was rolled back by somebody else meanwhile: look at it again first."
    raise Conflict(message, code="rolled_back_meanwhile")


def _is_same(row: RollBack, wish: Wish) -> bool:
    return (row.node_id, row.messages, row.due) == (wish.node_id, wish.messages, wish.due)


def _is_still(last: RollBack, wish: Wish, standing: Sequence[Schedule]) -> bool:
    """Tell whether the passage stands just as the last roll back left it, which is what is wished for."""
    return (
        _is_same(last, wish)
        and [(one.node_id, one.branch, one.visit) for one in standing] == [(last.node_id, "", last.visit)]
        and not NodeExecution.objects.filter(instance_id=last.instance_id, id__gt=last.after).exists()
    )


def graph_for(instance: Instance) -> Graph:
    """Read the version that the passage is in.

    Raises:
        Conflict: it can not be read any more (`version_unreadable`).
    """
    try:
        return graph_of(instance.version_id)
    except LanguageError as error:
        message = (
            "This version uses a kind of step that is not installed any more: move the client to another one."
        )
        raise Conflict(message, code="version_unreadable") from error


def _places(instance: Instance) -> list[At]:
    """Give every place where the passage stands or has stood."""
    columns = ("node_id", "branch", "visit")
    been = NodeExecution.objects.filter(instance=instance).values_list(*columns).distinct()
    return [*been, *Schedule.objects.filter(instance=instance).values_list(*columns)]


def _check(graph: Graph, node_id: str, places: Sequence[At]) -> None:
    node = graph.nodes.get(node_id)
    if node is None:
        raise Invalid(f"This journey has no step {node_id!r}.", code="unknown_step")
    split = split_around(graph, node_id)
    if split is not None:
        raise Invalid(
            f"{node.name or node.id} is in a branch of {graph.nodes[split].name or split}: roll back to that step, "
            "from which all its branches begin anew.",
            code="inside_split",
            details={"split": split},
        )
    if node_id not in {place[0] for place in places}:
        message = f"The client has not been at {node.name or node.id} yet: choose a step that was reached."
        raise Invalid(message, code="not_reached")


def reached_steps(instance: Instance) -> list[tuple[str, str]]:
    """Give the steps to which a passage may be put back, as (id, name) in the order of the journey; none for none.

    Reads only. A version that can not be read any more has none.
    """
    try:
        graph = graph_of(instance.version_id)
    except LanguageError:
        return []
    been = {place[0] for place in _places(instance)}
    order = [graph.start.id, *(way.target for way in graph.ahead(graph.start.id))]
    order += [name for name in graph.nodes if name not in order]
    return [
        (name, graph.nodes[name].name or name)
        for name in order
        if name in been and split_around(graph, name) is None
    ]


def _clear(
    instance: Instance, standing: Sequence[Schedule], graph: Graph, wish: Wish, *, now: datetime, actor: str
) -> None:
    """Take away what stands, with its tickets and what is open of its messages.

    The tickets first: a provider's report that settles one goes from the ticket to its place.
    """
    name = graph.nodes[wish.node_id].name or wish.node_id
    reason = f"Rolled back to {name} by {actor}. {wish.reason}".strip()
    interventions.close_all(instance=instance, resolution="rolled_back", now=now, actor=actor)
    ending.take_away(standing, instance=instance, reason=reason, now=now)
    sending.give_up(place=f"{instance.public_id}:", now=now)


def _written(schedule: Schedule) -> dict[str, object]:
    return {
        "node": schedule.node_id,
        "branch": schedule.branch,
        "visit": schedule.visit,
        "state": schedule.state,
    }


def _last_message(instance: Instance) -> int:
    rows = Message.objects.filter(instance_ref=instance.public_id)
    return rows.aggregate(last=Max("id"))["last"] or 0


def _begin_anew(instance: Instance, row: RollBack, graph: Graph, *, now: datetime) -> None:
    """Let the passage live where it had ended or only its tickets held it, and place the one token."""
    if instance.status not in Instance.LIVE or instance.paused_by == TICKET:
        instance.status, instance.reason, instance.paused_by = Status.ACTIVE, "", ""
    instance.result, instance.finished_at = "", None
    instance.save(update_fields=["status", "reason", "paused_by", "result", "finished_at"])
    due = _due(instance, row, graph, now=now)
    schedule = Schedule.objects.create(
        vendor_id=instance.vendor_id,
        instance=instance,
        node_id=row.node_id,
        visit=row.visit,
        state=State.WAITING if due.instant else State.PARKED,
        due_at=due.instant,
        meant=due.meant,
        reason=(due.missing or "")[:300],
        outside=graph.nodes[row.node_id].node_type.outside,
        wedding_at=wedding_start(instance.wedding),
        placed_at=now,
    )
    if due.instant is not None and due.instant <= now and instance.status == Status.ACTIVE:
        dispatch.offer_on_commit([schedule.id], now=now)


def _due(instance: Instance, row: RollBack, graph: Graph, *, now: datetime) -> Due:
    """Give when the step is due: at once, whatever it hangs on, or by its own timing."""
    if row.due == RollBack.Due.NOW:
        return Due(now, None, None)
    calendar = selectors.calendar_of(instance.wedding, instance.vendor)
    return arrive(graph, row.node_id, branch="", visit=row.visit, calendar=calendar, now=now).due
