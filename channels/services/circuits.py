"""Circuits: leave alone what does not work, find out with one probe when it works again, and let people set it.

The caller owns the step, and the order of locks: its message (or call) first, the circuit last.

1. `troubled`, in the transaction that is about to write the ledger: None goes on, which is all that a circuit costs
   while everything works.
2. Otherwise `admit` says who waits until when. At most one goes through as the probe, under a number.
3. `heard`, in the transaction that records the result. It writes only for a failure, and for the result of a probe.

A probe that never comes back (its process died, its step was taken away) is given up when its lease ends. A result that
belongs to no probe changes nothing while the circuit is open: it was under way when it opened.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from channels.contract import Sign
from channels.models import Circuit, Message
from channels.registry import adapter_named, adapters
from channels.signals import circuit_changed
from journeys.language.retries import RetryPolicy
from journeys.models import Vendor
from journeys.services import audit

State = Circuit.State
Forced = Circuit.Forced

#: Failures that are older say nothing about now.
WINDOW = timedelta(minutes=2)
#: Of so many results the failures are counted.
LOOKED_AT = 10
#: So many failures of LOOKED_AT results open it, where none of them says that nothing can go through.
TROUBLES = 5
MISFITS = 3
#: How long it stays open: up to 30 s, doubled each time in a row, 15 min at most.
OPEN_FOR = RetryPolicy(base_seconds=30, cap_seconds=900)
#: But never less than this, and not longer than that, whatever the other side asks for.
LEAST_OPEN = timedelta(seconds=5)
MOST_ASKED = timedelta(hours=1)
#: How often steps look again that wait for a probe's result, or for a person.
WHILE_TRIED = timedelta(seconds=5)
WHILE_STOPPED = timedelta(minutes=15)
#: Newest rows of the ledger among which successes are looked for: the table has no end.
ROWS_LOOKED_AT = 200

_TAKE_PROBE = """
UPDATE channels_circuit SET state = 'half_open', probe_fence = probe_fence + 1,
    probe_lease = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM channels_circuit
    WHERE id = %(id)s AND forced = '' AND (
        state = 'open' AND probe_at <= %(now)s OR state = 'half_open' AND probe_lease < clock_timestamp()
    ) FOR UPDATE SKIP LOCKED
)
RETURNING probe_fence
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What a circuit stands for: an account that messages go through, or a service that a vendor's webhooks call."""

    key: str
    kind: str
    name: str
    #: None for the system's own accounts.
    vendor: Vendor | None
    #: How many went well since a moment; asked only when there are enough failures to open the circuit.
    went_well: Callable[[datetime], int]


@dataclass(frozen=True, slots=True)
class Pass:
    """Go on."""

    #: Number of the probe that this is, to be told to `heard`; 0 for none.
    probe: int = 0


@dataclass(frozen=True, slots=True)
class Barred:
    """Wait: nothing goes through now."""

    key: str
    name: str
    #: When the next may be tried, by the engine's time.
    until: datetime
    #: Since when it has not worked.
    since: datetime
    #: Why steps wait, in the same words while the same thing is wrong.
    reason: str
    #: How every such reason begins for this circuit.
    begins: str


def account_of(provider: str) -> Line | None:
    """Name the account that a provider's messages go through; None for one without."""
    adapter = adapter_named(provider)
    if not adapter.has_account:
        return None
    return Line(
        key=f"provider:{provider}",
        kind=Circuit.Kind.ACCOUNT,
        name=adapter.title or provider,
        vendor=None,
        went_well=lambda since: _messages_taken(provider, since=since),
    )


def host_of(vendor: Vendor, host: str, *, went_well: Callable[[datetime], int]) -> Line:
    """Name a service that a vendor's webhooks call: one vendor's trouble with it is not another's."""
    return Line(
        key=f"webhook:{vendor.public_id}:{host}"[:300],
        kind=Circuit.Kind.HOST,
        name=host[:255],
        vendor=vendor,
        went_well=went_well,
    )


