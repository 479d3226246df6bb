"""What claimed steps come to, as it travels from whoever decides to whoever writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from journeys.language.outcomes import Change


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose place it is."""

    vendor_id: int
    instance_id: int
    version_id: int
    wedding_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A schedule that this process carries out."""

    schedule_id: int
    fence: int
    vendor_id: int
    instance_id: int
    version_id: int
    node_id: str
    branch: str
    visit: int
    attempt: int
    claims: int
    due_at: datetime
    ready_at: datetime
    meant: dict[str, Any] | None
    wedding_at: datetime | None
    queue: str
    rounds: dict[str, int] | None = None
    #: Set when the step waits for something to happen: since when, and until when at most.
    waiting: dict[str, Any] | None = None
    #: The step was come to at once from another one under this very claim: no row ever stood for its place.
    passing: bool = False
    #: Its row says so; False where only the transaction that writes its result holds it.
    leased: bool = True

    @property
    def whose(self) -> Whose:
        """Say whose place it is."""
        return Whose(self.vendor_id, self.instance_id, self.version_id, self.wedding_at)


@dataclass(frozen=True, slots=True)
class NextPlace:
    """Where the instance stands next."""

    node_id: str
    branch: str
    visit: int
    #: None: parked, because of `reason`.
    due_at: datetime | None
    meant: dict[str, Any] | None
    reason: str
    outside: bool
    rounds: dict[str, int] | None = None
    #: It has come to a merge.
    arrives: bool = False
    #: What is carried out there locks nothing beside the instance and touches nothing outside.
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """The place is kept: until `due_at`, or parked when that is None."""

    due_at: datetime | None
    reason: str
    attempt: int
    #: What wakes it before; None leaves that as it was.
    awaits: tuple[str, ...] | None = None
    #: Since when and until when it waits; only together with `awaits`.
    waiting: dict[str, Any] | None = None
    #: Nothing new happened: history gets no row.
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """Why a person is needed; the ticket is opened when the result is committed."""

    level: str
    code: str
    error_class: str
    summary: str
    #: What it has in common with others that are put right together; "" for what the code says
    #: (`engine.services.causes`).
    cause: str = ""


@dataclass(slots=True)
class Result:
    """What one claimed step came to; a walk that goes on behind it changes where it leads."""

    claim: Claim
    node_type: str
    status: str
    started_at: datetime
    duration_ms: float
    port: str = ""
    reason: str = ""
    error_class: str = ""
    error_code: str = ""
    output: dict[str, Any] | None = None
    #: The place is kept; no successors then.
    stay: Stay | None = None
    successors: tuple[NextPlace, ...] = ()
    #: How the token's way ended ("completed", "stopped", "goal:…"); "" when it goes on.
    ends: str = ""
    #: The instance ends with it: it had no other token, or all are to end.
    last: bool = True
    #: The graph sends tokens into branches, so that others may be under way.
    forks: bool = False
    #: Carried out in the same transaction, for winners only.
    changes: tuple[Change, ...] = ()
    ticket: TicketDraft | None = None


@dataclass(frozen=True, slots=True)
class StepNote:
    """A committed step, as observers are told."""

    vendor_id: int
    instance_id: int
    node_id: str
    node_type: str
    status: str
    queue: str
    lateness_ms: float
    duration_ms: float


def is_at_once(place: NextPlace, *, now: datetime) -> bool:
    """Tell whether a place is due already."""
    return place.due_at is not None and place.due_at <= now


def claim_of(
    place: NextPlace,
    whose: Whose,
    *,
    schedule_id: int,
    fence: int,
    queue: str,
    now: datetime,
    passing: bool = False,
) -> Claim:
    """Give the claim of a place that is due at once, come to from another one in the same transaction.

    Raises:
        ValueError: the place is parked.
    """
    if place.due_at is None:
        message = f"The place {place.node_id!r} has no moment at which it is due."
        raise ValueError(message)
    return Claim(
        schedule_id=schedule_id,
        fence=fence,
        vendor_id=whose.vendor_id,
        instance_id=whose.instance_id,
        version_id=whose.version_id,
        node_id=place.node_id,
        branch=place.branch,
        visit=place.visit,
        attempt=1,
        claims=1,
        due_at=place.due_at,
        ready_at=max(place.due_at, now),
        meant=place.meant,
        wedding_at=whose.wedding_at,
        queue=queue,
        rounds=place.rounds,
        passing=passing,
    )
