"""What a simulation found: the calendar of everything that would happen, by way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from journeys.language.zones import local_time


@dataclass(frozen=True, slots=True)
class Copy:
    """One message as one person would get it."""

    role: str
    name: str
    channel: str
    #: "" where texts were not asked for.
    subject: str = ""
    text: str = ""
    #: Why it would not go out; "" when it would.
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """One time that a step was put off."""

    at: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Happening:
    """One step that would be carried out, passed over, put off or stopped at."""

    at: datetime
    #: The journey's name.
    journey: str
    node_id: str
    node_type: str
    title: str
    branch: str
    visit: int
    #: As history will have it: "succeeded", "skipped", "held", "retrying", "failed", "cancelled".
    status: str
    port: str = ""
    reason: str = ""
    #: When it was to be carried out; earlier than `at` where it comes late.
    due_at: datetime | None = None
    #: It would stop here until a person looks at it.
    needs_person: bool = False
    copies: tuple[Copy, ...] = ()
    #: Sentences about what it changes: "Puts on the tag late."
    changes: tuple[str, ...] = ()
    #: Earlier times at which it was put off.
    held: tuple[Held, ...] = ()
    #: It waits here for something to happen, and goes on later.
    waits: bool = False
    needs_approval: bool = False
    output: dict[str, Any] = field(default_factory=dict)

    @property
    def sends(self) -> bool:
        """Tell whether at least one message would go out."""
        return any(not copy.withheld for copy in self.copies)

    def as_dict(self, *, zone: str, texts: bool) -> dict[str, Any]:
        """Write it for a program."""
        return {
            "at": self.at.isoformat(),
            "local": f"{local_time(self.at, zone):%Y-%m-%d %H:%M}",
            "journey": self.journey,
            "step": self.node_id,
            "kind": self.node_type,
            "title": self.title,
            "branch": self.branch,
            "visit": self.visit,
            "status": self.status,
            "port": self.port,
            "reason": self.reason,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "needs_person": self.needs_person,
            "needs_approval": self.needs_approval,
            "waits": self.waits,
            "changes": list(self.changes),
            "held": [
                {
                    "at": one.at.isoformat(),
                    "until": one.until.isoformat() if one.until else None,
                    "reason": one.reason,
                }
                for one in self.held
            ],
            "messages": [
                {
                    "to": copy.role,
                    "name": copy.name,
                    "channel": copy.channel,
                    "withheld": copy.withheld,
                    **({"subject": copy.subject, "text": copy.text} if texts else {}),
                }
                for copy in self.copies
            ],
        }


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a passage would stand when nothing more happens by itself."""

    journey: str
    node_id: str
    title: str
    #: When something happens next, beyond what was looked at; None: it waits for somebody or something.
    due_at: datetime | None
    reason: str
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One fork in the road: by which port a step was left on this way, and why."""

    node_id: str
    title: str
    visit: int
    port: str
    #: "'second' in payments.received" and yes, "answered", "its time-out", …
    because: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way through the journey, from its start to where it ends or stands."""

    choices: tuple[Choice, ...]
    happenings: tuple[Happening, ...]
    stands: tuple[Stands, ...]
    #: "completed", "stopped", "goal:<name>", "exit:<name>", …; "" while it goes on.
    result: str
    ended_at: datetime | None
    warnings: tuple[str, ...]
    #: It is the way that today's facts lead to.
    likely: bool = True

    def as_dict(self, *, zone: str, texts: bool) -> dict[str, Any]:
        """Write it for a program."""
        return {
            "likely": self.likely,
            "choices": [
                {
                    "step": one.node_id,
                    "title": one.title,
                    "visit": one.visit,
                    "port": one.port,
                    "because": one.because,
                }
                for one in self.choices
            ],
            "calendar": [one.as_dict(zone=zone, texts=texts) for one in self.happenings],
            "ends": {
                "result": self.result,
                "at": self.ended_at.isoformat() if self.ended_at else None,
                "stands": [
                    {
                        "journey": one.journey,
                        "step": one.node_id,
                        "title": one.title,
                        "due_at": one.due_at.isoformat() if one.due_at else None,
                        "reason": one.reason,
                        "needs_person": one.needs_person,
                    }
                    for one in self.stands
                ],
            },
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that would happen with one couple."""

    #: Public id; "" for one that is invented.
    client_id: str
    name: str
    zone: str
    started: datetime
    ways: tuple[Way, ...]
    #: There are more ways than were followed.
    cut_short: bool = False

    def as_dict(self, *, texts: bool) -> dict[str, Any]:
        """Write it for a program."""
        return {
            "client_id": self.client_id,
            "name": self.name,
            "zone": self.zone,
            "started": self.started.isoformat(),
            "cut_short": self.cut_short,
            "ways": [way.as_dict(zone=self.zone, texts=texts) for way in self.ways],
        }