def _messages_taken(provider: str, *, since: datetime) -> int:
    newest = Message.objects.order_by("-id").values("id")[:ROWS_LOOKED_AT]
    taken = Message.objects.filter(
        id__in=newest, provider=provider, status=Message.Status.ACCEPTED, settled_at__gte=since
    )
    return taken.count()


def troubled(line: Line) -> Circuit | None:
    """Give the circuit if it may keep something from going through; None, at the cost of one look, if all is well."""
    circuit = Circuit.objects.filter(key=line.key).first()
    return None if circuit is None or circuit.lets_through else circuit


def admit(circuit: Circuit, *, now: datetime) -> Pass | Barred:
    """Say whether one may go through a circuit that is not closed: as its only probe, or not yet.

    Inside the caller's transaction: if that is taken back, so is the probe. Whoever gets one tells `heard` or `release`.
    """
    if circuit.forced == Forced.OPEN:
        return _barred(circuit, until=now + WHILE_STOPPED)
    if circuit.state == State.OPEN and circuit.probe_at is not None and circuit.probe_at > now:
        return _barred(circuit, until=circuit.probe_at)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_PROBE, {"id": circuit.pk, "now": now, "lease": settings.QUEUE_LEASE_SECONDS})
        row = cursor.fetchone()
    return Pass(probe=int(row[0])) if row else _barred(circuit, until=now + WHILE_TRIED)


def barred_now(line: Line, *, now: datetime) -> Barred | None:
    """Say until when nothing goes through, without asking for the probe; None when all is well."""
    circuit = troubled(line)
    if circuit is None:
        return None
    if circuit.forced == Forced.OPEN:
        return _barred(circuit, until=now + WHILE_STOPPED)
    return _barred(circuit, until=max(circuit.probe_at or now, now + LEAST_OPEN))


def _barred(circuit: Circuit, *, until: datetime) -> Barred:
    return Barred(
        key=circuit.key,
        name=circuit.name,
        until=until,
        since=circuit.opened_at or circuit.changed_at,
        reason=circuit.held_sentence,
        begins=circuit.held_sentence_start,
    )


def heard(
    line: Line,
    sign: Sign,
    *,
    code: str = "",
    reason: str = "",
    asked: timedelta | None = None,
    probe: int = 0,
    now: datetime,
) -> None:
    """Take in what one result says, inside the transaction that records it. The same probe twice is heard once.

    Args:
        asked: how long the other side wants to be left alone.
        probe: the number that `admit` gave; 0 for none.
    """
    if sign is Sign.NOTHING:
        release(line, probe=probe)
        return
    if sign is Sign.WELL and not probe:
        return
    with transaction.atomic():
        circuit = _locked(line, now=now)
        is_probe = probe > 0 and circuit.state == State.HALF_OPEN and circuit.probe_fence == probe
        if sign is Sign.WELL:
            if is_probe:
                _close(circuit, now=now)
        elif is_probe:
            _open(circuit, code=code, reason=reason, asked=asked, now=now)
        elif circuit.state == State.CLOSED and not circuit.forced:
            kept = _recent(circuit.failures, now=now)
            circuit.failures = [*kept, {"at": now.isoformat(), "sign": sign.value, "code": code[:60]}][
                -LOOKED_AT:
            ]
            if sign is Sign.BROKEN or _too_many(circuit.failures, line):
                _open(circuit, code=code, reason=reason, asked=asked, now=now)
            else:
                circuit.save(update_fields=["failures"])


def release(line: Line, *, probe: int) -> None:
    """Give a probe back that nothing came of, so that another may be tried at once; a second call does nothing."""
    if probe:
        Circuit.objects.filter(key=line.key, state=State.HALF_OPEN, probe_fence=probe).update(
            state=State.OPEN, probe_lease=None
        )


def _locked(line: Line, *, now: datetime) -> Circuit:
    Circuit.objects.bulk_create([_row(line, now=now)], ignore_conflicts=True)
    return Circuit.objects.select_for_update(of=("self",)).get(key=line.key)


