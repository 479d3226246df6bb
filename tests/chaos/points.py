"""Every named moment at which a process may die, and the kinds of process that pass it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

#: "before" and "after" a call; "inside" its transaction, uncommitted; "answered": the other side has answered and
#: nothing was read; "committed": COMMIT was carried out and its answer was not read.
How = Literal["before", "after", "inside", "answered", "committed"]

#: child: a prefork child that carries out steps; ticks: one that carries out the beat's ticks; main: the process
#: that takes tasks from the broker for the children; beat; web: a process that answers requests.
Kind = Literal["child", "ticks", "main", "beat", "web"]
KINDS: Final[tuple[Kind, ...]] = ("main", "beat", "web", "ticks", "child")

#: What leads past a point: a payment that starts two journeys; the same with all bells lost; an event that a step
#: waits for; a report of the provider; a meeting with its letters; the same, lost at first; a journey published with
#: passages inside; many who are asked to enter together.
Deed = Literal["payment", "lost", "waking", "report", "meeting", "lost_meeting", "changeover", "enrollment"]


@dataclass(frozen=True, slots=True)
class Point:
    """One moment."""

    name: str
    #: "module:attribute" of the call that it lies at.
    at: str
    how: How
    kinds: tuple[Kind, ...] = ("child",)
    deed: Deed = "payment"
    #: Calls that find nothing to do are passed over.
    worth: Literal["", "result", "argument"] = ""

    @property
    def slug(self) -> str:
        """Its name as a file's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


_RUNNER = "engine.services.runner"
_DELIVERY = "engine.services.delivering:Delivery"
_HTTP = "http.client:HTTPConnection"
_SENDGRID = "channels.adapters.sendgrid:SendGrid"
_COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"

