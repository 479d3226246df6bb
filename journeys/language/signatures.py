"""What a function of expressions is: how it is called, what it reads, and how a wrong call is found."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from .tokens import Call, Given
from .zones import local_time

#: "step" is the id of a step of this journey, written out.
ArgumentKind = Literal["any", "text", "number", "date", "list", "step"]

# The binding logs whatever a function refuses, on every look of a condition; who asked is told anyway.
logging.getLogger("cel").setLevel(logging.ERROR)


class Refused(Exception):
    """A function cannot work with what it was given; says why, without the value."""


@dataclass(frozen=True, slots=True)
class World:
    """Be what a function may look at: the facts of one couple, and the time."""

    facts: Mapping[str, Any]
    now: datetime

    @property
    def zone(self) -> str:
        """Return the zone of the wedding, or else of the vendor."""
        for root in ("wedding", "vendor"):
            zone = self.look_up(root, "time_zone")
            if zone:
                return str(zone)
        return "UTC"

    def today(self) -> date:
        """Return the date where the wedding is."""
        return local_time(self.now, self.zone).date()

    def look_up(self, *path: str) -> Any:
        """Return the value at the path, None where there is nothing."""
        value: Any = self.facts
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value


@dataclass(frozen=True, slots=True)
class Argument:
    """Describe one argument."""

    name: str
    kind: ArgumentKind
    optional: bool = False
    #: Any number of them may follow; only for the last.
    many: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'?' if self.optional else ''}{'…' if self.many else ''}: {self.kind}"


@dataclass(frozen=True, slots=True)
class Function:
    """Describe one function, for checking, for running and for the documentation."""

    name: str
    arguments: tuple[Argument, ...]
    gives: str
    summary: str
    #: A source and its value for the couple of the documentation.
    examples: tuple[tuple[str, Any], ...]
    #: Facts that it reads by itself; {0} stands for the first argument.
    reads: tuple[str, ...]
    run: Callable[..., Any]

    @property
    def signature(self) -> str:
        """Return how it is called: "days_between(first: date, last: date) → number"."""
        return f"{self.name}({', '.join(str(one) for one in self.arguments)}) → {self.gives}"

    @property
    def fewest(self) -> int:
        """Return how many arguments it needs."""
        return sum(not one.optional for one in self.arguments)

    @property
    def most(self) -> int | None:
        """Return how many arguments it takes, None for any number."""
        return None if self.arguments and self.arguments[-1].many else len(self.arguments)

    def argument(self, index: int) -> Argument:
        """Return what the argument at this place is."""
        return self.arguments[min(index, len(self.arguments) - 1)]

    def paths(self, given: tuple[Given, ...]) -> Iterator[str]:
        """Return the dotted paths that this call reads; a part that is computed ends the path before it."""
        for path in self.reads:
            known = path
            for index in range(len(self.arguments)):
                text = given[index].text if index < len(given) else None
                if text is None or not text or "." in text:
                    known = known.partition(f".{{{index}}}")[0]
                else:
                    known = known.replace(f"{{{index}}}", text)
            yield known

    def bound(self, world: World, note: Callable[[str], None]) -> Callable[..., Any]:
        """Return what the evaluator calls; `note` is told why a call is refused."""

        def call(*values: Any) -> Any:
            try:
                self._check(values)
                return self.run(world, *values)
            except Refused as refusal:
                note(str(refusal))
                raise
            except Exception:  # noqa: BLE001 # whatever a strange value broke is a refusal, told without the value
                note(f"{self.name} cannot take what it is given")
                raise Refused(self.name) from None

        return call

    def _check(self, values: tuple[Any, ...]) -> None:
        if len(values) < self.fewest or (self.most is not None and len(values) > self.most):
            raise Refused(f"{self.name} is called as {self.signature}")
        for index, value in enumerate(values):
            argument = self.argument(index)
            if value is not None and not _FITS[argument.kind](value):
                raise Refused(f"{self.name} needs {_WORDS[argument.kind]} as its {argument.name}")


def is_number(value: Any) -> bool:
    """Tell whether a value is a number one can count with; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Final[dict[ArgumentKind, Callable[[Any], bool]]] = {
    "any": lambda _: True,
    "text": lambda value: isinstance(value, str),
    "number": is_number,
    "date": lambda value: isinstance(value, str | date),
    "list": lambda value: isinstance(value, list),
    "step": lambda value: isinstance(value, str),
}
_WORDS: Final[dict[ArgumentKind, str]] = {
    "any": "a value",
    "text": "a text",
    "number": "a number",
    "date": "a date such as wedding.date",
    "list": "a list",
    "step": "a step's name",
}
#: What may be written out for an argument of a kind.
_WRITTEN: Final[dict[ArgumentKind, frozenset[str]]] = {
    "any": frozenset({"text", "number", "boolean", "null"}),
    "text": frozenset({"text", "null"}),
    "number": frozenset({"number", "null"}),
    "date": frozenset({"text", "null"}),
    "list": frozenset({"null"}),
    "step": frozenset({"text"}),
}
#: What kinds of facts may stand for an argument of a kind.
_FACTS: Final[dict[ArgumentKind, frozenset[str]]] = {
    "any": frozenset({"text", "number", "boolean", "date", "time", "list", "map"}),
    "text": frozenset({"text", "date", "time"}),
    "number": frozenset({"number"}),
    "date": frozenset({"date", "text"}),
    "list": frozenset({"list"}),
    "step": frozenset(),
}

