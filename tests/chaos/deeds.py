"""What leads past a crash point, and what must have come of it in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from unittest import mock

from channels.models import DeliveryEvent, Message
from engine import bells
from engine.models import ChangeoverEntry, Instance, MeetingNotice, NodeExecution, Schedule, TriggerEvent
from engine.services import notices, publishing, waking
from engine.services.enrolling.requests import Who, enrollment_begin
from engine.services.free_times import free_times
from engine.services.instances import instance_start
from engine.services.triggering import event_receive
from journeys import clock
from journeys.models import Client, Journey, Vendor
from journeys.services.journeys import journey_change_draft
from tests.builders import ACTOR, END, JourneyBuilder, a_couple, a_journey, a_net, merge, split_all, tag
from tests.chaos.mortals import Mortals
from tests.chaos.points import Deed
from tests.fakes.callbacks import SendGridSigner, sendgrid_event
from tests.fakes.provider import FakeProvider
from tests.fakes.webhook_server import Service
from tests.meets import a_booking, a_call
from tests.processes import wait_for

WAIT_SECONDS = 20.0
#: Those inside a journey that is published anew.
INSIDE = 3


def publish_both(vendor: Vendor, service: Service, *, now: datetime) -> None:
    """Publish two journeys that a payment starts: one with every kind of step, one that waits for a form."""
    call = {"url": f"{service.url}/called", "body": {"client": "{{ client.id }}"}}
    welcome = {
        "subject": "About welcome",
        "body": "Dear {{ recipient.first_name }}",
        "to": ["partner_1", "partner_2"],
    }
    mark = {"do": [{"kind": "create_task", "title": "Call them", "due": "2d"}]}
    steps = {
        "mark": ("action", mark),
        "welcome": ("email", welcome),
        "call": ("webhook", call),
        "split": split_all("a", "b"),
        "left": tag("left"),
        "right": tag("right"),
        "join": merge("split"),
        "after": tag("after"),
        "end": END,
    }
    edges = ("start>mark", "mark>welcome", "welcome>call", "call>split", "split.a>left", "split.b>right")
    net = a_net(steps, *edges, "left>join", "right>join", "join>after", "after>end")
    net.trigger("payment_received").publish(vendor, now=now, name="Everything")
    waiting = a_journey().trigger("payment_received").step("form", "wait_for", event="form_submitted")
    waiting.action("came", {"kind": "add_tag", "tag": "came"}).publish(vendor, now=now, name="Waiting")


EVERYTHING = ["start", "mark", "welcome", "call", "split", "left", "right", "join", "after", "end"]
WAITING = ["start", "form", "came", "end"]
LETTER = ["start", "welcome", "end"]


@dataclass
class Surroundings:
    """What all deeds share."""

    system: Mortals
    vendor: Vendor
    key: str
    provider: FakeProvider
    service: Service
    signer: SendGridSigner
    count: int = 0


@dataclass
class Done:
    """One deed with one couple (or one journey)."""

    around: Surroundings
    by_web: bool
    couple: Client = field(init=False)
    number: int = field(init=False)
    roads: ClassVar[list[list[str]]] = [EVERYTHING, WAITING]
    tags: ClassVar[set[str]] = {"left", "right", "after", "came"}

    def __post_init__(self) -> None:
        self.around.count += 1
        self.number = self.around.count
        self.couple = a_couple(self.around.vendor, now=clock.now())

    def prepare(self) -> None:
        """Do what comes before the order to die."""

    def begin(self) -> None:
        """Lead the processes past the point."""
        self.pay()

    def end(self) -> None:
        """Do what the other side does when it got no answer, and what is left to do."""
        if self.by_web:
            self.by_web = False
            self.pay()
        self.answer_form()

    def pay(self) -> None:
        """Report the payment that starts both journeys."""
        payload = {"amount": 1, "currency": "EUR"}
        self._happen("payment_received", "deposit", f"pay-{self.number}", payload, by_web=self.by_web)

    def answer_form(self) -> None:
        """Report the form that the second journey waits for."""
        self._happen("form_submitted", "menu", f"form-{self.number}", {"answers": {}}, by_web=False)

    def _happen(
        self, type_: str, topic: str, event_id: str, payload: dict[str, object], *, by_web: bool
    ) -> None:
        if by_web:
            body = {
                "type": type_,
                "event_id": event_id,
                "client_id": self.couple.public_id,
                "topic": topic,
                "payload": payload,
            }
            headers = {"Authorization": f"Api-Key {self.around.key}"}
            self.around.system.call("/api/journeys/trigger", json.dumps(body).encode(), headers)
            return
        event_receive(
            vendor=self.around.vendor,
            type=type_,
            event_id=event_id,
            client=self.couple,
            topic=topic,
            payload=payload,
            now=clock.now(),
            actor=ACTOR,
        )

    def wrong(self) -> list[str]:
        """Say what is not as it would be if nothing had died."""
        found = self._wrong_inside()
        theirs = [entry["message_id"] for entry in self.letters()]
        ours = Message.objects.filter(client=self.couple, status=Message.Status.ACCEPTED)
        if len(theirs) != 2 or set(theirs) != set(ours.values_list("public_id", flat=True)):
            found.append(f"the provider took {len(theirs)} messages, the ledger says {ours.count()}")
        mine = [one for one in self.around.service.told if self.couple.public_id.encode() in one.body]
        ids = {one.headers["webhook-id"] for one in mine}
        found += [f"called under {len(ids)} ids"] if len(ids) != 1 else []
        found += [f"{self.couple.tasks.count()} tasks"] if self.couple.tasks.count() != 1 else []
        counted = Counter(TriggerEvent.objects.filter(client=self.couple).values_list("type", flat=True))
        times = (counted["payment_received"], counted["form_submitted"])
        return found + ([f"events {dict(counted)}"] if times != (1, 1) else [])

    def _wrong_inside(self) -> list[str]:
        passages = Instance.objects.filter(client=self.couple)
        places = Schedule.objects.filter(instance__in=passages)
        found = [f"stands at {place}" for place in places.values_list("node_id", "state", "reason", "claims")]
        told = sorted(self._completed(one) for one in passages)
        found += [f"completed {told}"] if told != sorted(sorted(road) for road in self.roads) else []
        live = passages.exclude(status=Instance.Status.COMPLETED)
        found += [f"is {status}" for status in live.values_list("status", flat=True)]
        tags = set(self.couple.tags.values_list("name", flat=True))
        return found + ([f"tags {tags}"] if tags != self.tags else [])

    def letters(self) -> list[dict[str, str]]:
        """Give what the provider took for the couple."""
        people = {one.email for one in self.couple.weddings.get().stakeholders.all()}
        return [entry for entry in self.around.provider.accepted() if entry["to"] in people]

    @staticmethod
    def _completed(instance: Instance) -> list[str]:
        done = NodeExecution.objects.filter(instance=instance, status__in=NodeExecution.COMPLETED)
        # A merge is noted once for each branch that came to it, and once when it goes on.
        return sorted(
            node
            for node, branch in set(done.values_list("node_id", "branch"))
            if not (node == "join" and branch)
        )


class Lost(Done):
    """The payment's bells are lost, so that the ticks have to find its steps."""

    def begin(self) -> None:
        with mock.patch.object(bells, "ring"):
            self.pay()


