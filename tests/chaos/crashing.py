"""How a process dies at a named point: for tests only, the product knows nothing of it.

A process that obeys has a trap at every point of its kind. It dies by SIGKILL, without a rollback, a log line or a
goodbye, when it comes to a point for which a folder holds an order.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

from django.db import transaction

from tests.chaos.points import POINTS, Kind, Point

#: Role → the kinds of this very process and of the children that it forks.
ROLES: dict[str, tuple[Kind, Kind]] = {
    "steps": ("main", "child"),
    "ticks": ("main", "ticks"),
    "beat": ("beat", "beat"),
    "web": ("web", "web"),
}


class Verdict(Protocol):
    """Who decides whether this is the moment."""

    def may_come(self, point: Point) -> bool:
        """Tell whether somebody wants a death at this point at all."""

    def is_now(self, point: Point) -> bool:
        """Tell whether it is this time; each such question is one time."""

    def die(self, point: Point) -> NoReturn:
        """End the process."""


class Orders:
    """Deaths ordered by files: `<point>.<kind>` in a folder; each is carried out once."""

    def __init__(self, folder: Path, role: str) -> None:
        self.folder = folder
        self.first, self.forked = ROLES[role]
        self.pid = os.getpid()

    def _order(self, point: Point) -> Path:
        kind = self.first if os.getpid() == self.pid else self.forked
        return self.folder / f"{point.slug}.{kind}"

    def may_come(self, point: Point) -> bool:
        return self._order(point).exists()

    def is_now(self, point: Point) -> bool:
        try:
            self._order(point).rename(
                self._order(point).with_suffix(f"{self._order(point).suffix}.carried-out")
            )
        except FileNotFoundError:
            return False
        return True

    def die(self, point: Point) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        os._exit(137)  # The signal has come before.


def prepare(points: tuple[Point, ...], verdict: Verdict) -> None:
    """Put a trap into each of these points, in this process."""
    for point in points:
        owner, name = target_of(point)
        found = owner.__dict__[name]
        if isinstance(found, classmethod):
            setattr(owner, name, classmethod(trap(point, found.__func__, verdict)))
        else:
            setattr(owner, name, trap(point, found, verdict))


def target_of(point: Point) -> tuple[Any, str]:
    """Give what holds the call of a point, and the call's name.

    Raises:
        LookupError: there is no such call.
    """
    module, _, path = point.at.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    if name not in owner.__dict__:
        message = f"{point.at} is not there any more: name the call that does it now."
        raise LookupError(message)
    return owner, name


def trap(point: Point, call: Callable[..., Any], verdict: Verdict) -> Callable[..., Any]:
    """Wrap a call so that the process may die at it."""

    def dying(*args: Any, **kwargs: Any) -> Any:
        if not verdict.may_come(point):
            return call(*args, **kwargs)
        if point.worth == "argument" and not args[0]:
            return call(*args, **kwargs)
        if point.how in {"after", "inside"}:
            return _after(point, call, verdict, args, kwargs)
        if not verdict.is_now(point):
            return call(*args, **kwargs)
        if point.how == "answered":
            select.select([args[0].sock], [], [], 10)
        if point.how == "committed":
            _commit_unheard(args[0].connection)
        return verdict.die(point)

    return dying


def _after(
    point: Point, call: Callable[..., Any], verdict: Verdict, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if point.how == "after":
        result = call(*args, **kwargs)
        return _ended(point, verdict, result)
    with transaction.atomic():
        result = call(*args, **kwargs)
        return _ended(point, verdict, result)


def _ended(point: Point, verdict: Verdict, result: Any) -> Any:
    if point.worth == "result" and not result:
        return result
    if verdict.is_now(point):
        verdict.die(point)
    return result


def _commit_unheard(connection: Any) -> None:
    """Have the server commit, and leave its answer unread."""
    connection.pgconn.send_query(b"COMMIT")
    connection.pgconn.flush()
    select.select([connection.pgconn.socket], [], [], 10)


def obey(folder: Path, role: str) -> None:
    """Prepare this process, and those that it forks, for the orders of a folder."""
    kinds = set(ROLES[role])
    prepare(tuple(point for point in POINTS if kinds & set(point.kinds)), Orders(folder, role))
