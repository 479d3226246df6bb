"""How a wait is answered when it is taken to be: as it would be in life, where that is known for its kind of step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.nodes.wait_for import MESSAGE_EVENTS
from engine.places import Place
from engine.simulation.given import AssumedAnswer
from engine.simulation.records import note_asked, note_form
from engine.simulation.world import Heard, Passage, Token, World

#: A meeting that is booked without a day is taken to be so much later, and so long.
MEETING_AFTER, MEETING_LENGTH = timedelta(days=7), timedelta(hours=1)


class Run(Protocol):
    """What an answer may do to a simulation under way."""

    @property
    def world(self) -> World:
        """Return the couple and everything that happens to it."""

    def wake(self, *topics: str) -> None:
        """Ask every step again that waits for one of the topics."""

    def dates_changed(self) -> None:
        """Let every timed token follow the couple's dates."""


Answer = Callable[[Run, Passage, Token, AssumedAnswer], None]


def natural_answer(type_: str) -> Answer | None:
    """Return how steps of this type are answered; None where the way out can only be chosen."""
    return _ANSWERS.get(type_)


def _heard(run: Run, type_: str, topic: str, payload: dict[str, Any]) -> None:
    run.world.heard.append(Heard(type_, topic, payload, run.world.now))
    run.wake(f"event:{type_}")


def _form(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    settings: Any = passage.graph.nodes[token.node_id].settings
    values = answer.payload.get("answers", answer.payload)
    note_form(
        passage,
        token.node_id,
        visit=token.visit,
        answered=True,
        values=values,
        by="partner_1",
        at=run.world.now.isoformat(),
    )
    _heard(run, "form_submitted", settings.form, {"answers": values, "form": settings.form})
    run.wake("form")


def _meeting(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    settings: Any = passage.graph.nodes[token.node_id].settings
    said = answer.payload.get("starts_at")
    starts = datetime.fromisoformat(said) if said else run.world.now + MEETING_AFTER
    place = Place(passage.instance.public_id, token.node_id, token.branch, token.visit)
    note_asked(passage, place, reminder=0, now=run.world.now)
    passage.asks[token.node_id].update(
        status="booked",
        id="met_simulated",
        starts_at=starts.isoformat(),
        ends_at=(starts + MEETING_LENGTH).isoformat(),
        where=answer.payload.get("where", ""),
        time_zone=run.world.couple.zone,
    )
    if settings.anchor:
        run.world.couple.set_anchor(settings.anchor, starts.date(), time=starts.time(), zone="UTC")
        run.dates_changed()
    run.wake("meeting")


def _review(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    passage.asks.setdefault(token.node_id, {}).update(
        done=True, site=answer.payload.get("site", ""), rating=answer.payload.get("rating")
    )
    run.wake("review")


def _referral(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    del passage, token
    _heard(run, "referral_received", "", dict(answer.payload))
    run.wake("referral")


def _task(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    settings: Any = passage.graph.nodes[token.node_id].settings
    choice = answer.port if answer.port in settings.choices else next(iter(settings.choices), "")
    passage.tasks.setdefault(token.node_id, {}).update(
        status="done", choice=choice, done_at=run.world.now.isoformat()
    )
    run.wake("task")


def _event(run: Run, passage: Passage, token: Token, answer: AssumedAnswer) -> None:
    settings: Any = passage.graph.nodes[token.node_id].settings
    fact = MESSAGE_EVENTS.get(settings.event)
    if fact is None:
        _heard(run, settings.event, answer.topic or settings.topic, dict(answer.payload))
        return
    for node_id, message in passage.messages.items():
        if message["sent"] and settings.step in {"", node_id}:
            message[fact] = True
    run.wake("message")


_ANSWERS: dict[str, Answer] = {
    "form": _form,
    "meeting": _meeting,
    "review": _review,
    "referral": _referral,
    "task": _task,
    "wait_for": _event,
}
