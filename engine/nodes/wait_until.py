"""Wait for a condition: go on as soon as an expression becomes true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from engine.nodes.wait_for import topic_of
from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.expressions import compile_expression
from journeys.language.outcomes import Advance, Fail, Outcome, StepContext, WaitFor
from journeys.language.reading import values_read
from journeys.language.registry import NodeType, node_types, trigger_types
from journeys.language.settings import NodeSettings, Timing

#: Which topics tell that something of a root may have changed.
_TOPICS = {
    "client": ("client",),
    "wedding": ("wedding",),
    "people": ("wedding",),
    "payments": ("event:payment_received",),
    "forms": ("event:form_submitted", "form"),
    "answers": ("event:form_submitted", "form"),
    "messages": ("message",),
    "tasks": ("task",),
    "journeys": ("journey",),
    "meetings": ("meeting",),
    "reviews": ("review",),
    "referrals": ("referral",),
    "variables": ("variables",),
}
#: What changes as time passes, or without anybody telling: how often to look.
_BY_ITSELF = {
    "now": timedelta(minutes=10),
    "wedding.days_to": timedelta(minutes=30),
    "steps": timedelta(minutes=10),
    "pages": timedelta(minutes=10),
    "vendor": timedelta(hours=1),
}
#: What providers report about messages; nobody tells of the sending itself.
_HEARD = frozenset({"delivered", "opened", "clicked", "replied", "bounced"})
_UNTOLD = timedelta(minutes=30)
#: A look now and then costs little, and finds what nobody told of.
AT_LEAST = timedelta(days=1)


class WaitUntilSettings(NodeSettings):
    """What must hold, and how long to wait for it at most."""

    condition: str = Field(alias="if", min_length=1, max_length=2000, title="Until")
    timeout: Timing | None = Field(default=None, title="At most until")


@node_types.register
class WaitUntilTrue(NodeType[WaitUntilSettings]):
    """Goes on by `next` when the condition holds, by `timeout` when it does not hold in time."""

    type: ClassVar[str] = "wait_until"
    title: ClassVar[str] = "Wait for a condition"
    description: ClassVar[str] = "Until something is true of the couple"
    icon: ClassVar[str] = "clock"
    settings_model = WaitUntilSettings

    def ports_of(self, settings: WaitUntilSettings) -> tuple[str, ...]:
        """Have a second way out, `timeout`, where there is a longest time."""
        return ("next", "timeout") if settings.timeout else ("next",)

    def expressions(self, settings: WaitUntilSettings) -> Iterable[tuple[str, str]]:
        """Check the condition when the journey is published."""
        yield "if", settings.condition

    def execute(self, context: StepContext[WaitUntilSettings]) -> Outcome:
        """Ask whether it holds; what cannot be answered yet, because something is missing, does not hold yet."""
        settings, waiting = context.settings, context.waiting
        reason = f"Waits until this holds: {settings.condition}"
        try:
            holds = context.evaluate(settings.condition)
        except ExpressionError as error:
            holds, reason = False, f"{reason}. {error}"
        if not isinstance(holds, bool):
            message = "The condition gives no true or false: compare it with something."
            return Fail(ErrorClass.PERMANENT, "condition_not_yes_or_no", message)
        if holds or (waiting is not None and waiting.timed_out):
            output = {"holds": holds, "read": values_read(settings.condition, context.facts)}
            return Advance("next" if holds else "timeout", output=output)
        topics, recheck = watched(settings.condition)
        return WaitFor(topics, reason[:300], settings.timeout, recheck)


def watched(condition: str) -> tuple[tuple[str, ...], timedelta]:
    """Return the topics that may make a condition true, and how often to look without being told."""
    topics: set[str] = set()
    recheck = AT_LEAST
    for path in compile_expression(condition).paths():
        root, _, rest = path.partition(".")
        if root == "messages" and path.rpartition(".")[2] not in _HEARD:
            recheck = min(recheck, _UNTOLD)
        topics.update(_TOPICS.get(root, ()))
        if root == "events":
            types = [rest.partition(".")[0]] if rest else trigger_types.types()
            topics.update(topic_of(name) for name in types)
        for part, often in _BY_ITSELF.items():
            if path == part or path.startswith(f"{part}.") or part.startswith(f"{path}."):
                recheck = min(recheck, often)
    return tuple(sorted(topics)), recheck
