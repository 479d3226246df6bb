"""One claimed step on its way to a result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution
from engine.places import Place
from engine.services.commits import Claim, NextPlace, Result, Stay, TicketDraft
from journeys.language import transitions
from journeys.language.calendar import BusinessCalendar, Calendar
from journeys.language.graph import Graph, Node
from journeys.language.outcomes import Advance, Change, Finish

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
    status: str = NodeExecution.Status.SUCCEEDED
    port: str = ""
    reason: str = ""
    error_class: str = ""
    error_code: str = ""
    output: dict[str, Any] = field(default_factory=dict)
    stay: Stay | None = None
    successors: tuple[NextPlace, ...] = ()
    finishes: str = ""
    changes: tuple[Change, ...] = ()
    ticket: TicketDraft | None = None
    begun: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, claim: Claim) -> Step:
        """Begin with a claim."""
        graph = graph_of(claim.version_id)
        return cls(claim=claim, graph=graph, node=graph.nodes[claim.node_id])

    @property
    def place(self) -> transitions.Place:
        """Where the token stands."""
        return transitions.Place(self.claim.node_id, self.claim.branch, self.claim.visit)

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

    def follow(self, outcome: Advance | Finish, *, now: datetime) -> Step:
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

    def _take(self, plan: transitions.Plan) -> Step:
        self.status, self.port, self.reason = plan.status, plan.port or "", plan.reason
        self.output = dict(plan.output)
        self.successors = tuple(next_place(self.graph, successor) for successor in plan.successors)
        if plan.finished:
            self.finishes = Instance.Status.COMPLETED
        return self

    def result(self, *, now: datetime) -> Result:
        """Close it.

        Raises:
            ValueError: it would leave its place for nowhere, which loses the couple.
        """
        if self.stay is None and not self.successors and not self.finishes:
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
            finishes=self.finishes,
            changes=self.changes,
            ticket=self.ticket,
        )


def next_place(graph: Graph, successor: transitions.Successor) -> NextPlace:
    """Say where a token goes; a date that is missing parks it there."""
    due = successor.due
    return NextPlace(
        node_id=successor.node_id,
        branch=successor.branch,
        visit=successor.visit,
        due_at=due.instant,
        meant=due.meant,
        reason=due.missing or "",
        outside=graph.nodes[successor.node_id].node_type.outside,
    )
