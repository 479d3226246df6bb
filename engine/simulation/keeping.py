"""Keep what stands and what has happened, in memory, the way the engine's tables do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.models import NodeExecution
from engine.services import ending, joining
from engine.services.results import Claim, Result
from engine.simulation import changing
from engine.simulation.calendar import Happening, Stands
from engine.simulation.changing import Library
from engine.simulation.posting import Posted
from engine.simulation.records import note_form, record_facts
from engine.simulation.world import Passage, Token, World
from journeys.language import joins, transitions
from journeys.language.calendar import Calendar, due_from_meant

#: What may be known of a step's messages; a simulation knows only that they were sent.
HEARD = ("sent", "delivered", "opened", "clicked", "replied", "bounced", "failed")
REMINDER = "reminder_"

Status = NodeExecution.Status


@dataclass(slots=True, kw_only=True)
class Keeping:
    """The world of one way, and what is done to it together with each step."""

    world: World
    library: Library
    _calendar: Calendar | None = None
    _topics: set[str] = field(default_factory=set)

    def calendar(self) -> Calendar:
        """Give the couple's dates as they are now."""
        if self._calendar is None:
            self._calendar = self.world.couple.calendar()
        return self._calendar

    def dates_changed(self) -> None:
        """Let every timed token follow the couple's dates."""
        self._calendar = None
        for passage in self.world.passages:
            for token in passage.tokens.values():
                if token.meant and not token.needs_person and token.waiting is None:
                    due = due_from_meant(token.meant, calendar=self.calendar())
                    token.due_at, token.reason = due.instant, due.missing or ""
        self.wake("wedding")

    def facts(self, passage: Passage) -> dict[str, Any]:
        """Give everything that the steps of a passage may read now."""
        now = self.world.now
        return {**self.world.facts(passage, now=now), **record_facts(self.world, passage, now=now)}

    def wake(self, *topics: str) -> None:
        """Ask every step again that waits for one of the topics, once what is under way is written down."""
        self._topics.update(topics)

    def awake(self) -> None:
        """Do what `engine.services.waking` does after a commit."""
        now = self.world.now
        while self._topics:
            topics, self._topics = self._topics, set()
            for passage in self.world.passages:
                for token in passage.tokens.values():
                    if token.waiting and not token.needs_person and not topics.isdisjoint(token.awaits):
                        token.due_at = now
            for passage in [one for one in self.world.passages if one.live]:
                if passage.graph.goals or passage.graph.exits:
                    facts = self.facts(passage)
                    found = ending.rule_that_holds(passage.graph, facts, now=now)
                    if found is not None:
                        self.end(passage, result=found[0], reason=found[1])

    def note_sent(self, passage: Passage, claim: Claim, posted: Posted) -> None:
        """Keep what became of a step's messages, for steps that look at it."""
        node_id = claim.node_id
        if posted.part.startswith(REMINDER):
            note_form(passage, node_id, visit=claim.visit, reminders=int(posted.part.removeprefix(REMINDER)))
        sent = any(not copy.withheld for copy in posted.copies)
        before = passage.messages.get(node_id) or dict.fromkeys(HEARD, False)
        passage.messages[node_id] = {
            **before,
            "sent": sent or before["sent"],
            "status": "accepted" if not posted.copies[-1].withheld else "withheld",
            "at": self.world.now.isoformat(),
        }

    def tell(
        self,
        passage: Passage,
        token: Token,
        result: Result,
        *,
        posted: Posted,
        changes: tuple[str, ...],
    ) -> None:
        """Write a step into the calendar, as history would have it."""
        node = passage.graph.nodes[token.node_id]
        needs_person = result.ticket is not None
        title = node.name or node.id
        if needs_person:
            self.world.warn(f"{title}: {result.reason}")
        self.world.happenings.append(
            Happening(
                at=self.world.now,
                journey=passage.name,
                node_id=node.id,
                node_type=node.type,
                title=title,
                branch=token.branch,
                visit=token.visit,
                status=result.status,
                port=result.port,
                reason=result.reason,
                due_at=result.claim.due_at,
                needs_person=needs_person,
                copies=posted.copies,
                needs_approval=posted.needs_approval,
                changes=tuple(one for one in changes if one),
                held=token.held,
                waits=result.stay is not None and bool(token.awaits),
                output=result.output or {},
            )
        )
        token.held = ()

    def join(self, passage: Passage, *, ends: str) -> None:
        """Let branches come together, again and again until nothing more follows."""
        standing = [
            joins.Standing(token.key, token.node_id, token.branch, token.needs_person, token.rounds)
            for token in passage.tokens.values()
        ]
        settled = joins.settle(
            passage.graph,
            standing,
            gone_on=lambda node, around, visit: (node, around, visit) in passage.gone_on,
        )
        for fired in settled.fired:
            for key in fired.arrived:
                self.take_away(passage, key, joining.AT_MERGE, status=Status.SUCCEEDED)
            for key in fired.cancelled:
                self.take_away(passage, key, joining.NOT_NEEDED)
            passage.gone_on.add((fired.node_id, fired.branch, fired.visit))
            there = transitions.arrive(
                passage.graph,
                fired.node_id,
                branch=fired.branch,
                visit=fired.visit,
                rounds=fired.rounds,
                calendar=self.calendar(),
                now=self.world.now,
            )
            self.world.put(
                passage,
                node_id=fired.node_id,
                due_at=there.due.instant,
                branch=fired.branch,
                visit=fired.visit,
                meant=there.due.meant,
                rounds=fired.rounds,
                reason=there.due.missing or "",
            )
        for key in settled.too_late:
            self.take_away(passage, key, joining.TOO_LATE)
        if settled.over and not passage.tokens:
            self.end(passage, result=ends or "completed", reason="")

    def take_away(self, passage: Passage, key: int, reason: str, *, status: str = Status.CANCELLED) -> None:
        """Remove a token from where it stands, with a line in the calendar."""
        token = passage.tokens.pop(key, None)
        if token is None:
            return
        node = passage.graph.nodes[token.node_id]
        self.world.happenings.append(
            Happening(
                at=self.world.now,
                journey=passage.name,
                node_id=node.id,
                node_type=node.type,
                title=node.name or node.id,
                branch=token.branch,
                visit=token.visit,
                status=status,
                reason=reason,
                due_at=token.due_at,
                held=token.held,
            )
        )

    def end(self, passage: Passage, *, result: str, reason: str) -> None:
        """End a passage with everything in it."""
        for key in list(passage.tokens):
            self.take_away(passage, key, reason)
        passage.result, passage.ended_at = result, self.world.now
        changing.ended(self, passage)

    def stands(self) -> tuple[Stands, ...]:
        """Say where every passage stands that has not ended."""
        found = []
        for passage in self.world.passages:
            for token in passage.tokens.values():
                node = passage.graph.nodes[token.node_id]
                found.append(
                    Stands(
                        passage.name,
                        node.id,
                        node.name or node.id,
                        token.due_at,
                        token.reason,
                        needs_person=token.needs_person,
                    )
                )
        return tuple(found)
