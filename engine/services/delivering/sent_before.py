"""What has gone out before a passage was put back to an earlier step, and so is not sent again.

Whoever puts a passage back says whether messages are kept: then each message that went out before, or may have,
stands for one of the same step to the same role behind the roll back. A loop that had gone round three times is
silent for three rounds, and writes in the fourth.

A step that asks for an answer is another case: its link belongs to the place that was left. Where it was answered
before, it is left the same way once more; where it was not, it asks anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.models import Message
from channels.services.sending import SENT_BEFORE
from engine.models import NodeExecution, RollBack
from engine.services.delivering.copies import Copy, instance_of
from engine.services.steps import Step
from journeys.language.going_back import outermost_visit
from journeys.language.outcomes import Deliver
from journeys.language.zones import local_time

#: Fates in which the person has the message, or may have it.
_SENT = (Message.Status.ACCEPTED, Message.Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class LeftBefore:
    """How a step that asks was left before."""

    port: str
    reason: str


def kept(
    step: Step, outcome: Deliver, copies: Sequence[Copy], *, also: Mapping[str, int] | None = None
) -> dict[str, str]:
    """Say which copies are not sent because they went out before, by key, with the reason in a sentence. Reads only.

    `also` counts, by role, copies of this step since the roll back that are in no ledger.
    """
    if outcome.then is not None or outcome.part:
        return {}
    roll_backs = _roll_backs(step)
    if not roll_backs:
        return {}
    last = [one.last_message for one in roll_backs]
    sent: dict[str, dict[int, list[Message]]] = defaultdict(lambda: defaultdict(list))
    since: Counter[str] = Counter(also or {})
    known = {copy.key for copy in copies}
    for row in _messages(step):
        role = row.key.rpartition(":")[2]
        times_before = bisect_left(last, row.id)
        if times_before < len(last):
            if row.status in _SENT or row.error_code == SENT_BEFORE:
                sent[role][times_before].append(row)
        elif row.key not in known:
            since[role] += 1
    found = {}
    for copy in copies:
        role = copy.key.rpartition(":")[2]
        most = max(sent[role].values(), key=len, default=[])
        if since[role] < len(most):
            found[copy.key] = _sentence(step, copy, most[since[role]])
    return found


def left_before(step: Step, outcome: Deliver) -> LeftBefore | None:
    """Say how a step that asks was left before the passage was put back; None where it is to ask. Reads only."""
    if outcome.then is None or step.claim.waiting is not None:
        return None
    roll_backs = _roll_backs(step)
    if not roll_backs:
        return None
    after = roll_backs[-1].after
    rows = NodeExecution.objects.filter(
        instance=instance_of(step), node_id=step.claim.node_id, status__in=NodeExecution.COMPLETED
    ).exclude(port="")
    done = list(rows.order_by("id").only("id", "port", "status", "at"))
    before = [one for one in done if one.id <= after and one.status == NodeExecution.Status.SUCCEEDED]
    turn = sum(1 for one in done if one.id > after)
    if turn >= len(before):
        return None
    earlier = before[turn]
    return LeftBefore(earlier.port, f"Not asked again: this was settled on {_day(step, earlier.at)}.")


def _roll_backs(step: Step) -> list[RollBack]:
    """Give the roll backs of the step's passage, oldest first; nothing where the last one sends everything again."""
    first_round = outermost_visit(step.claim.branch, step.claim.visit) == 1
    if first_round or instance_of(step).pk <= 0:
        return []  # Nothing that was put back is in its first round; what is only simulated has no past.
    found = list(RollBack.objects.filter(instance=instance_of(step)).order_by("number"))
    return found if found and found[-1].messages == RollBack.Messages.KEEP else []


def _messages(step: Step) -> list[Message]:
    rows = Message.objects.filter(instance_ref=instance_of(step).public_id, node_id=step.claim.node_id)
    fields = ("id", "key", "status", "error_code", "sending_at", "created_at")
    return list(rows.order_by("id").only(*fields))


def _sentence(step: Step, copy: Copy, before: Message) -> str:
    role = copy.recipient.role.replace("_", " ")
    got = "may have got it" if before.status == Message.Status.UNKNOWN else "got it"
    day = _day(step, before.sending_at or before.created_at)
    return f"Not sent again: {role} {got} on {day}, before the journey was rolled back."


def _day(step: Step, at: datetime) -> str:
    local = local_time(at, instance_of(step).vendor.time_zone)
    return f"{local.day} {local:%b %Y}"