class Waking(Done):
    """The form comes when a step waits for it."""

    roads: ClassVar[list[list[str]]] = [WAITING]
    tags: ClassVar[set[str]] = {"came"}

    def prepare(self) -> None:
        builder = a_journey().step("form", "wait_for", event="form_submitted")
        self.enter(builder.action("came", {"kind": "add_tag", "tag": "came"}))
        waits = Schedule.objects.filter(instance__client=self.couple, node_id="form", waiting__isnull=False)
        wait_for(waits.exists, seconds=WAIT_SECONDS, what="the step waits for the form")

    def enter(self, builder: JourneyBuilder) -> None:
        """Let the couple into a journey of its own."""
        vendor, now = self.around.vendor, clock.now()
        journey = builder.publish(vendor, now=now, name=f"For {self.number}")
        instance_start(vendor=vendor, journey=journey, client=self.couple, variables={}, now=now, actor=ACTOR)

    def begin(self) -> None:
        if self.by_web:
            payload: dict[str, object] = {"answers": {}}
            self._happen("form_submitted", "menu", f"form-{self.number}", payload, by_web=True)
            return
        with mock.patch.object(waking, "process"):
            self.answer_form()

    def end(self) -> None:
        self.answer_form()

    def wrong(self) -> list[str]:
        return self._wrong_inside()


class Report(Waking):
    """The provider reports that a letter was delivered."""

    roads: ClassVar[list[list[str]]] = [LETTER]
    tags: ClassVar[set[str]] = set()

    def prepare(self) -> None:
        self.enter(a_journey().email("welcome"))
        accepted = Message.objects.filter(client=self.couple, status=Message.Status.ACCEPTED)
        wait_for(accepted.exists, seconds=WAIT_SECONDS, what="a letter was handed over")

    def begin(self) -> None:
        message = Message.objects.get(client=self.couple)
        event = sendgrid_event("delivered", message_id=message.public_id, event_id=f"e{self.number}")
        headers, body = self.around.signer.sign([event])
        self.around.system.call("/hooks/sendgrid", body, headers)

    def end(self) -> None:
        self.begin()

    def wrong(self) -> list[str]:
        events = DeliveryEvent.objects.filter(message__client=self.couple, kind="delivered")
        delivered = Message.objects.filter(client=self.couple, delivery="delivered")
        found = [] if (events.count(), delivered.count()) == (1, 1) else [f"{events.count()} reports"]
        found += [] if len(self.letters()) == 1 else [f"{len(self.letters())} letters"]
        return found + self._wrong_inside()