def _row(line: Line, *, now: datetime) -> Circuit:
    return Circuit(key=line.key, kind=line.kind, name=line.name, vendor=line.vendor, changed_at=now)


def _recent(failures: Sequence[dict[str, Any]], *, now: datetime) -> list[dict[str, Any]]:
    return [one for one in failures if now - datetime.fromisoformat(one["at"]) < WINDOW]


def _too_many(failures: Sequence[dict[str, Any]], line: Line) -> bool:
    """Tell whether so many of the last results failed that the others are better spared."""
    for needed, counted in (
        (MISFITS, [one for one in failures if one["sign"] == Sign.MISFIT]),
        (TROUBLES, failures),
    ):
        if len(counted) >= needed:
            since = datetime.fromisoformat(counted[-needed]["at"])
            if line.went_well(since) <= LOOKED_AT - needed:
                return True
    return False


def _open(circuit: Circuit, *, code: str, reason: str, asked: timedelta | None, now: datetime) -> None:
    """Open it, or keep it open for longer after a probe that failed."""
    was_closed = circuit.state == State.CLOSED
    circuit.opens += 1
    pause = OPEN_FOR.delay(circuit.opens, seconds_to_wedding=None, random=random.random)
    circuit.state, circuit.probe_lease, circuit.failures = State.OPEN, None, []
    circuit.opened_at = circuit.opened_at or now
    circuit.probe_at = now + max(pause, LEAST_OPEN, min(asked or timedelta(), MOST_ASKED))
    circuit.code, circuit.reason = code[:60], reason[:280]
    circuit.changed_at, circuit.changed_by = now, "engine"
    circuit.save()
    if was_closed:
        circuit_changed.send(sender=Circuit, circuit=circuit, let_through=True, now=now, actor="engine")


def _close(circuit: Circuit, *, now: datetime, actor: str = "engine") -> None:
    before = circuit.lets_through
    _forget(circuit)
    circuit.changed_at, circuit.changed_by = now, actor[:100]
    circuit.save()
    circuit_changed.send(sender=Circuit, circuit=circuit, let_through=before, now=now, actor=actor)


def _forget(circuit: Circuit) -> None:
    circuit.state, circuit.opens, circuit.failures = State.CLOSED, 0, []
    circuit.opened_at = circuit.probe_at = circuit.probe_lease = None
    circuit.code = circuit.reason = ""


def accounts_make(*, now: datetime) -> None:
    """Give every configured provider with an account its row, so that it can be set by hand before it ever failed.

    A second call changes nothing.
    """
    lines = [account_of(adapter.name) for adapter in adapters().values() if adapter.is_configured(settings)]
    Circuit.objects.bulk_create(
        [_row(line, now=now) for line in lines if line is not None], ignore_conflicts=True
    )


def circuit_set(*, circuit: Circuit, forced: str, now: datetime, actor: str) -> Circuit:
    """Set a circuit by hand, in one transaction, audited; the same call again changes nothing.

    Args:
        forced: "open" lets nothing through, "closed" everything whatever happens, "" gives it back to itself: it begins
            anew, closed.
    """
    with transaction.atomic():
        circuit = Circuit.objects.select_for_update(of=("self",)).get(pk=circuit.pk)
        if forced and circuit.forced == forced:
            return circuit
        if not forced and not circuit.forced and circuit.state == State.CLOSED and not circuit.failures:
            return circuit
        before = circuit.lets_through
        circuit.forced = forced
        if forced != Forced.OPEN:
            _forget(circuit)
        circuit.changed_at, circuit.changed_by = now, actor[:100]
        circuit.save()
        deed = {Forced.OPEN: "circuit.stopped", Forced.CLOSED: "circuit.let_through"}.get(
            Forced(forced), "circuit.reset"
        )
        audit.record(circuit.vendor, actor, deed, circuit, now, name=circuit.name)
        circuit_changed.send(sender=Circuit, circuit=circuit, let_through=before, now=now, actor=actor)
        return circuit
