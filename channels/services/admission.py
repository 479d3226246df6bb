"""Whether a message may go to its provider now: the ledger's door to the circuits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.contract import SendResult
from channels.models import Message
from channels.services import circuits
from channels.services.circuits import Barred, Line
from channels.services.providers import provider_for

Status = Message.Status


@dataclass(slots=True)
class Permit:
    """Leave to hand one message over; as the probe of its account, where that has not worked."""

    line: Line | None = None
    probe: int = 0

    def give_back(self) -> None:
        """Say that nothing is handed over after all, so that another may be the probe."""
        if self.line is not None:
            circuits.release(self.line, probe=self.probe)
        self.line, self.probe = None, 0


def ask(*, channel: str, key: str, keys: Sequence[str] = (), now: datetime) -> Permit | Barred:
    """Say whether the message with this key may be prepared, inside the transaction that would prepare it.

    Where the account does not work, the rows of `keys` (all messages of one step) are locked first: messages come
    before circuits. What is known to be sent, or in doubt, may always be looked at: nothing is sent then.
    """
    line = circuits.account_of(provider_for(channel).name)
    circuit = circuits.troubled(line) if line else None
    if line is None or circuit is None:
        return Permit()
    rows = Message.objects.select_for_update().filter(key__in=[key, *keys]).order_by("id")
    status = dict(rows.values_list("key", "status")).get(key, Status.RETRY)
    if status != Status.RETRY:
        return Permit()
    answer = circuits.admit(circuit, now=now)
    return answer if isinstance(answer, Barred) else Permit(line, answer.probe)


def heard(message: Message, result: SendResult, *, permit: Permit, now: datetime) -> bool:
    """Let the account's circuit hear what came of a message, inside the transaction that records it.

    Tell whether it was a probe.
    """
    probe, permit.line, permit.probe = permit.probe, None, 0
    line = circuits.account_of(message.provider)
    if line is not None:
        circuits.heard(
            line,
            result.sign,
            code=result.code,
            reason=result.reason,
            asked=result.retry_after,
            probe=probe,
            now=now,
        )
    return probe > 0


def barred_now(message: Message, *, now: datetime) -> Barred | None:
    """Say until when nothing goes through the account of a message; None when all is well."""
    line = circuits.account_of(message.provider)
    return circuits.barred_now(line, now=now) if line else None
