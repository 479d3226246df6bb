"""A tiny world to try the language on: a few node types, two triggers, one couple."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.calendar import AnchorMoment, BusinessCalendar, Calendar
from journeys.language.outcomes import Advance, Deliver, Finish, Outcome, StepContext
from journeys.language.registry import EventFacts, NodeType, Registry, TriggerType
from journeys.language.settings import NodeSettings, OffsetText, Timing, TriggerSettings

node_types: Registry[NodeType] = Registry("step type")
trigger_types: Registry[TriggerType] = Registry("trigger type")


class StartSettings(NodeSettings):
    trigger: TriggerSettings | None = None


@node_types.register
class Start(NodeType[StartSettings]):
    type = "start"
    title = "Start"
    description = "Where the journey begins."
    icon = "flag"
    settings_model = StartSettings

    def execute(self, context: StepContext[StartSettings]) -> Outcome:
        return Advance()


class LetterSettings(NodeSettings):
    to: list[str] = ["couple"]
    subject: str = ""
    body: str


@node_types.register
class Letter(NodeType[LetterSettings]):
    type = "letter"
    title = "Letter"
    description = "Writes to somebody."
    icon = "mail"
    settings_model = LetterSettings
    outside = True

    def texts(self, settings: LetterSettings) -> Iterable[tuple[str, str]]:
        return (("subject", settings.subject), ("body", settings.body))

    def execute(self, context: StepContext[LetterSettings]) -> Outcome:
        return Deliver("email", ("couple",), context.settings.subject, context.settings.body)


class NoteSettings(NodeSettings):
    title: str = "Note"


@node_types.register
class Note(NodeType[NoteSettings]):
    type = "note"
    title = "Note"
    description = "Writes for the vendor."
    icon = "pen"
    settings_model = NoteSettings

    def texts(self, settings: NoteSettings) -> Iterable[tuple[str, str]]:
        return (("title", settings.title),)

    def execute(self, context: StepContext[NoteSettings]) -> Outcome:
        return Advance(output={"title": context.render(context.settings.title)})


class WaitSettings(NodeSettings):
    when: Timing


@node_types.register
class Wait(NodeType[WaitSettings]):
    type = "wait"
    title = "Wait"
    description = "Waits."
    icon = "clock"
    settings_model = WaitSettings

    def execute(self, context: StepContext[WaitSettings]) -> Outcome:
        return Advance()


class ChoiceSettings(NodeSettings):
    expression: str


@node_types.register
class Choice(NodeType[ChoiceSettings]):
    type = "choice"
    title = "Choice"
    description = "Asks."
    icon = "split"
    settings_model = ChoiceSettings
    ports = ("yes", "no")

    def expressions(self, settings: ChoiceSettings) -> Iterable[tuple[str, str]]:
        return (("expression", settings.expression),)

    def execute(self, context: StepContext[ChoiceSettings]) -> Outcome:
        return Advance("yes" if context.evaluate(context.settings.expression) else "no")


@node_types.register
class End(NodeType[NodeSettings]):
    type = "end"
    title = "End"
    description = "Where the journey ends."
    icon = "stop"
    settings_model = NodeSettings
    ports: ClassVar[tuple[str, ...]] = ()

    def execute(self, context: StepContext[NodeSettings]) -> Outcome:
        return Finish("the end")


class FormTriggerSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    form: str = ""
    after: OffsetText = "0d"


@trigger_types.register
class FormSubmitted(TriggerType[FormTriggerSettings]):
    type = "form_submitted"
    title = "Form"
    description = "Somebody answered."
    settings_model = FormTriggerSettings

    def matches(self, *, settings: FormTriggerSettings, event: EventFacts) -> bool:
        return not settings.form or event.payload.get("form") == settings.form


def a_journey(
    *nodes: dict[str, Any], edges: Iterable[tuple[str, str, str]] = (), **more: Any
) -> dict[str, Any]:
    """Return a definition: the nodes between a start and an end, in a row unless edges are given."""
    row = [
        {"id": "start", "type": "start", "name": "Booked", "settings": {}},
        *nodes,
        {"id": "done", "type": "end", "name": "End", "settings": {}},
    ]
    links = list(edges) or [(a["id"], "next", b["id"]) for a, b in pairwise(row)]
    return {
        "schema_version": 1,
        "nodes": row,
        "edges": [{"from": a, "port": port, "to": b} for a, port, b in links],
        **more,
    }


def a_letter(id_: str = "welcome", **settings: Any) -> dict[str, Any]:
    return {"id": id_, "type": "letter", "name": "Welcome", "settings": {"body": "Hello", **settings}}


def a_calendar(day: date = date(2027, 6, 12), zone: str = "Europe/Lisbon") -> Calendar:
    return Calendar(
        anchors={"wedding": AnchorMoment(day, time(15), zone)},
        wedding_zone=zone,
        vendor_zone="America/New_York",
        business=BusinessCalendar("PT"),
    )


NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
