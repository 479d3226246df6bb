"""Keep whole what broke for good by a fault of ours, and do it again when a person asks for it.

Nothing looks at a dead letter by itself. What kinds there are is said in `engine.services.redoing`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog
from django.db import IntegrityError, transaction

from engine.models import DeadLetter
from journeys.errors import Conflict, ServiceError
from journeys.models import Vendor
from journeys.services import audit

log = structlog.get_logger(__name__)

Status = DeadLetter.Status

LONGEST_KEY = 200
LONGEST_ERROR = 500
#: Folder of the program; errors name files below it.
_ROOT = Path(__file__).parents[2]


class Redo(Protocol):
    """Do again what a letter holds, inside the caller's transaction; doing it twice does no harm."""

    def __call__(self, payload: Any, *, now: datetime, actor: str) -> None: ...


#: Kind → how it is done again.
REDOS: dict[str, Redo] = {}
#: Kinds whose letter is closed by what does it again: a ticket, which somebody may also work directly.
CLOSED_ELSEWHERE: set[str] = set()


def redoes(kind: str, *, closes: bool = False) -> Callable[[Redo], Redo]:
    """Enter a function as the one that does letters of a kind again; `closes` when it closes the letter as well."""

    def enter(redo: Redo) -> Redo:
        REDOS[kind] = redo
        if closes:
            CLOSED_ELSEWHERE.add(kind)
        return redo

    return enter


def keep(
    *,
    kind: str,
    key: str,
    vendor_id: int | None,
    payload: Mapping[str, Any],
    error: Exception | None,
    now: datetime,
    said: str = "",
) -> DeadLetter:
    """Keep something that broke, inside the caller's transaction or in one of its own.

    While a letter of this kind and key is open, it is the same one: it counts, and holds what came last.

    Args:
        kind: One of REDOS.
        key: Tells it from others of its kind; without personal data.
        vendor_id: Whose it is; None where nobody knows.
        payload: JSON values, enough to do it again; encrypted in the database.
        error: What was raised; None when nothing was, and `said` tells what happened.
        now: Aware, UTC.
        said: A sentence without personal data, for letters without an exception.
    """
    broke = {"error_class": type(error).__name__[:100] if error else "", "error": said or _told(error)}
    log.error("dead_letter_kept", kind=kind, error=broke["error_class"])
    with transaction.atomic():
        while True:
            try:
                with transaction.atomic():
                    letter = DeadLetter.objects.create(
                        kind=kind,
                        key=key[:LONGEST_KEY],
                        vendor_id=vendor_id,
                        payload=dict(payload),
                        first_at=now,
                        last_at=now,
                        **broke,
                    )
            except IntegrityError:
                found = _open(kind, key)
                if found is None:
                    continue  # Closed at this very moment: this is another letter.
                letter = found
                letter.payload = dict(payload)
                _count(letter, broke, now=now)
            else:
                audit.record(letter.vendor, "engine", "dead_letter.kept", letter, now, kind=kind)
            return letter


def dead_letter_replay(*, letter: DeadLetter, now: datetime, actor: str) -> DeadLetter:
    """Do again what a letter holds and close it, in one transaction; when that breaks, it stays open and counts it.

    Outside any transaction of the caller's, or in one that goes on after a refusal.

    Raises:
        Conflict: it was settled before (`resolved`), it broke again (`broke_again`), or what it is about is no
            longer there (the kind's own code).
    """
    try:
        with transaction.atomic():
            letter = _unsettled(DeadLetter.objects.get(pk=letter.pk))
            REDOS[letter.kind](letter.payload, now=now, actor=actor)
            # Of two at once the second finds it settled, and what it did is taken back. The letter is locked last:
            # whoever settles what it is about holds an instance or a ticket already.
            locked = _locked(letter)
            if locked.status != Status.OPEN and locked.kind in CLOSED_ELSEWHERE:
                return locked
            return _close(_unsettled(locked), Status.REPLAYED, now=now, actor=actor)
    except ServiceError:
        raise
    except Exception as error:
        log.exception("dead_letter_broke_again", kind=letter.kind, letter=letter.public_id)
        broke = {"error_class": type(error).__name__[:100], "error": _told(error)}
        with transaction.atomic():
            _count(_unsettled(_locked(letter)), broke, now=now)
        message = f"It broke again ({broke['error_class']}). It stays here: mend the cause, then do it again."
        raise Conflict(message, code="broke_again") from error


def dead_letter_discard(*, letter: DeadLetter, now: datetime, actor: str) -> DeadLetter:
    """Close a letter without doing it again; it stays to be read.

    Raises:
        Conflict: it was settled before (`resolved`).
    """
    with transaction.atomic():
        return _close(_unsettled(_locked(letter)), Status.DISCARDED, now=now, actor=actor)


#: What a person may do with letters.
DEEDS: dict[str, Callable[..., DeadLetter]] = {"replay": dead_letter_replay, "discard": dead_letter_discard}


def close_open(*, kind: str, key: str, now: datetime, actor: str, done: bool) -> None:
    """Close the open letter of a thing that was settled elsewhere, inside the caller's transaction; none is fine."""
    found = _open(kind, key)
    if found is not None:
        _close(found, Status.REPLAYED if done else Status.DISCARDED, now=now, actor=actor)


def _open(kind: str, key: str) -> DeadLetter | None:
    rows = DeadLetter.objects.select_for_update()
    return rows.filter(kind=kind, key=key[:LONGEST_KEY], status=Status.OPEN).first()


def _locked(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.select_for_update(of=("self",)).select_related("vendor").get(pk=letter.pk)


def _unsettled(letter: DeadLetter) -> DeadLetter:
    if letter.status != Status.OPEN:
        done = "done again" if letter.status == Status.REPLAYED else "discarded"
        raise Conflict(f"It was {done} by {letter.resolved_by} already.", code="resolved")
    return letter


def _close(letter: DeadLetter, status: DeadLetter.Status, *, now: datetime, actor: str) -> DeadLetter:
    letter.status, letter.resolved_at, letter.resolved_by = status, now, actor[:100]
    letter.save(update_fields=["status", "resolved_at", "resolved_by"])
    vendor: Vendor | None = letter.vendor
    audit.record(vendor, actor, f"dead_letter.{status.value}", letter, now, kind=letter.kind)
    return letter


def _count(letter: DeadLetter, broke: Mapping[str, str], *, now: datetime) -> None:
    letter.times, letter.last_at = letter.times + 1, now
    letter.error_class, letter.error = broke["error_class"], broke["error"]
    letter.save(update_fields=["times", "last_at", "error_class", "error", "payload"])


def _told(error: Exception | None) -> str:
    """Say what broke and where in the program; what the exception itself says may hold personal data."""
    if error is None:
        return ""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(_ROOT) and "site-packages" not in file.parts:
            where = f" in {file.relative_to(_ROOT)}, line {frame.lineno} ({frame.name})"
    return f"An error in the system itself: {type(error).__name__}{where}."[:LONGEST_ERROR]
