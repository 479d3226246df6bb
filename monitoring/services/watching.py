"""One look at everything that is watched, by whoever comes first."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction

from monitoring.models import Examination
from monitoring.services import alerts
from monitoring.watches import HOST_GONE, WATCHES, Watch

log = structlog.get_logger(__name__)

#: Each host answers for its own clock; what it reported goes away with it.
CLOCKS = "clocks"


def look(*, now: datetime) -> bool:
    """Go through all watches and write down what is wrong; False when somebody else is just doing it.

    In one transaction of its own. One that breaks is left as it was and does not keep the others from looking.
    """
    with transaction.atomic():
        if not alerts.alone("watch"):
            return False
        for watch in WATCHES:
            if watch.every is None or _is_due(watch, every=watch.every, now=now):
                _look(watch, now=now)
        alerts.forget_unseen(prefix=f"{CLOCKS}:", before=now - HOST_GONE, now=now)
    return True


def _is_due(watch: Watch, *, every: timedelta, now: datetime) -> bool:
    name = f"watch:{watch.name}"
    if Examination.objects.filter(name=name, checked_at__gt=now - every).exists():
        return False
    Examination.objects.update_or_create(name=name, defaults={"checked_at": now})
    return True


def _look(watch: Watch, *, now: datetime) -> None:
    source = f"{CLOCKS}:{socket.gethostname()}" if watch.name == CLOCKS else watch.name
    try:
        with transaction.atomic():
            alerts.report(source=source, troubles=watch.look(now), now=now)
    except DatabaseError:
        log.exception("watch_broke", watch=watch.name)
