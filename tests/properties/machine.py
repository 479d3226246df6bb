"""A journey in the hands of chance: random graphs, random events, and what must hold after each of them."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from unittest import mock

from django.db import connection
from django.db.models import Count, Max
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from channels.models import Message, SinkMessage
from engine.graphs import graph_of
from engine.models import Changeover, Instance, NodeExecution, Schedule, TicketLine
from engine.nodes.action import Action
from engine.services import changeovers, dispatch, publishing, recovery, runner, tickets, waking
from engine.services.claims import claim
from engine.services.delivering import Delivery
from engine.services.instances import instance_cancel, instance_pause, instance_resume, instance_start
from engine.services.replaying import differences
from engine.services.triggering import event_receive
from journeys.errors import Conflict, ServiceError
from journeys.language.graph import Graph
from journeys.language.replaying import Happened
from journeys.models import Client, Journey, Task, Vendor, Wedding
from journeys.services import clients, journeys
from journeys.services.tasks import task_finish
from journeys.services.weddings import wedding_cancel, wedding_move
from tests.builders import ACTOR, a_couple, a_vendor
from tests.drive import bells, run_until_idle
from tests.properties.nets import TAGS, definitions

BEGUN = datetime(2027, 4, 14, 9, 0, tzinfo=UTC)
SEEDS = st.integers(0, 2**32)
LEFT = ("succeeded", "skipped", "cancelled")
#: Rounds after which everything that can end has ended.
LAST_ROUNDS = 100
_NUMBERS = count(1)


class Died(BaseException):
    """The process was killed at this moment."""


class Broke(Exception):
    """A step has a fault of its own."""


class JourneyMachine(RuleBasedStateMachine):
    """One or two couples in a random journey."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGUN
        self.answered: list[tuple[int, int]] = []
        self.seen: set[int] = set()
        self.changeovers: list[Changeover] = []
        self.eras: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.breaks = self.dies_before = self.dies_after = 0
        self._patches = [
            mock.patch("engine.bells.ring"),
            mock.patch.object(Action, "execute", self._breaking(Action.execute)),
            mock.patch.object(Delivery, "carry_out", self._dying(Delivery.carry_out, "dies_before")),
            mock.patch.object(Delivery, "close", self._dying(Delivery.close, "dies_after")),
        ]
        for patch in self._patches:
            patch.start()

    def _breaking(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def broken(node: Action, context: Any) -> Any:
            if self.breaks:
                self.breaks -= 1
                raise Broke
            return execute(node, context)

        return broken

    def _dying(self, call: Callable[..., Any], when: str) -> Callable[..., Any]:
        def dying(delivery: Delivery, *, now: datetime) -> Any:
            if getattr(self, when):
                setattr(self, when, getattr(self, when) - 1)
                raise Died
            return call(delivery, now=now)

        return dying

    @initialize(definition=definitions(), couples=st.integers(1, 2))
    def begin(self, definition: dict[str, Any], couples: int) -> None:
        self.vendor: Vendor = Vendor.objects.order_by("id").first() or a_vendor(now=self.now)
        name = f"Journey {next(_NUMBERS)}"
        self.journey: Journey = journeys.journey_create(
            vendor=self.vendor, name=name, definition=definition, now=self.now, actor=ACTOR
        )
        journeys.journey_publish(journey=self.journey, now=self.now, actor=ACTOR)
        self.couples: list[Client] = [a_couple(self.vendor, now=self.now) for _ in range(couples)]
        self.instances: list[int] = []
        for couple in self.couples:
            started = instance_start(
                vendor=self.vendor,
                journey=self.journey,
                client=couple,
                variables={},
                now=self.now,
                actor=ACTOR,
            )
            self.instances.append(started.id)
            self.eras[started.id].append((0, started.version_id))

    # What the engine does.

    @rule(seed=SEEDS, share=st.floats(0.2, 1.0), rounds=st.integers(1, 6))
    def run_some(self, seed: int, share: float, rounds: int) -> None:
        """Carry out part of what is due, in any order and in batches of any size."""
        chance = _chance(seed)
        for _ in range(rounds):
            dispatch.dispatch(now=self.now)
            places = bells()
            chance.shuffle(places)
            places = places[: max(1, round(len(places) * share))]
            while places:
                size = chance.randint(1, 4)
                self._ring(places[:size])
                places = places[size:]

    @rule()
    def run_all(self) -> None:
        """Come to rest; bells of those who were paused since are taken back first, for nobody answers them."""
        self._expire()
        try:
            run_until_idle(self.now)
        except Died:
            self._expire()

    def _ring(self, places: list[tuple[int, int]]) -> None:
        self.answered += places
        with suppress(Died):
            runner.run(places=places, now=self.now)

    @rule(seed=SEEDS)
    def ring_old_bells_again(self, seed: int) -> None:
        """A bell that was answered changes nothing when it is delivered once more, or late."""
        standing = set(bells())
        # A bell for a passage that was paused is not answered yet.
        old = [place for place in self.answered if place not in standing]
        if not old:
            return
        before = NodeExecution.objects.count(), standing
        runner.run(places=_chance(seed).choices(old, k=4), now=self.now)
        assert before == (NodeExecution.objects.count(), set(bells()))

    @rule(seed=SEEDS)
    def lose_bells_and_workers(self, seed: int) -> None:
        """Some bells are never heard, some workers die with a step in hand; the sweep finds both."""
        dispatch.dispatch(now=self.now)
        taken = [place for place in bells() if _chance(seed).random() < 0.5]
        claim(taken)
        self._expire()
        recovery.sweep()

    def _expire(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 second' "
                "WHERE state IN ('queued', 'running')"
            )

    @rule(hours=st.sampled_from([1, 5, 24, 24, 72, 24 * 30, 24 * 100]))
    def let_time_pass(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(which=st.sampled_from(["breaks", "dies_before", "dies_after"]), times=st.integers(1, 5))
    def prepare_a_fault(self, which: str, times: int) -> None:
        setattr(self, which, times)

    # What people do.

    @rule(
        type_=st.sampled_from(["form_submitted", "payment_received"]),
        couple=st.integers(0, 1),
        deaf=st.booleans(),
    )
    def something_arrives(self, *, type_: str, couple: int, deaf: bool) -> None:
        """Deaf: the process dies before what waits is woken."""
        with mock.patch.object(waking, "process") if deaf else nullcontext():
            self._event(type_, self._couple(couple))

    def _event(self, type_: str, couple: Client) -> None:
        event_receive(
            vendor=self.vendor,
            type=type_,
            event_id=f"event-{next(_NUMBERS)}",
            client=couple,
            topic="final",
            payload={"amount": 10} if type_ == "payment_received" else {},
            now=self.now,
            actor=ACTOR,
        )

    @rule(tag=st.sampled_from([*TAGS, *TAGS, "gold", "black"]), add=st.booleans(), couple=st.integers(0, 1))
    def change_a_tag(self, *, tag: str, add: bool, couple: int) -> None:
        change = clients.tag_add if add else clients.tag_remove
        change(client=self._couple(couple), name=tag, now=self.now, actor=ACTOR)

    @rule(seed=SEEDS)
    def finish_a_task(self, seed: int) -> None:
        open_tasks = list(Task.objects.filter(client__in=self.couples, done_at=None).order_by("id"))
        if open_tasks:
            task_finish(task=_chance(seed).choice(open_tasks), now=self.now, actor=ACTOR)

    @rule(seed=SEEDS, decision=st.sampled_from(["retry", "retry", "skip", "skip", "cancel"]))
    def work_a_ticket(self, seed: int, decision: str) -> None:
        found = list(self._tickets())
        if found:
            work = {
                "retry": tickets.line_retry,
                "skip": tickets.line_skip,
                "cancel": tickets.line_cancel,
            }
            work[decision](line=_chance(seed).choice(found), now=self.now, actor=ACTOR)

    @rule(seed=SEEDS, pause=st.booleans())
    def pause_or_resume(self, *, seed: int, pause: bool) -> None:
        instance = Instance.objects.get(id=_chance(seed).choice(self.instances))
        with suppress(ServiceError):
            (instance_pause if pause else instance_resume)(instance=instance, now=self.now, actor=ACTOR)

    @precondition(lambda self: len(self.instances) > 1)
    @rule(which=st.integers(0, 1))
    def cancel(self, which: int) -> None:
        instance = Instance.objects.get(id=self.instances[which])
        with suppress(ServiceError):
            instance_cancel(instance=instance, now=self.now, actor=ACTOR)

    @rule(couple=st.integers(0, 1), days=st.sampled_from([None, -100, 1, 40, 200]))
    def move_the_wedding(self, couple: int, days: int | None) -> None:
        self._move(self._couple(couple), None if days is None else (self.now + timedelta(days=days)).date())

    @precondition(lambda self: len(self.instances) > 1)
    @rule()
    def cancel_a_wedding(self) -> None:
        wedding_cancel(wedding=Wedding.objects.get(client=self.couples[1]), now=self.now, actor=ACTOR)

    def _move(self, couple: Client, day: date | None) -> None:
        with suppress(ServiceError):
            wedding_move(wedding=Wedding.objects.get(client=couple), date=day, now=self.now, actor=ACTOR)

    @rule(seed=SEEDS, choice=st.sampled_from(["stay", "move", "move"]))
    def publish(self, seed: int, choice: str) -> None:
        """Publish the journey with an added step, or with one step taken out and another length of its waits."""
        self.journey.refresh_from_db()
        draft = edited(self.journey.draft, _chance(seed))
        journeys.journey_change_draft(
            journey=self.journey,
            expected_revision=self.journey.draft_revision,
            definition=draft,
            now=self.now,
            actor=ACTOR,
        )
        published = publishing.publish(journey=self.journey, choice=choice, now=self.now, actor=ACTOR)
        if published.changeover is not None:
            self.changeovers.append(published.changeover)
            self._carry_on(published.changeover)

    @precondition(lambda self: self.changeovers)
    @rule()
    def take_the_publishing_back(self) -> None:
        changeover = self.changeovers.pop()
        with suppress(ServiceError):
            publishing.undo(changeover=changeover, now=self.now, actor=ACTOR)
        self._carry_on(changeover)

    def _carry_on(self, changeover: Changeover) -> None:
        """Move those inside, and note down from when on which version holds for them."""
        last = NodeExecution.objects.aggregate(last=Max("id"))["last"] or 0
        changeover.refresh_from_db()
        changeovers.carry_on(changeover=changeover, now=self.now)
        for instance in self._all():
            if instance.version_id != self.eras[instance.id][-1][1]:
                self.eras[instance.id].append((last, instance.version_id))

    # What must hold.

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.tokens_are_conserved()
        self.nobody_is_done_twice_or_forgotten()
        self.the_live_state_is_the_history_replayed()
        self.nothing_goes_out_twice()

    def tokens_are_conserved(self) -> None:
        """Each token that ever was stands somewhere, or was taken from there exactly once."""
        standing = set(Schedule.objects.filter(instance_id__in=self.instances).values_list("id", flat=True))
        history = NodeExecution.objects.filter(instance_id__in=self.instances)
        left: dict[int, int] = defaultdict(int)
        for schedule_id, status, port in history.values_list("schedule_id", "status", "port"):
            self.seen.add(schedule_id)
            left[schedule_id] += status in LEFT or (status == "failed" and bool(port))
        cancelled = Instance.objects.filter(id__in=self.instances, status="cancelled").exists()
        for schedule_id in self.seen | standing:
            expected = 0 if schedule_id in standing else 1
            # A passage that is called off as a whole takes its tokens with it, and says so once.
            assert left[schedule_id] == expected or (cancelled and not left[schedule_id])
        self.seen |= standing

    def nobody_is_done_twice_or_forgotten(self) -> None:
        done = NodeExecution.objects.filter(
            instance_id__in=self.instances, status__in=NodeExecution.COMPLETED
        )
        places = done.values("instance", "node_id", "branch", "visit")
        assert not places.annotate(times=Count("id")).filter(times__gt=1).exists()
        ticketed = {ticket.schedule_id for ticket in self._tickets()}
        schedules = defaultdict(list)
        for schedule in Schedule.objects.filter(instance_id__in=self.instances):
            schedules[schedule.instance_id].append(schedule)
            ticketed.discard(schedule.id)
            assert schedule.due_at is not None or schedule.reason
        assert not ticketed
        for instance in self._all():
            assert bool(schedules[instance.id]) == (instance.status in Instance.LIVE)

    def the_live_state_is_the_history_replayed(self) -> None:
        found = differences(
            [one for one in self._all() if one.status != Instance.Status.CANCELLED], graph_at=self._graph_at
        )
        assert not found

    def nothing_goes_out_twice(self) -> None:
        keys = Message.objects.filter(client__in=self.couples).values_list("key", flat=True)
        handed = SinkMessage.objects.filter(vendor=self.vendor, key__in=list(keys)).values_list(
            "key", flat=True
        )
        assert len(set(keys)) == len(keys)
        assert len(set(handed)) == len(handed)

    def teardown(self) -> None:
        """Answer everything, and let years pass: each passage ends, or waits for something that it names."""
        try:
            if hasattr(self, "instances"):
                self._answer_everything()
        finally:
            for patch in self._patches:
                patch.stop()
            for instance in Instance.objects.filter(status__in=Instance.LIVE):
                instance_cancel(instance=instance, now=self.now, actor=ACTOR)

    def _answer_everything(self) -> None:
        self.breaks = self.dies_before = self.dies_after = 0
        self._expire()
        stood: set[int] = set()
        for _ in range(LAST_ROUNDS):
            self._answer_people()
            run_until_idle(self.now)
            for ticket in self._tickets():
                # One that is skipped may make another one pointless.
                with suppress(Conflict):
                    tickets.line_skip(line=ticket, now=self.now, actor=ACTOR)
            for task in Task.objects.filter(client__in=self.couples, done_at=None):
                task_finish(task=task, now=self.now, actor=ACTOR)
            run_until_idle(self.now)
            standing = {row.id: row for row in Schedule.objects.filter(instance_id__in=self.instances)}
            timed = [row.due_at for row in standing.values() if row.due_at and _has_its_time(row)]
            if not timed and stood == standing.keys():
                break
            stood = set(standing)
            self.now = max(self.now, *timed, BEGUN) + timedelta(hours=1)
        else:
            raise AssertionError("The passage does not come to an end.")
        self.every_promise_is_kept()
        for schedule in Schedule.objects.filter(instance_id__in=self.instances):
            assert schedule.reason, f"{schedule} waits for nothing that it names."
            assert schedule.waiting is not None or schedule.state == Schedule.State.PARKED

    def _answer_people(self) -> None:
        for instance in Instance.objects.filter(id__in=self.instances, status=Instance.Status.PAUSED):
            instance_resume(instance=instance, now=self.now, actor=ACTOR)
        for couple in self.couples:
            if Wedding.objects.get(client=couple).date is None:
                self._move(couple, (self.now + timedelta(days=5)).date())
            for type_ in ("form_submitted", "payment_received"):
                self._event(type_, couple)
            for tag in TAGS:
                clients.tag_add(client=couple, name=tag, now=self.now, actor=ACTOR)

    def _all(self) -> list[Instance]:
        return list(Instance.objects.filter(id__in=self.instances).order_by("id"))

    def _couple(self, number: int) -> Client:
        return self.couples[number % len(self.couples)]

    def _tickets(self) -> list[TicketLine]:
        return list(
            TicketLine.objects.filter(instance_id__in=self.instances, status=TicketLine.Status.OPEN).order_by(
                "id"
            )
        )

    def _graph_at(self, instance: Instance, happened: Happened) -> Graph:
        version_id = next(
            version for last, version in reversed(self.eras[instance.id]) if happened.number > last
        )
        return graph_of(version_id)


def _has_its_time(schedule: Schedule) -> bool:
    """Tell whether it goes on as time passes: it does not wait for an event alone."""
    return schedule.waiting is None or schedule.waiting["timeout"] is not None


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 nothing secret hangs on it


def edited(definition: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Put a step on a random way, and give the waits other lengths."""
    draft = copy.deepcopy(definition)
    edge = chance.choice(draft["edges"])
    name = f"extra{len(draft['nodes'])}"
    draft["nodes"].append(
        {
            "id": name,
            "type": "action",
            "name": name,
            "settings": {"do": [{"kind": "add_tag", "tag": chance.choice(TAGS)}]},
        }
    )
    draft["edges"].append({"from": name, "port": "next", "to": edge["to"]})
    edge["to"] = name
    for node in draft["nodes"]:
        if node["type"] == "wait" and node["settings"]["when"]["kind"] == "duration":
            node["settings"]["when"]["for"] = chance.choice(["1h", "2d", "1w"])
    return draft
