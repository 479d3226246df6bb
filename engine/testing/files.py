"""What stands in a journey test's file, read and checked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from engine.simulation.given import AssumedAnswer, AssumedEvent, InventedCouple
from journeys import validation
from journeys.language.errors import DefinitionInvalid
from journeys.language.graph import Graph, read_graph
from journeys.language.registry import node_types, trigger_types
from journeys.services.template_files import OwnLoader

#: Where the product's own templates are.
TEMPLATES = Path(validation.__file__).resolve().parent / "templates"

State = Literal["sent", "done", "skipped", "withheld", "failed", "waits", "needs_you", "cancelled", "held"]


class Unreadable(Exception):
    """A test file that can not be used; the message says what to mend."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Part):
    """One step that has to happen; what is left out is not looked at."""

    step: str
    #: "2027-04-14 09:00" or "2027-04-14", on the wedding's clock.
    on: str | None = None
    to: tuple[str, ...] | None = None
    channel: str | None = None
    subject: str | None = None
    #: Every copy's text holds this.
    contains: str | None = None
    state: State | None = None
    port: str | None = None
    reason: str | None = None
    visit: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _dates_as_text(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"step": data}
        if isinstance(data, dict) and isinstance(data.get("on"), dt.datetime):
            return {**data, "on": f"{data['on']:%Y-%m-%d %H:%M}"}
        if isinstance(data, dict) and isinstance(data.get("on"), dt.date):
            return {**data, "on": data["on"].isoformat()}
        return data

    @model_validator(mode="after")
    def _moment_is_readable(self) -> Expected:
        if self.on is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?", self.on):
            raise PydanticCustomError("on", 'Write the day as "2027-04-14" or "2027-04-14 09:00".')
        return self


class Unexpected(_Part):
    """Something that must not happen: a step at all, or a message of it to somebody."""

    step: str
    to: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _step_alone(cls, data: Any) -> Any:
        return {"step": data} if isinstance(data, str) else data


class JourneyTest(_Part):
    """One test: a journey, a couple, what happens to it, and what is expected."""

    name: str = ""
    #: Key of a ready-made journey, path of a file beside this one, or a definition.
    journey: str | dict[str, Any]
    #: The vendor's own values.
    parameters: dict[str, Any] = Field(default_factory=dict)
    given: InventedCouple = Field(default_factory=InventedCouple)
    events: tuple[AssumedEvent, ...] = ()
    answers: Literal["never", "at_once"] | dict[str, Literal["never", "at_once"] | AssumedAnswer] = "never"
    chosen: dict[str, str] = Field(default_factory=dict)
    approvals: Literal["given", "never"] = "given"
    ways: Literal["likely", "every"] = "likely"
    until: dt.datetime | None = None
    expect: tuple[Expected, ...] = ()
    expect_not: tuple[Unexpected, ...] = ()
    #: Every step that sends is named under `expect`, and no other sends.
    only: bool = False
    ends: str | None = None
    warnings: tuple[str, ...] | None = None
    #: "golden": the whole calendar is compared with a file under golden/.
    calendar: Literal["golden"] | None = None
    #: The golden calendar holds the texts too.
    texts: bool = False

    @model_validator(mode="after")
    def _starts_somewhere(self) -> JourneyTest:
        if self.given.started is None:
            raise PydanticCustomError(
                "started", 'Write when it starts, under given: started: "2026-05-01 10:00".'
            )
        return self


def read_tests(path: Path) -> list[JourneyTest]:
    """Read the tests of a file: one at its top, or several under `tests`, which share what stands beside it.

    Raises:
        Unreadable: with the field that is wrong.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), OwnLoader)  # noqa: S506 a safe loader of our own
    except (OSError, yaml.YAMLError) as error:
        raise Unreadable(f"{path.name} can not be read: {error}") from error
    if not isinstance(content, dict):
        raise Unreadable(f"{path.name} is no object: write journey, given and expect.")
    shared = {key: value for key, value in content.items() if key != "tests"}
    raw = content.get("tests") or [{}]
    return [_one({**shared, **one}, path, number) for number, one in enumerate(raw)]


def _one(raw: dict[str, Any], path: Path, number: int) -> JourneyTest:
    try:
        return JourneyTest.model_validate({"name": f"{number + 1}" if number else "", **raw})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"{path.name}, test {number + 1}, {place}: {first['msg']}") from error


def graph_of(test: JourneyTest, *, beside: Path) -> tuple[Graph, str]:
    """Read the journey that a test is about; return its graph and its name.

    Raises:
        Unreadable: there is no such file, or the journey can not be run.
    """
    definition, name = _definition(test.journey, beside)
    try:
        graph = read_graph(
            definition,
            node_types=node_types,
            trigger_types=trigger_types,
            parameters=test.parameters,
        )
    except DefinitionInvalid as error:
        said = "\n".join(f"  {problem.message}" for problem in error.problems)
        raise Unreadable(f"The journey {name} can not be run:\n{said}") from error
    return graph, name


def _definition(journey: str | dict[str, Any], beside: Path) -> tuple[dict[str, Any], str]:
    if isinstance(journey, dict):
        return journey.get("definition", journey), str(journey.get("name", "A journey"))
    places = (TEMPLATES / f"{journey}.yaml", beside.parent / journey)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise Unreadable(
            f"There is no ready-made journey {journey!r}, and no such file beside {beside.name}."
        )
    content = yaml.load(found.read_text(encoding="utf-8"), OwnLoader)  # noqa: S506 a safe loader of our own
    return content.get("definition", content), str(content.get("name", journey))


def find_files(paths: list[Path]) -> Iterator[Path]:
    """Find the test files under the paths, in order; golden calendars are none."""
    for path in paths:
        if path.is_file():
            yield path
        else:
            yield from sorted(one for one in path.rglob("*.yaml") if "golden" not in one.parts)
