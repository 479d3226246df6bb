"""What a step can answer, and what it is told before it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

from .errors import ErrorClass

Channel = Literal["email", "sms"]
Purpose = Literal["transactional", "marketing"]
DoubtPolicy = Literal["ticket", "resend", "assume_sent"]

SettingsT = TypeVar("SettingsT", default=Any)


@dataclass(frozen=True, slots=True)
class AddTag:
    """Put a tag on the client; a tag already there stays one."""

    tag: str


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take a tag off the client; a tag that is not there is no error."""

    tag: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Give the client another status."""

    status: str


@dataclass(frozen=True, slots=True)
class SetField:
    """Write one of the client's own fields."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Put a task on the vendor's list."""

    title: str
    note: str = ""
    due: date | None = None


Change = AddTag | RemoveTag | SetStatus | SetField | CreateTask


@dataclass(frozen=True, slots=True)
class Advance:
    """Leave the step by a port, with what it found out and what is to change."""

    port: str = "next"
    #: JSON-able; later steps read it as `steps.<node id>.<name>`.
    output: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    #: One sentence for the time line.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send one message to each person who has one of the roles, then leave by the port."""

    channel: Channel
    #: Roles, resolved for the wedding at the moment of sending.
    to: tuple[str, ...]
    #: Liquid sources, rendered once for each recipient. Texts (SMS) have no subject.
    subject: str
    body: str
    purpose: Purpose = "transactional"
    port: str = "next"
    #: What happens when nobody can say whether the provider took the message.
    when_in_doubt: DoubtPolicy = "ticket"


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Stay at the step and come back at the instant (aware, UTC)."""

    instant: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Say that the step could not be done, and who can do something about it."""

    error_class: ErrorClass
    #: Stable, for programs and for counting: "missing_phone", "http_503".
    code: str
    #: For people, without personal data.
    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the couple's passage through the journey."""

    reason: str = ""
    result: str = "completed"


Outcome = Advance | Deliver | WaitUntil | Fail | Finish


@dataclass(frozen=True, slots=True)
class StepContext(Generic[SettingsT]):
    """Tell a step everything it may know; it touches nothing itself."""

    node_id: str
    #: The step's settings, parsed, with parameters resolved.
    settings: SettingsT
    facts: Mapping[str, Any]
    now: datetime
    #: Tries of this step, this one included, counted from 1.
    attempt: int
    #: Passages of this token round a loop, counted from 1.
    visit: int
    #: Evaluate a source of the expression language against the facts.
    evaluate: Callable[[str], Any]
    #: Render a Liquid source that speaks to nobody in particular (task titles, field values).
    render: Callable[[str], str]