POINTS: Final[tuple[Point, ...]] = (
    # A step, from its bell to the next one.
    Point("before a bell's steps are held", f"{_RUNNER}:take", "before"),
    Point("after a bell's steps are held", f"{_RUNNER}:take", "after"),
    Point("before the claim", f"{_RUNNER}:claim_now", "before"),
    Point("in mid claim", f"{_RUNNER}:claim_now", "inside", worth="result"),
    Point("after the claim", f"{_RUNNER}:claim_now", "after"),
    Point("after the ledger's row, before its commit", f"{_DELIVERY}.begin", "after"),
    Point("after the ledger's commit", f"{_DELIVERY}.carry_out", "before"),
    Point("before the provider is called", f"{_SENDGRID}.send", "before"),
    Point("after the first bytes went out", f"{_HTTP}.send", "after"),
    Point("after the provider accepted, before its answer is read", f"{_HTTP}.getresponse", "answered"),
    Point("after the provider's answer was read", f"{_SENDGRID}.send", "after"),
    Point("after the webhook's row, before its commit", "engine.services.calling:Call.begin", "after"),
    Point("before a webhook is called", "channels.webhooks:call", "before"),
    Point("after a webhook was answered", "channels.webhooks:call", "after"),
    Point("before the result is written", f"{_RUNNER}:write", "before"),
    Point("after the result is written, before its commit", f"{_RUNNER}:write", "after"),
    Point("in mid merge", "engine.services.joining:_fire", "after"),
    Point("before COMMIT is sent", _COMMIT, "before", ("child", "web")),
    Point("after COMMIT, before its answer is read", _COMMIT, "committed", ("child", "web")),
    Point("after the commit, before the bell", "engine.bells:ring", "before", ("child", "web"), worth="argument"),
    Point("after the bell, before the acknowledgment", "engine.bells:ring", "after", ("child", "web"), worth="argument"),
    # The process between the broker and the children.
    Point("before a task goes to a child", "celery.concurrency.base:BasePool.apply_async", "before", ("main",)),
    Point("after a task went to a child", "celery.concurrency.base:BasePool.apply_async", "after", ("main",)),
    Point("before the broker hears the acknowledgment", "kombu.message:Message.ack", "before", ("main",)),
    # What the ticks do.
    Point("in mid sweep", "engine.services.recovery:sweep", "inside", ("ticks",), "lost", worth="result"),
    Point("after a sweep", "engine.services.recovery:sweep", "after", ("ticks",), "lost", worth="result"),
    Point("in mid dispatch", "engine.services.dispatch:ring_on_commit", "before", ("ticks",), "lost", worth="argument"),
    Point("before the dispatcher's bell", "engine.bells:ring", "before", ("ticks",), "lost", worth="argument"),
    Point("after the dispatcher's bell", "engine.bells:ring", "after", ("ticks",), "lost", worth="argument"),
    Point("before waking", "engine.services.waking:process", "before", ("web",), "waking"),
    Point("in mid waking", "engine.services.waking:_wake_client", "after", ("ticks",), "waking", worth="result"),
    Point("in mid changeover", "engine.services.changeovers:_write", "after", ("ticks",), "changeover"),
    Point("after a batch of a changeover", "engine.services.changeovers:carry_on", "after", ("ticks",), "changeover"),
    Point("in mid enrollment of many", "engine.services.enrolling.placing:place", "after", ("ticks",), "enrollment", worth="result"),
    Point("after a chunk of an enrollment", "engine.services.enrolling.carrying_out:carry_on", "after", ("ticks",), "enrollment", worth="result"),
    Point("before the bell of a letter", "engine.services.notices:_ring", "before", ("ticks",), "lost_meeting"),
    # Letters about meetings.
    Point("after a letter is taken", "engine.services.notices:_claim", "after", deed="meeting", worth="result"),
    Point("after a letter's row, before its commit", "engine.services.notices:_prepared", "after", deed="meeting"),
    Point("after the provider accepted a letter", "engine.services.notices:sending.hand_over", "after", deed="meeting"),
    Point("after a letter's result, before its commit", "engine.services.notices:_settle", "after", deed="meeting"),
    # The web process, while it takes something in.
    Point("before an event is stored", "engine.api.views.events:event_receive", "before", ("web",)),
    Point("in mid enrolment", "engine.services.triggering:instance_start", "after", ("web",)),
    Point("after an instance is placed, before its commit", "engine.services.dispatch:offer_on_commit", "after", ("web",)),
    Point("after an event is stored, before the answer", "engine.api.views.events:event_receive", "after", ("web",)),
    Point("before a report is stored", "channels.api.hooks:receive_or_keep", "before", ("web",), "report"),
    Point("after a report is applied, before its commit", "channels.services.callbacks:_apply", "after", ("web",), "report"),
    Point("after a report is stored, before the answer", "channels.api.hooks:receive_or_keep", "after", ("web",), "report"),
    # The beat.
    Point("before a tick is sent", "celery.beat:Scheduler.apply_async", "before", ("beat",), "lost"),
    Point("after a tick is sent, before it is written down", "django_celery_beat.schedulers:DatabaseScheduler.sync", "before", ("beat",), "lost"),
    Point("after a tick is written down", "django_celery_beat.schedulers:DatabaseScheduler.sync", "after", ("beat",), "lost"),
)  # fmt: skip


def matrix() -> Iterator[tuple[Point, Kind]]:
    """Give each point with each kind of process that can be there.

    What takes long to come back is spread over what does not need it; the ticks come last, when the beat is back.
    """
    pairs = [(point, kind) for kind in KINDS for point in POINTS if kind in point.kinds]
    slow = [pair for pair in pairs if pair[1] in {"main", "beat"}]
    quick = [pair for pair in pairs if pair[1] in {"web", "child"}]
    every = -(-len(quick) // len(slow))
    for number, pair in enumerate(quick):
        if number % every == 0:
            yield slow.pop()
        yield pair
    yield from slow
    yield from (pair for pair in pairs if pair[1] == "ticks")
