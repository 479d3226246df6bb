"""Run journeys in memory: the engine's own decisions, moment after moment, with nobody waiting for the clock."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from engine.models import NodeExecution
from engine.services import deciding, modules
from engine.services.instances import wedding_start
from engine.services.results import Claim, Result, Stay
from engine.services.steps import Step
from engine.simulation import changing
from engine.simulation.answering import natural_answer
from engine.simulation.calendar import Held
from engine.simulation.given import AssumedAnswer, Assumptions
from engine.simulation.guide import Guide
from engine.simulation.keeping import Keeping
from engine.simulation.posting import Posted, post
from engine.simulation.world import Heard, Passage, Token
from journeys.language.calendar import Calendar, Offset, local_instant, local_time
from journeys.language.outcomes import Advance, CallWebhook, Deliver, SetVariable, WaitFor

NOTHING = Posted()
ENDED = "The journey has ended."
#: Steps of one way; a journey that never rests is stopped there.
MOST_STEPS = 5_000

Status = NodeExecution.Status


@dataclass(order=True, slots=True)
class _Assumed:
    """Something that is taken to happen."""

    at: datetime
    number: int
    event: Heard | None = field(compare=False, default=None)
    #: (passage, token, question) that an answer is for.
    answers: tuple[Passage, int, int] | None = field(compare=False, default=None)
    answer: AssumedAnswer | None = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class _Done:
    """A step that was decided, and not yet written down."""

    passage: Passage
    token: Token
    step: Step
    result: Result
    posted: Posted = NOTHING
    #: What it waits for from now on.
    wait: WaitFor | None = None


@dataclass(slots=True, kw_only=True)
class Run(Keeping):
    """One way through, from where the world stands to its end."""

    assumptions: Assumptions
    guide: Guide
    agenda: list[_Assumed] = field(default_factory=list)
    steps: int = 0
    _numbers: Any = field(default_factory=lambda: count(1))

    def expect(self, event: Heard) -> None:
        """Take an event to happen at its moment."""
        heapq.heappush(self.agenda, _Assumed(event.received_at, next(self._numbers), event=event))

    def to_the_end(self) -> None:
        """Go on until nothing more happens by itself."""
        until = self.assumptions.until
        while self.steps < MOST_STEPS:
            found = self._next()
            if found is None:
                return
            at, what = found
            if until is not None and at > until:
                return
            self.world.now = max(self.world.now, at)
            if isinstance(what, _Assumed):
                heapq.heappop(self.agenda)
                self._assumed(what)
            else:
                self._carry_out(what)
            self.steps += 1
        self.world.warn(f"Stopped after {MOST_STEPS:,} steps: this journey does not come to rest.")

    def _next(self) -> tuple[datetime, _Assumed | list[tuple[Passage, Token]]] | None:
        """Find what happens next: at the same moment, what is heard comes first.

        What is due together is carried out together, as the bells of one round are; what reaches outside goes alone
        and after the rest.
        """
        now = self.world.now
        due = [
            (max(token.due_at, now), passage, token)
            for passage in self.world.passages
            for token in passage.tokens.values()
            if token.due_at is not None
        ]
        at = min((one[0] for one in due), default=None)
        if self.agenda and (at is None or max(self.agenda[0].at, now) <= at):
            return max(self.agenda[0].at, now), self.agenda[0]
        if at is None:
            return None
        together = [(passage, token) for moment, passage, token in due if moment == at]
        first = min(_round(token, at) for _, token in together)
        together = [one for one in together if _round(one[1], at) == first]
        self.world.round = first
        inside = [
            (passage, token)
            for passage, token in together
            if not passage.graph.nodes[token.node_id].node_type.outside
        ]
        return at, inside or [min(together, key=lambda one: one[1].key)]

    def _assumed(self, what: _Assumed) -> None:
        if what.event is not None:
            self.hear(what.event)
            return
        if what.answers is None or what.answer is None:
            return
        passage, key, question = what.answers
        token = passage.tokens.get(key)
        if token is None or token.question != question:
            return
        answer = what.answer
        if answer.type:
            self.hear(Heard(answer.type, answer.topic, answer.payload, self.world.now))
            return
        natural = natural_answer(passage.graph.nodes[token.node_id].type)
        if natural is not None:
            natural(self, passage, token, answer)
            self.awake()
            return
        step = self._step(passage, token)
        ports = [port for port in step.node.ports if port != "timeout"]
        port = answer.port or next(iter(ports), "next")
        if step.graph.successor(token.node_id, port) is None:
            self.world.warn(
                f"{_title(step)} has no way out by {port!r}, which it is taken to be answered with."
            )
            return
        step.follow(Advance(port=port, reason="Taken as answered."), now=self.world.now)
        done = _Done(passage, token, step, step.result(now=self.world.now))
        self._commit(done)
        self._come_together([done])

    def hear(self, event: Heard) -> None:
        """Let an event reach the client and wake who waits for it."""
        self.world.heard.append(event)
        self.wake(f"event:{event.type}")
        self.awake()

    def _step(self, passage: Passage, token: Token) -> Step:
        now = self.world.now
        due = token.due_at or now
        claim = Claim(
            schedule_id=token.key,
            fence=1,
            vendor_id=0,
            instance_id=0,
            version_id=0,
            node_id=token.node_id,
            branch=token.branch,
            visit=token.visit,
            attempt=token.attempt + 1,
            claims=1,
            due_at=due,
            ready_at=max(due, token.placed_at),
            meant=token.meant,
            wedding_at=wedding_start(self.world.couple.wedding),
            queue="",
            rounds=dict(token.rounds),
            waiting=token.waiting,
        )
        return Step(
            claim=claim,
            graph=passage.graph,
            node=passage.graph.nodes[token.node_id],
            instance=passage.instance,
            facts=self.facts(passage),
            calendar=self.calendar(),
        )

    def _carry_out(self, together: Sequence[tuple[Passage, Token]]) -> None:
        done = [self._decided(passage, token) for passage, token in together]
        for one in done:
            self._commit(one)
        self._come_together(done)

    def _decided(self, passage: Passage, token: Token) -> _Done:
        now = self.world.now
        step = self._step(passage, token)
        posted = Posted()
        outcome = deciding.decide(step, now=now)
        if outcome is not None:
            outcome = self.guide.direct(step, outcome)
        if isinstance(outcome, Deliver | CallWebhook) and self._is_held(step):
            pass
        elif isinstance(outcome, Deliver):
            posted = post(
                step,
                outcome,
                self.world,
                passage,
                token,
                texts=self.assumptions.texts,
                nobody_approves=self.assumptions.approvals == "never",
                now=now,
            )
        elif isinstance(outcome, CallWebhook):
            self._called(step, outcome)
        else:
            deciding.settle(step, outcome, now=now)
        wait = outcome if isinstance(outcome, WaitFor) else None
        if isinstance(outcome, Deliver) and step.stay is not None and step.stay.awaits is not None:
            wait = outcome.then
        return _Done(passage, token, step, step.result(now=now), posted, wait)

    def _is_held(self, step: Step) -> bool:
        """Put the step off where its module is switched off or keeps away from the wedding day."""
        node_type, now = step.node.node_type, self.world.now
        if node_type.module is None:
            return False
        if node_type.type in self.world.around.switched_off:
            reason = modules.held_sentence(node_type)
            step.status, step.reason = Status.HELD, reason
            step.stay = Stay(due_at=None, reason=reason, attempt=step.claim.attempt - 1)
            self.world.warn(f"{_title(step)}: {reason}")
            return True
        until = modules.near_the_day(step, node_type.module, now=now)
        if until is not None:
            step.hold(until=until[0], reason=until[1])
        return until is not None

    def _called(self, step: Step, outcome: CallWebhook) -> None:
        """Take another service to have answered: with what is assumed, or with nothing to keep."""
        answer = self.assumptions.answer_of(step.claim.node_id)
        given = answer.payload if answer else {}
        changes = tuple(SetVariable(name, given[name]) for name in outcome.save if name in given)
        step.follow(
            Advance(port=outcome.port, reason="Taken as answered by the other service."), now=self.world.now
        )
        step.changes = changes

    def _commit(self, done: _Done) -> None:
        """Do in memory what `engine.services.commits` does in tables."""
        passage, token, step, result = done.passage, done.token, done.step, done.result
        posted, wait = done.posted, done.wait
        begins_to_wait = wait is not None and token.waiting is None
        said = tuple(changing.apply(change, self, passage, result.claim) for change in result.changes)
        stay = result.stay
        if stay is not None:
            self._stay(passage, token, result, posted=posted, changes=said)
            if begins_to_wait:
                self._ask(passage, token, step)
        else:
            del passage.tokens[token.key]
            self.tell(passage, token, result, posted=posted, changes=said)
            if result.status == Status.SUCCEEDED and result.output:
                passage.outputs[token.node_id] = result.output
            for place in result.successors:
                self.world.put(
                    passage,
                    node_id=place.node_id,
                    due_at=place.due_at,
                    branch=place.branch,
                    visit=place.visit,
                    meant=place.meant,
                    rounds=place.rounds or {},
                    reason=place.reason,
                )
        if posted.copies:
            self.note_sent(passage, result.claim, posted)
            self.wake("message")

    def _come_together(self, done: Sequence[_Done]) -> None:
        """Let passages end, branches meet, and whoever waits be asked, once everything is written down."""
        ended: dict[int, tuple[Passage, str]] = {}
        for one in done:
            passage, result = one.passage, one.result
            if result.ends and result.last and passage.live:
                self.end(passage, result=result.ends, reason=result.reason or ENDED)
            elif passage.graph.forks:
                before = ended.get(id(passage), (passage, ""))[1]
                ended[id(passage)] = (passage, result.ends or before)
        for passage, ends in ended.values():
            if passage.live:
                self.join(passage, ends=ends)
        self.awake()

    def _stay(
        self,
        passage: Passage,
        token: Token,
        result: Result,
        *,
        posted: Posted,
        changes: tuple[str, ...],
    ) -> None:
        stay = result.stay
        if stay is None:
            return
        token.due_at, token.reason, token.attempt = stay.due_at, stay.reason, stay.attempt
        if stay.awaits is not None:
            token.awaits, token.waiting = stay.awaits, stay.waiting
        token.needs_person = result.ticket is not None
        if stay.quiet:
            return
        if result.status == Status.HELD and not posted.copies and stay.awaits is None:
            token.held = (*token.held, Held(self.world.now, stay.due_at, stay.reason))
            return
        self.tell(passage, token, result, posted=posted, changes=changes)

    def _ask(self, passage: Passage, token: Token, step: Step) -> None:
        """Take a wait that just began to be answered, if it is."""
        answer = self.guide.answer(step)
        if answer is None:
            if token.due_at is None:
                self.world.warn(f"{_title(step)} waits without an end unless it is answered.")
            return
        token.question += 1
        at = self._after(answer.after)
        heapq.heappush(
            self.agenda,
            _Assumed(at, next(self._numbers), answers=(passage, token.key, token.question), answer=answer),
        )

    def _after(self, text: str) -> datetime:
        """Count an offset from now, on the couple's calendar."""
        return later(text, self.world.now, calendar=self.calendar())


def _round(token: Token, at: datetime) -> int:
    """Tell in which round of its moment a token's turn comes: those that were there before come first."""
    return token.round if token.placed_at == at else 0


def _title(step: Step) -> str:
    return step.node.name or step.node.id


def later(text: str, moment: datetime, *, calendar: Calendar) -> datetime:
    """Return the moment so long after another: days on the couple's calendar, hours as time that passes."""
    offset = Offset.parse(text)
    if not offset.has_date_part:
        return moment + offset.total
    wall = local_time(moment, calendar.wedding_zone)
    day = offset.add_to_date(wall.date(), business=calendar.business)
    start = local_instant(day, wall.time(), calendar.wedding_zone)
    return start + Offset(minutes=offset.minutes).total
