"""End: where a passage is over."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from journeys.language.outcomes import Finish, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings


class EndSettings(NodeSettings):
    """What the end counts as."""

    result: Literal["completed", "stopped"] = Field(default="completed", title="Counts as")
    ends: Literal["branch", "journey"] = Field(
        default="branch", title="Ends", description="Inside of a split: this branch, or the whole journey."
    )


@node_types.register
class End(NodeType[EndSettings]):
    """The passage ends here, or this branch of it while others are under way."""

    type: ClassVar[str] = "end"
    title: ClassVar[str] = "End"
    description: ClassVar[str] = "The journey is over for this couple"
    icon: ClassVar[str] = "flag"
    settings_model = EndSettings
    ports: ClassVar[tuple[str, ...]] = ()
    optional_ports: ClassVar[tuple[str, ...]] = ()

    def execute(self, context: StepContext[EndSettings]) -> Outcome:
        """Finish."""
        settings = context.settings
        return Finish(result=settings.result, everything=settings.ends == "journey")
