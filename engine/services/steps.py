"""One claimed step on its way to a result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution
from engine.places import Place
from engine.services.results import Claim, NextPlace, Result, Stay, TicketDraft
from journeys.language import transitions
from journeys.language.calendar import BusinessCalendar, Calendar, due_from_meant, due_of
from journeys.language.graph import Graph, Node
from journeys.language.modules import Module
from journeys.language.outcomes import Advance, Change, Finish, Fork, WaitFor, Waiting

#: For steps that hang on no date and lead to none.
NO_DATES = Calendar(anchors={}, wedding_zone="UTC", vendor_zone="UTC", business=BusinessCalendar())


@dataclass(slots=True)
class Step:
    """A claim, the graph it belongs to, and what is known so far of how it ends."""

    claim: Claim
    graph: Graph
    node: Node
    instance: Instance | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    calendar: Calendar = NO_DATES
    #: Paths of all that was read of the facts, and whether the couple's dates were.
    reads: frozenset[str] = frozenset()
    dated: bool = False
    #: Nobody has paused or ended its instance, whose lock is held.
    is_active: bool = False
    status: str = NodeExecution.Status.SUCCEEDED
    port: str = ""
    reason: str = ""
    error_class: str = ""
    error_code: str = ""
    output: dict[str, Any] = field(default_factory=dict)
    stay: Stay | None = None
    successors: tuple[NextPlace, ...] = ()
    #: How the token's way ends; "" when it goes on.
    ends: str = ""
    #: It is made up for: its moment had passed, and its late rule lets it be done all the same.
    late: bool = False
    #: The whole passage ends with it.
    everything: bool = False
    changes: tuple[Change, ...] = ()
    ticket: TicketDraft | None = None
    #: Limits and retries of the step's module as they are set now; None where the declared ones hold.
    module: Module | None = None
    begun: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, claim: Claim) -> Step:
        """Begin with a claim."""
        graph = graph_of(claim.version_id)
        return cls(claim=claim, graph=graph, node=graph.nodes[claim.node_id])

    @property
    def place(self) -> transitions.Place:
        """Where the token stands."""
        held = self.claim
        return transitions.Place(held.node_id, held.branch, held.visit, held.rounds or {})

    @property
    def source(self) -> Place:
        """The name of this place in the whole system; what its effects are known by.

        Raises:
            ValueError: the step was not prepared with its instance.
        """
        if self.instance is None:
            message = "A step's effects are named after its instance: prepare the step first."
            raise ValueError(message)
        return Place(self.instance.public_id, self.claim.node_id, self.claim.branch, self.claim.visit)

    def follow(self, outcome: Advance | Fork | Finish, *, now: datetime) -> Step:
        """Take over what the language says follows the outcome."""
        return self._take(transitions.plan(self.graph, self.place, outcome, calendar=self.calendar, now=now))

    def leave(self, *, port: str, status: str, now: datetime) -> Step:
        """Leave by a port although the step was not done."""
        reason = self.reason
        self._take(
            transitions.plan(
                self.graph, self.place, Advance(port=port, reason=reason), calendar=self.calendar, now=now
            )
        )
        self.status, self.reason = status, reason
        return self

    def skip(self, reason: str, *, now: datetime) -> Step:
        """Leave without doing it, and say why."""
        return self._take(transitions.skip(self.graph, self.place, reason, calendar=self.calendar, now=now))

    def hold(self, *, until: datetime, reason: str) -> Step:
        """Keep the place until later; this was no attempt."""
        self.status = NodeExecution.Status.HELD
        self.reason = reason
        self.stay = Stay(due_at=until, reason=reason, attempt=self.claim.attempt - 1)
        return self

    def wait(self, outcome: WaitFor, *, now: datetime, soon: bool = False) -> Step:
        """Keep the place until something happens; this was no attempt.

        A wait that goes on keeps the moment it began, from which its time-out counts. `soon` asks the step again at
        once, for a wait that begins after something was sent: what it waits for may have happened meanwhile.
        """
        begins = self.claim.waiting is None
        since = now if begins else self.waiting_since
        timeout = due_of(outcome.timeout, calendar=self.calendar, reached=since) if outcome.timeout else None
        until = timeout.instant if timeout else None
        # A time-out that has passed is told to the step once, at the beginning; it may well wait on.
        moments = [max(until, now)] if until and (begins or until > now) else []
        if outcome.recheck:
            moments.append(now + outcome.recheck)
        self.status, self.reason = NodeExecution.Status.HELD, outcome.reason
        self.changes = outcome.changes if begins else ()
        self.stay = Stay(
            due_at=now if soon else min(moments, default=None),
            reason=outcome.reason,
            attempt=0,
            awaits=outcome.topics,
            waiting={"since": since.isoformat(), "timeout": timeout.meant if timeout else None},
            quiet=not begins,
        )
        return self

    @property
    def waiting_since(self) -> datetime:
        """When the step began to wait.

        Raises:
            ValueError: it does not wait.
        """
        if self.claim.waiting is None:
            message = f"The step {self.claim.node_id!r} does not wait for anything."
            raise ValueError(message)
        return datetime.fromisoformat(self.claim.waiting["since"])

    def waiting(self, *, now: datetime) -> Waiting | None:
        """Say for how long the step has waited already; None when it does not."""
        if self.claim.waiting is None:
            return None
        meant = self.claim.waiting["timeout"]
        until = due_from_meant(meant, calendar=self.calendar).instant if meant else None
        return Waiting(self.waiting_since, timed_out=until is not None and until <= now)

    def end_all(self, *, result: str, reason: str) -> Step:
        """End the whole passage here, without doing the step."""
        self.status, self.reason = NodeExecution.Status.CANCELLED, reason
        self.ends, self.everything = result, True
        return self

    def _take(self, plan: transitions.Plan) -> Step:
        self.status, self.port, self.reason = plan.status, plan.port or "", plan.reason
        self.output = dict(plan.output)
        self.successors = tuple(next_place(self.graph, successor) for successor in plan.successors)
        if plan.finished:
            self.ends = str(plan.output.get("result", "completed"))
            self.everything = plan.everything
        return self

    def result(self, *, now: datetime) -> Result:
        """Close it.

        Raises:
            ValueError: it would leave its place for nowhere, which loses the couple.
        """
        if self.stay is None and not self.successors and not self.ends:
            message = f"The step {self.claim.node_id!r} neither stays, nor leads on, nor ends."
            raise ValueError(message)
        return Result(
            claim=self.claim,
            node_type=self.node.type,
            status=self.status,
            started_at=now,
            duration_ms=round((time.monotonic() - self.begun) * 1000, 3),
            port=self.port,
            reason=self.reason,
            error_class=self.error_class,
            error_code=self.error_code,
            output=self.output or None,
            stay=self.stay,
            successors=self.successors,
            ends=self.ends,
            last=self.everything or not self.graph.forks,
            forks=self.graph.forks,
            changes=self.changes,
            ticket=self.ticket,
        )


def next_place(graph: Graph, successor: transitions.Successor) -> NextPlace:
    """Say where a token goes; a date that is missing parks it there."""
    due, node = successor.due, graph.nodes[successor.node_id]
    return NextPlace(
        node_id=successor.node_id,
        branch=successor.branch,
        visit=successor.visit,
        due_at=due.instant,
        meant=due.meant,
        reason=due.missing or "",
        outside=node.node_type.outside,
        rounds=dict(successor.rounds) or None,
        arrives=successor.arrives,
        instant=not node.node_type.outside and not node.node_type.touches_wedding(node.settings),
    )
