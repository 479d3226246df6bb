"""Journey: start another journey, and wait for it or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.outcomes import Advance, Outcome, StartJourney, StepContext, WaitFor
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, Timing

#: In these a journey is over for the client.
_OVER = frozenset({"completed", "cancelled", "failed"})

VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
#: A text may hold variables; other values are taken as they are.
Value = str | bool | int | float | list[str]


class JourneySettings(NodeSettings):
    """Which journey, with which variables, and whether this one waits for it."""

    journey: str = Field(
        pattern=r"^jrn_[0-9A-Za-z]{10,40}$", title="Journey", description="Its id, such as jrn_4Zd…"
    )
    variables: dict[VariableName, Value] = Field(
        default_factory=dict, max_length=40, title="Its variables", description="Texts may hold variables."
    )
    expressions: dict[VariableName, Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        default_factory=dict, max_length=40, title="Its variables, computed"
    )
    wait: bool = Field(default=True, title="Wait until it has ended")
    timeout: Timing | None = Field(default=None, title="At most until")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.timeout and not self.wait:
            reason = "A journey that nobody waits for has no longest time: take it out, or wait."
            raise PydanticCustomError("wait", "{reason}", {"reason": reason})
        if twice := sorted(set(self.variables) & set(self.expressions)):
            reason = f"The variable {twice[0]!r} is given twice: keep one of them."
            raise PydanticCustomError("variables", "{reason}", {"reason": reason})
        return self


@node_types.register
class JourneyStep(NodeType[JourneySettings]):
    """A journey inside a journey; one that is waited for ends together with the step that waits."""

    type: ClassVar[str] = "journey"
    title: ClassVar[str] = "Journey"
    description: ClassVar[str] = "Start another journey"
    icon: ClassVar[str] = "route"
    settings_model = JourneySettings

    def ports_of(self, settings: JourneySettings) -> tuple[str, ...]:
        """Have a second way out, `timeout`, where there is a longest time."""
        return ("next", "timeout") if settings.timeout else ("next",)

    def texts(self, settings: JourneySettings) -> Iterable[tuple[str, str]]:
        """Check the variables that are texts when the journey is published."""
        for name, value in settings.variables.items():
            if isinstance(value, str):
                yield f"variables.{name}", value

    def expressions(self, settings: JourneySettings) -> Iterable[tuple[str, str]]:
        """Check the variables that are computed when the journey is published."""
        for name, source in settings.expressions.items():
            yield f"expressions.{name}", source

    def reads(self, settings: JourneySettings) -> Iterable[str]:
        """Read how the started journey goes."""
        if settings.wait:
            yield "journeys"

    def journeys(self, settings: JourneySettings) -> Iterable[str]:
        """Name the journey, so that it is checked to be there when this one is published."""
        yield settings.journey

    def touches_wedding(self, settings: JourneySettings) -> bool:
        """Lock the wedding first, as every start of a journey does."""
        del settings
        return True

    def execute(self, context: StepContext[JourneySettings]) -> Outcome:
        """Ask for the start once; look at the other journey as long as the step waits."""
        settings, waiting = context.settings, context.waiting
        if waiting is None:
            start = StartJourney(settings.journey, _variables(context))
            if not settings.wait:
                return Advance(changes=(start,), reason="Starts another journey.")
            return WaitFor(
                ("journey",), "Waits until the other journey has ended.", settings.timeout, changes=(start,)
            )
        found = context.own(context.facts["journeys"])
        if found.get("status") in _OVER:
            result = found["result"] or found["status"]
            output = {"status": found["status"], "result": result, "instance": found["instance"]}
            return Advance(output=output, reason=f"The other journey has ended: {result}.")
        if waiting.timed_out:
            output = {"status": found.get("status", ""), "result": "", "instance": found.get("instance", "")}
            return Advance("timeout", output=output, reason="The other journey has not ended in time.")
        return WaitFor(("journey",), "Waits until the other journey has ended.", settings.timeout)


def _variables(context: StepContext[JourneySettings]) -> dict[str, object]:
    given = {
        name: context.render(value) if isinstance(value, str) else value
        for name, value in context.settings.variables.items()
    }
    return given | {name: context.evaluate(source) for name, source in context.settings.expressions.items()}
