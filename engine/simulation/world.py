"""The rows that the engine would have, in memory: tokens, passages, and what was heard and sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Any

from engine.fact_roots.happenings import FORM, PAYMENT, count_event, empty_money, take_in
from engine.models import Instance
from engine.services.delivering.holding import rules_of
from engine.simulation.calendar import Happening, Held
from engine.simulation.couple import Couple
from journeys.language.contact_rules import ContactRules
from journeys.language.gates import Sent
from journeys.language.graph import Graph
from journeys.models import Journey, Vendor

#: How ids of events begin that are only taken to happen.
ASSUMED = "evt_assumed"
_NUMBERS = count(1)
#: Passages that a simulation may start of themselves, a bound against journeys that start each other.
MOST_PASSAGES = 24


@dataclass(slots=True)
class Token:
    """A schedule that is in no table."""

    key: int
    node_id: str
    branch: str
    visit: int
    due_at: datetime | None
    placed_at: datetime
    meant: dict[str, Any] | None = None
    rounds: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    attempt: int = 0
    awaits: tuple[str, ...] = ()
    waiting: dict[str, Any] | None = None
    #: A ticket is open on it.
    needs_person: bool = False
    #: In which round of the moment it was placed.
    round: int = 0
    #: Put off so often before it came to anything.
    held: tuple[Held, ...] = ()
    #: What the last answer assumed for it is called; an older one no longer counts.
    question: int = 0
    #: Until when a person could have said yes to what it wants to send.
    asked_until: datetime | None = None


@dataclass(slots=True)
class Passage:
    """An instance that is in no table."""

    instance: Instance
    graph: Graph
    name: str
    trigger: Mapping[str, Any]
    #: Public id of the event that began it; "" for none.
    event: str = ""
    tokens: dict[int, Token] = field(default_factory=dict)
    #: What steps gave back, by step.
    outputs: dict[str, Any] = field(default_factory=dict)
    #: Merges that have gone on: (merge, branch around its split, the split's round).
    gone_on: set[tuple[str, str, int]] = field(default_factory=set)
    #: What went out from which step: facts of the root `messages`.
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: When each place last sent something.
    sent_at: dict[str, datetime] = field(default_factory=dict)
    #: Copies that a roll back keeps from going out again, by (step, role).
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: The root `tasks`.
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The root `journeys`: what this passage started.
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    #: What steps have asked of people, by step.
    asks: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The root `answers`: the requests of forms, by step.
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: str = ""
    ended_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Tell whether it goes on."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that reached the client; read like a row of the events' table."""

    type: str
    topic: str
    payload: Mapping[str, Any]
    received_at: datetime
    public_id: str = field(default_factory=lambda: f"{ASSUMED}{next(_NUMBERS)}")


def _nobody(_: date) -> bool:
    return False


def _none_given(_: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a simulation knows of the vendor beyond the couple."""

    #: Tells whether the vendor is at a wedding on a day.
    is_shooting: Callable[[date], bool] = _nobody
    #: Tells how many sendings of a step a person has approved.
    approved: Callable[[str], int] = _none_given
    #: Types of steps that are switched off.
    switched_off: frozenset[str] = frozenset()
    #: Keys of the meetings that the vendor offers; None: any.
    meetings_offered: frozenset[str] | None = None


#: A vendor of whom nothing more is known.
ALONE = Surroundings()


@dataclass(slots=True)
class World:
    """One couple and everything that happens to it on one way."""

    couple: Couple
    now: datetime
    passages: list[Passage] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    #: Roots that other parts of the system give, as they stand at the beginning.
    records: dict[str, Any] = field(default_factory=dict)
    around: Surroundings = field(default_factory=lambda: ALONE)
    happenings: list[Happening] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)
    #: The round of the present moment: what a step leads to has its turn in the next.
    round: int = 0
    keys: Any = field(default_factory=lambda: count(1))
    _rules: ContactRules | None = None

    def rules_of(self, vendor: Vendor) -> ContactRules:
        """Give the vendor's rules about writing to people."""
        if self._rules is None:
            self._rules = rules_of(vendor)
        return self._rules

    def warn(self, sentence: str) -> None:
        """Write down something that the vendor should know, once."""
        self.warnings.setdefault(sentence)

    def begin(
        self,
        graph: Graph,
        *,
        name: str,
        now: datetime,
        variables: Mapping[str, Any],
        trigger: Mapping[str, Any] | None = None,
        journey: Journey | None = None,
        started_by: str = "",
    ) -> Passage:
        """Start a passage at its first step."""
        number = -next(self.keys)
        instance = Instance(
            id=number,
            public_id=f"ins_simulated{-number}",
            vendor=self.couple.vendor,
            client=self.couple.client,
            wedding=self.couple.wedding,
            journey=journey,
            variables=dict(variables),
            started_at=now,
            started_by=started_by,
        )
        passage = Passage(instance, graph, name, dict(trigger or {}))
        self.passages.append(passage)
        self.put(passage, node_id=graph.start.id, due_at=now)
        return passage

    def put(self, passage: Passage, *, node_id: str, due_at: datetime | None, **given: Any) -> Token:
        """Place a token."""
        token = Token(
            key=next(self.keys),
            node_id=node_id,
            due_at=due_at,
            placed_at=self.now,
            round=self.round + 1,
            **{"branch": "", "visit": 1, **given},
        )
        passage.tokens[token.key] = token
        return token

    def facts(self, passage: Passage, *, now: datetime) -> dict[str, Any]:
        """Give everything that steps may read, in the shape that the engine gives it."""
        money = empty_money()
        events: dict[str, Any] = {}
        for event in self.heard:
            count_event(events, event.type, event)
            if event.type in {PAYMENT, FORM}:
                take_in(money, event)
        return {
            **self.records,
            **money,
            "events": events,
            "journey": self._journey(passage),
            "now": now.isoformat(),
            "parameters": passage.graph.parameters,
            "variables": passage.instance.variables or {},
            "trigger": passage.trigger,
            "steps": passage.outputs,
            "messages": passage.messages,
            "tasks": passage.tasks,
            "journeys": passage.started,
            "variants": passage.variants,
            **self.couple.facts(now=now),
        }

    def _journey(self, passage: Passage) -> dict[str, Any]:
        """Give the root `journey`."""
        instance = passage.instance
        return {
            "id": instance.journey.public_id if instance.journey_id else "",
            "name": passage.name,
            "instance": instance.public_id,
            "started_at": instance.started_at.isoformat(),
            "event": passage.event,
        }
