"""What a step can answer, and what it is told before it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

from .errors import ErrorClass
from .settings import Timing

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
class IncrementField:
    """Add a number to one of the client's own fields; a field that is empty counts from zero."""

    name: str
    by: int | float


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Put a task on the vendor's list."""

    title: str
    note: str = ""
    due: date | None = None
    #: Ways in which it can come out; empty for a task that is simply done.
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Write one of the passage's own variables; one that the journey does not declare is an error."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SetAnchor:
    """Give the wedding one of its other dates, or take it away (None)."""

    name: str
    date: date | None


@dataclass(frozen=True, slots=True)
class AssignVariant:
    """Remember which variant of an experiment the client belongs to; the first assignment stays."""

    experiment: str
    variant: str


@dataclass(frozen=True, slots=True)
class StartJourney:
    """Begin another journey for the client; `journey` is its public id."""

    journey: str
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeaveJourney:
    """End the client's passage through another journey; nothing when there is none."""

    journey: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Remember that the step has asked its people for something, or reminded them of it."""

    #: "meeting", "review", "referral".
    kind: str
    #: 0 for the asking itself, then the number of the reminder.
    reminder: int = 0


Change = (
    AddTag
    | RemoveTag
    | SetStatus
    | SetField
    | IncrementField
    | CreateTask
    | SetVariable
    | SetAnchor
    | AssignVariant
    | StartJourney
    | LeaveJourney
    | Asked
)


@dataclass(frozen=True, slots=True)
class Advance:
    """Leave the step by a port, with what it found out and what is to change."""

    port: str = "next"
    #: JSON-able; later steps read it as `steps.<node id>.<name>`.
    output: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    #: One sentence for the time line.
    reason: str = ""
    #: The step was passed over on purpose; the reason says why.
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Fork:
    """Leave by several ports at once: a token goes on from each, in a branch of its own."""

    ports: tuple[str, ...]
    output: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Stay at the step until something happens; the step is asked again then, with fresh facts.

    A wait looks at the facts and not at the event that woke it, so that nothing is missed and waking twice is
    harmless: the step answers WaitFor again as long as what it waits for is not there.
    """

    #: What wakes it: "event:form_submitted", "message", "task", "client", "wedding", "journey", …
    topics: tuple[str, ...]
    #: One sentence: "Waits until the questionnaire is answered."
    reason: str
    #: Until when at most, counted from the moment the wait began. The step then sees `waiting.timed_out`.
    timeout: Timing | None = None
    #: Look again at least this often, for what becomes true by itself as time passes.
    recheck: timedelta | None = None
    #: Carried out once, when the wait begins.
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """Hold Liquid sources in one language; "" leaves it to another one."""

    subject: str = ""
    body: str = ""
    #: For people who would rather get a text than an email.
    short: str = ""


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
    #: Words for people who would rather get a text than this email; "" sends everybody the email.
    short: str = ""
    #: The words in other languages, by language or locale: "pt", "pt-BR".
    translations: Mapping[str, Words] = field(default_factory=dict)
    #: Kind of page that the message leads to ("form", "meeting", …): the texts read its address as `link`.
    link: str = ""
    #: Names one of several sendings of the same step, such as a reminder; each goes out once.
    part: str = ""
    #: After everybody has their copy: stay and wait instead of leaving by the port.
    then: WaitFor | None = None
    #: Carried out with the step's result.
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Call another service, at least once and under one name, then leave by the port.

    What was rendered is in here; words that only the vendor and the service know are named and put in at the call.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: str
    #: (name, text, name of a secret or ""): the secret's value is put behind the text.
    headers: tuple[tuple[str, str, str], ...] = ()
    #: JSON text; "" for a call without a body.
    body: str = ""
    #: First digits of the HTTP statuses that count as done.
    expect: tuple[int, ...] = (2,)
    #: Variable by variable, where its value stands in the answer: "data.id", "items.0.url".
    save: Mapping[str, str] = field(default_factory=dict)
    #: The same, kept as the step's own result: later steps read `steps.<node id>.answer.<name>`.
    keep: Mapping[str, str] = field(default_factory=dict)
    #: Most seconds until the whole answer is there.
    timeout_seconds: float = 8.0
    #: The host was put together from facts, so it must be one that the vendor has listed.
    host_from_facts: bool = False
    port: str = "next"


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
    """End this way through the journey; the passage is over when no other way is left."""

    reason: str = ""
    result: str = "completed"
    #: End the whole passage, whatever else is under way in other branches.
    everything: bool = False


Outcome = Advance | Fork | Deliver | CallWebhook | WaitUntil | WaitFor | Fail | Finish


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tell a step that it is asked again while it waits."""

    since: datetime
    #: The wait's time-out has passed.
    timed_out: bool


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
    #: How often this step has sent the token back already, in the loop around it.
    rounds: int
    #: Set when the step answered WaitFor before and is asked again.
    waiting: Waiting | None
    #: Evaluate a source of the expression language against the facts.
    evaluate: Callable[[str], Any]
    #: Render a Liquid source that speaks to nobody in particular (task titles, field values).
    render: Callable[[str], str]
    #: When the token came here and could go on, by its own timing; None where nobody knows.
    reached: datetime | None = None
    #: The branches of splits around the token: with step and visit, the name of its place.
    branch: str = ""

    def own(self, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a root of facts by step says about this step here; {} when it says nothing.

        Several branches and rounds may lead to one step: where the root knows the places apart, it is this one's.
        """
        newest: Mapping[str, Any] = entries.get(self.node_id) or {}
        places: Mapping[str, Any] = newest.get("places") or {}
        found: Mapping[str, Any] = places.get(f"{self.branch}:{self.visit}", newest)
        return found
