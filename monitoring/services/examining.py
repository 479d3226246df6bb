"""The doctor's rounds: each promise in its turn, a little at a time, and an alert when one is broken."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from monitoring.invariants import INVARIANTS, Finding, Invariant
from monitoring.models import Alert, Examination
from monitoring.services import alerts
from monitoring.services.alerts import Trouble

log = structlog.get_logger(__name__)

#: A slice ends behind the promise that brings it over so much time, in seconds.
BUDGET = 0.5
#: No statement of a check takes longer, in seconds; the promise then counts as not looked at.
LONGEST_STATEMENT = 5
#: Of tables that only grow, the newest rows are looked at; `manage.py doctor` looks at all of them.
NEWEST = 20_000
#: What may mend itself is looked at again after this time.
AGAIN = timedelta(seconds=30)


def examine_slice(*, now: datetime) -> list[str]:
    """Look at the promises whose turn it is until the time is used up, and return their names.

    Each in a transaction of its own, and each by one process at a time. A promise's turn comes DOCTOR_SECONDS after its
    last look, or sooner where something is suspected. A second call goes on with what is left.
    """
    begun = time.monotonic()
    done: list[str] = []
    for one in _in_turn(now=now):
        if done and time.monotonic() - begun >= BUDGET:
            break
        if _examine(one, now=now):
            done.append(one.name)
    return done


def _in_turn(*, now: datetime) -> list[Invariant]:
    """List the promises whose turn it is, the one that has waited longest first."""
    looked = dict(Examination.objects.values_list("name", "checked_at"))
    suspected = Alert.objects.filter(source__startswith="doctor:", status=Alert.Status.SUSPECTED)
    doubtful = set(suspected.values_list("source", flat=True))
    every = timedelta(seconds=settings.DOCTOR_SECONDS)

    def is_due(one: Invariant) -> bool:
        last = looked.get(one.name)
        pause = min(AGAIN, every) if _source(one) in doubtful else every
        return last is None or last <= now - pause

    never = datetime.min.replace(tzinfo=now.tzinfo)
    return sorted(filter(is_due, INVARIANTS), key=lambda one: looked.get(one.name, never))


def _source(one: Invariant) -> str:
    return f"doctor:{one.name}"


def _examine(one: Invariant, *, now: datetime) -> bool:
    """Look at one promise and write down what was found; False when another process is doing it."""
    begun = time.monotonic()
    with transaction.atomic():
        if not alerts.alone(_source(one)):
            return False
        finding, failure = _looked(one, now=now)
        Examination.objects.update_or_create(
            name=one.name,
            defaults={
                "checked_at": now,
                "took_ms": round((time.monotonic() - begun) * 1000, 1),
                "broken": finding.broken,
                "examples": finding.examples,
                "failure": failure,
            },
        )
        # One that could not be looked at is neither kept nor broken.
        alerts.report(source=f"unlooked:{one.name}", troubles=_unlooked(one, failure), now=now)
        if not failure:
            alerts.report(source=_source(one), troubles=_broken(one, finding), now=now)
    return True


def _looked(one: Invariant, *, now: datetime) -> tuple[Finding, str]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [f"{int(LONGEST_STATEMENT * 1000)}ms"]
            )
            finding = one.check(now, newest=NEWEST)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return finding, ""
    except DatabaseError as error:
        log.warning("examination_broke", promise=one.name, error=type(error).__name__)
        return Finding(), f"It could not be looked at within {LONGEST_STATEMENT} s ({type(error).__name__})."


def _unlooked(one: Invariant, failure: str) -> list[Trouble]:
    if not failure:
        return []
    return [
        Trouble(
            key=f"unlooked:{one.name}",
            level=Alert.Level.WARNING,
            title=f"A promise could not be looked at: {one.name}.",
            detail=f"{one.promise} {failure} Run `manage.py doctor`, and look how large its tables have become.",
            patience=AGAIN / 2,
        )
    ]


def _broken(one: Invariant, finding: Finding) -> list[Trouble]:
    if not finding.broken:
        return []
    return [
        Trouble(
            key=_source(one),
            level=Alert.Level.CRITICAL,
            title=f"A promise is broken: {one.name}.",
            detail=f"{one.promise} It does not hold for {finding.broken:,}, such as "
            f"{', '.join(finding.examples)}. {one.remedy}",
            patience=one.patience,
        )
    ]
