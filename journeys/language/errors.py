"""Everything that can go wrong in the language, as a small tree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class ErrorClass(StrEnum):
    """Who can do something about a failed step."""

    #: Time-outs, rate limits, 5xx: trying again later may help.
    TRANSIENT = "transient"
    #: Wrong keys, invalid template, missing configuration: a person of the vendor or of ours must act.
    PERMANENT = "permanent"
    #: Missing or wrong data of this one couple: the step decides (ticket, skip, error port).
    USER = "user"
    #: Key, contract or configuration of the account that everything goes through: nobody's message is at fault.
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one thing that keeps a definition from being published."""

    #: Stable, for programs: "unknown_type", "may_be_empty", …
    code: str
    #: For people: names the step and says what to do.
    message: str
    #: Id of the step, None when the problem belongs to the whole definition.
    node: str | None = None
    #: Dotted path of the field inside the step's settings.
    field: str | None = None
    #: Characters from the start of the field's text, counted from 0.
    position: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as JSON-able values."""
        return asdict(self)


class LanguageError(Exception):
    """The journey cannot be understood."""

    def __init__(self, message: str = "") -> None:
        """Keep the sentence; without one, the class's own docstring is the message."""
        super().__init__(message or (type(self).__doc__ or "").strip())


class DefinitionInvalid(LanguageError):
    """The definition has problems and cannot be run."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep all problems, not only the first."""
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems) or "The definition is not valid.")


class ExpressionError(LanguageError):
    """An expression cannot be compiled or evaluated."""

    def __init__(self, message: str, position: int | None = None) -> None:
        """Keep where it went wrong, in characters from 0, when that is known."""
        self.message = message
        self.position = position
        super().__init__(message)


class TextError(LanguageError):
    """A text cannot be compiled or rendered."""

    def __init__(self, message: str, position: int | None = None) -> None:
        """Keep where it went wrong, in characters from 0, when that is known."""
        self.message = message
        self.position = position
        super().__init__(message)


class OffsetError(LanguageError):
    """An offset such as "-30d" cannot be read."""


class CalendarError(LanguageError):
    """A zone, region, time or sending window cannot be read."""


class UnknownPort(LanguageError):
    """A step was left by a port it does not have."""


class VisitLimitReached(LanguageError):
    """A loop went round more often than the limit allows."""


class AlreadyRegistered(LanguageError):
    """Two types carry the same name."""


class NotRegistered(LanguageError):
    """No type carries this name."""