FUNCTIONS: Final[dict[str, Function]] = {}
_ARGUMENT = re.compile(r"(?P<name>\w+)(?P<optional>\?)?(?P<many>…)?: (?P<kind>\w+)")


def function(
    signature: str, summary: str, *examples: tuple[str, Any], reads: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function by how it is called: "days_between(first: date, last: date) → number"."""
    name, _, rest = signature.partition("(")
    inside, _, gives = rest.rpartition(") → ")

    def keep(run: Callable[..., Any]) -> Callable[..., Any]:
        arguments = tuple(
            Argument(found["name"], found["kind"], bool(found["optional"]), bool(found["many"]))  # type: ignore[arg-type]
            for found in _ARGUMENT.finditer(inside)
        )
        FUNCTIONS[name] = Function(name, arguments, gives, summary, examples, reads, run)
        return run

    return keep


@dataclass(frozen=True, slots=True)
class Misuse:
    """Say what is wrong with a call."""

    message: str
    #: Characters from the start of the source.
    position: int


def misuse_of(call: Call) -> Misuse | None:
    """Return what can be told to be wrong with a call of one of these functions before it runs."""
    known = FUNCTIONS[call.name]
    count = len(call.given)
    if count < known.fewest or (known.most is not None and count > known.most):
        return Misuse(f"{known.name} is called as {known.signature}.", call.position)
    for index, given in enumerate(call.given):
        argument = known.argument(index)
        if argument.kind == "step" and given.text is None:
            message = f"{known.name} needs a step's name written out, such as {known.name}('welcome')."
            return Misuse(message, given.position)
        if given.kind not in {"path", "other"} and given.kind not in _WRITTEN[argument.kind]:
            message = f"{known.name} needs {_WORDS[argument.kind]} as its {argument.name}."
            return Misuse(message, given.position)
        if argument.kind == "date" and given.text is not None and not _is_date(given.text):
            message = f"{known.name} needs a date: write it as year, month and day, such as '2027-05-01'."
            return Misuse(message, given.position)
    return None


def misfit_of(call: Call, index: int, kind: str | None) -> str | None:
    """Return what is wrong with a fact of this kind at this place of a call, None when it may stand there."""
    known = FUNCTIONS[call.name]
    argument = known.argument(index)
    if kind is None or kind in _FACTS[argument.kind]:
        return None
    return f"{known.name} needs {_WORDS[argument.kind]} as its {argument.name}, not a {kind}."


def day_of(world: World, value: Any) -> date:
    """Return the calendar day of a date or an instant, where the wedding is; raise Refused for anything else."""
    try:
        if isinstance(value, datetime):
            return _local(world, value)
        if isinstance(value, date):
            return value
        text = str(value)
        return date.fromisoformat(text) if len(text) <= len("2027-06-12") else _local(world, text)
    except (ValueError, OverflowError):
        raise Refused("a date cannot be read: write it as year, month and day") from None


def _local(world: World, value: datetime | str) -> date:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.date() if moment.tzinfo is None else local_time(moment, world.zone).date()


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