class Meeting(Done):
    """A meeting is booked, and everybody gets a letter."""

    lost = False

    def begin(self) -> None:
        now = clock.now()
        kind = self.around.vendor.meeting_types.first() or a_call(self.around.vendor, now=now)
        times = free_times(kind, now=now)
        if self.lost:
            with mock.patch.object(notices, "dispatch"):
                self.meeting = a_booking(kind, self.couple, times[self.number], now=now)
        else:
            self.meeting = a_booking(kind, self.couple, times[self.number], now=now)

    def end(self) -> None:
        """Nobody else has to do anything."""

    def wrong(self) -> list[str]:
        rows = MeetingNotice.objects.filter(meeting=self.meeting, kind=MeetingNotice.Kind.INVITATION)
        states = list(rows.values_list("state", flat=True))
        found = [f"letters {states}"] if states != ["sent"] * 3 else []
        refs = list(rows.values_list("message_ref", flat=True))
        taken = Counter(entry["message_id"] for entry in self.around.provider.accepted())
        times = [taken[ref] for ref in refs]
        found += [f"taken {times} times"] if times != [1, 1, 1] else []
        return found + ([] if len(self.letters()) == 2 else [f"{len(self.letters())} letters to the couple"])


class LostMeeting(Meeting):
    """The bells of a meeting's letters are lost."""

    lost = True


class Settling(Done):
    """Something that the ticks bring to its end; the passages that it is about go on standing where they are."""

    def end(self) -> None:
        """Nobody else has to do anything."""

    def settled(self) -> bool:
        """Tell whether it has come to its end."""
        raise NotImplementedError


class ChangedOver(Settling):
    """A journey is published anew, and those inside are to move."""

    def prepare(self) -> None:
        now, vendor = clock.now(), self.around.vendor
        self.journey: Journey = (
            a_journey().wait("rest", for_="10d").publish(vendor, now=now, name=f"Moving {self.number}")
        )
        for _ in range(INSIDE):
            instance_start(
                vendor=vendor,
                journey=self.journey,
                client=a_couple(vendor, now=now),
                variables={},
                now=now,
                actor=ACTOR,
            )
        rest = Schedule.objects.filter(instance__journey=self.journey, node_id="rest", state="waiting")
        wait_for(lambda: rest.count() == INSIDE, seconds=WAIT_SECONDS, what="all have come to the wait")

    def begin(self) -> None:
        now = clock.now()
        journey_change_draft(
            journey=self.journey,
            definition=a_journey().wait("rest", for_="20d").definition(),
            expected_revision=self.journey.draft_revision,
            now=now,
            actor=ACTOR,
        )
        self.journey.refresh_from_db()
        self.changeover = publishing.publish(
            journey=self.journey, choice="move", now=now, actor=ACTOR
        ).changeover

    def settled(self) -> bool:
        """Tell whether everybody was decided about."""
        assert self.changeover
        self.changeover.refresh_from_db()
        return self.changeover.finished_at is not None

    def wrong(self) -> list[str]:
        inside = Instance.objects.filter(journey=self.journey)
        numbers = sorted(inside.values_list("version__number", flat=True))
        entries = list(
            ChangeoverEntry.objects.filter(changeover=self.changeover).values_list("outcome", flat=True)
        )
        days = {
            (due - placed).days
            for due, placed in Schedule.objects.filter(instance__journey=self.journey).values_list(
                "due_at", "placed_at"
            )
        }
        moved = (numbers, entries, days) == ([2] * INSIDE, ["moved"] * INSIDE, {20})
        ended = [] if self.settled() else ["the changeover has not ended"]
        return ended + ([] if moved else [f"versions {numbers}, entries {entries}, days {days}"])


class Enrolled(Settling):
    """Many are asked to enter a journey together."""

    def prepare(self) -> None:
        now, vendor = clock.now(), self.around.vendor
        self.journey: Journey = (
            a_journey().wait("rest", for_="300d").publish(vendor, now=now, name=f"Moving in {self.number}")
        )
        self.clients = [a_couple(vendor, now=now) for _ in range(INSIDE)]

    def begin(self) -> None:
        self.enrollment = enrollment_begin(
            vendor=self.around.vendor,
            journey=self.journey,
            who=Who(clients=tuple(one.public_id for one in self.clients)),
            variables={},
            now=clock.now(),
            actor=ACTOR,
        )

    def settled(self) -> bool:
        """Tell whether everybody was decided about."""
        self.enrollment.refresh_from_db()
        return self.enrollment.finished_at is not None

    def wrong(self) -> list[str]:
        inside = Instance.objects.filter(journey=self.journey)
        entered = sorted(inside.values_list("client_id", flat=True))
        places = Schedule.objects.filter(instance__in=inside).count()
        ended = [] if self.settled() else ["the enrollment has not ended"]
        known = (entered, places, self.enrollment.entered)
        right = known == ([one.id for one in self.clients], INSIDE, INSIDE)
        return ended + ([] if right else [f"clients {entered}, places {places}, {self.enrollment.entered}"])


DEEDS: dict[Deed, Callable[..., Done]] = {
    "payment": Done,
    "lost": Lost,
    "waking": Waking,
    "report": Report,
    "meeting": Meeting,
    "lost_meeting": LostMeeting,
    "changeover": ChangedOver,
    "enrollment": Enrolled,
}
