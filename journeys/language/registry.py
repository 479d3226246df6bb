"""Where node and trigger types are declared, and found again by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Protocol

from pydantic import BaseModel
from typing_extensions import TypeVar

from .errors import AlreadyRegistered, NotRegistered
from .modules import Module
from .outcomes import Outcome, StepContext
from .settings import NodeSettings


class Typed(Protocol):
    """Anything that carries the name it is registered under."""

    @property
    def type(self) -> str:
        """Return the name it is registered under."""


#: Spelled out here because a type's own name is called `type` below.
SettingsModel = type[NodeSettings]
AnyModel = type[BaseModel]

TypedT = TypeVar("TypedT", bound=Typed)
ClassT = TypeVar("ClassT", bound=type[Any])
SettingsT = TypeVar("SettingsT", bound=NodeSettings, default=Any)
TriggerSettingsT = TypeVar("TriggerSettingsT", bound=BaseModel, default=Any)


class Registry(Generic[TypedT]):
    """Hold one instance of every declared type, by name."""

    def __init__(self, kind: str) -> None:
        """Name the kind of thing held here; error messages use it."""
        self.kind = kind
        self._members: dict[str, TypedT] = {}

    def register(self, cls: ClassT) -> ClassT:
        """Declare a class (used as a decorator) and keep one instance of it.

        Raises AlreadyRegistered when another class carries the same name.
        """
        member: TypedT = cls()
        known = self._members.get(member.type)
        if known is not None:
            raise AlreadyRegistered(
                f"The {self.kind} {member.type!r} is declared twice, by {type(known).__qualname__} "
                f"and by {cls.__qualname__}. Give one of them another name."
            )
        self._members[member.type] = member
        return cls

    def get(self, name: str) -> TypedT:
        """Return the member of this name; raise NotRegistered when there is none."""
        try:
            return self._members[name]
        except KeyError:
            known = ", ".join(self.types()) or "none"
            raise NotRegistered(f"There is no {self.kind} {name!r}. Known: {known}.") from None

    def types(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._members)

    def __contains__(self, name: object) -> bool:
        """Tell whether a type of this name was declared."""
        return name in self._members

    def __iter__(self) -> Iterator[TypedT]:
        """Go through the members in the order of their names."""
        return iter([self._members[name] for name in self.types()])

    def __len__(self) -> int:
        """Return how many types were declared."""
        return len(self._members)


@dataclass(frozen=True, slots=True)
class JoinRule:
    """Say when a merge goes on."""

    #: The split whose branches come together here.
    split: str
    #: Branches that must have arrived; None: all that are still under way.
    count: int | None = None
    #: What becomes of the branches that are still under way then.
    others: Literal["cancel", "go_on"] = "cancel"
    #: Whether a branch that stands at a ticket is waited for.
    failed: Literal["wait", "go_on"] = "wait"


class NodeType(ABC, Generic[SettingsT]):
    """Declare one kind of step: its settings, its ports, and what it answers."""

    type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    #: Name of a drawing in the icon sprite.
    icon: ClassVar[str]
    settings_model: ClassVar[SettingsModel]
    #: Touches the outside world: travels alone, and its texts speak to a recipient.
    outside: ClassVar[bool] = False
    #: Kind of page that its messages lead to ("form", "meeting", …): its texts read the address as `link`.
    link: ClassVar[str] = ""
    #: Its texts speak to a recipient; only for steps that touch the outside.
    speaks: ClassVar[bool] = True
    #: What it promises as one of the modules that a vendor sees; None for every other step.
    module: ClassVar[Module | None] = None
    ports: ClassVar[tuple[str, ...]] = ("next",)
    #: Left a limited number of times in the loop around it, so that a loop through such a port needs no wait.
    counted_ports: ClassVar[tuple[str, ...]] = ()
    #: Followed when an edge leaves by them; no edge is no problem.
    optional_ports: ClassVar[tuple[str, ...]] = ("error",)

    def ports_of(self, settings: SettingsT) -> tuple[str, ...]:
        """Return the ports that must lead somewhere, for these settings."""
        del settings
        return self.ports

    def texts(self, settings: SettingsT) -> Iterable[tuple[str, str]]:
        """Return (field, Liquid source) for every text, so that it can be checked when published."""
        del settings
        return ()

    def expressions(self, settings: SettingsT) -> Iterable[tuple[str, str]]:
        """Return (field, source) for every expression, so that it can be checked when published."""
        del settings
        return ()

    def reads(self, settings: SettingsT) -> Iterable[str]:
        """Return dotted fact paths that the step reads beside those in its texts and expressions."""
        del settings
        return ()

    def forks(self, settings: SettingsT) -> bool:
        """Tell whether the step sends a token on from several of its ports at once (the outcome Fork)."""
        del settings
        return False

    def join_of(self, settings: SettingsT) -> JoinRule | None:
        """Return how the branches of a split come together here; None for a step that is no merge."""
        del settings
        return None

    def journeys(self, settings: SettingsT) -> Iterable[str]:
        """Return the public ids of the other journeys that the step starts or ends."""
        del settings
        return ()

    def touches_wedding(self, settings: SettingsT) -> bool:
        """Tell whether the step changes the wedding or starts a journey, so that the wedding is locked first."""
        del settings
        return False

    @abstractmethod
    def execute(self, context: StepContext[SettingsT]) -> Outcome:
        """Answer what should happen; touch nothing."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Tell a trigger type what happened."""

    #: The trigger type's name: "client_added", "payment_received", …
    type: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    event_id: str = ""
    #: The client's facts at that moment, as expressions read them.
    facts: Mapping[str, Any] = field(default_factory=dict)


class TriggerType(ABC, Generic[TriggerSettingsT]):
    """Declare one kind of event that can start a journey."""

    type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    settings_model: ClassVar[AnyModel]
    #: Checks what arrives with the event; None takes any payload.
    payload_model: ClassVar[AnyModel | None] = None

    @abstractmethod
    def matches(self, *, settings: TriggerSettingsT, event: EventFacts) -> bool:
        """Tell whether an event of this type starts a journey with these settings."""


node_types: Registry[NodeType] = Registry("step type")
trigger_types: Registry[TriggerType] = Registry("trigger type")
