"""Run a journey test: simulate, and compare with what is expected."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from engine.services.simulating import invented_beginning
from engine.simulation.calendar import Happening, Outlook, Way
from engine.simulation.given import Assumptions, aware
from engine.simulation.lines import lines_of, lines_of_outlook
from engine.simulation.ways import look_ahead
from engine.testing.files import Expected, JourneyTest, State, Unreadable, graph_of
from journeys.errors import ServiceError
from journeys.language.zones import local_time

STATES: dict[str, State] = {
    "succeeded": "done",
    "skipped": "skipped",
    "failed": "failed",
    "held": "held",
    "cancelled": "cancelled",
}


@dataclass(slots=True)
class Checked:
    """What came out of one test."""

    #: Sentences about what is not as expected.
    failures: list[str] = field(default_factory=list)
    #: The whole calendar, to be shown beside them.
    calendar: list[str] = field(default_factory=list)
    #: The golden file was written anew.
    updated: bool = False

    @property
    def passed(self) -> bool:
        """Tell whether everything is as expected."""
        return not self.failures

    def __str__(self) -> str:
        said = [*self.failures]
        if self.calendar:
            said += ["", "What would happen:", *(f"  {line}" for line in self.calendar)]
        return "\n".join(said)


def run(test: JourneyTest, path: Path, *, update: bool = False) -> Checked:
    """Run a test of a file; with `update`, golden calendars are written instead of compared."""
    checked = Checked()
    try:
        outlook = look(test, path)
    except (Unreadable, ServiceError) as error:
        checked.failures.append(str(error))
        return checked
    way = outlook.ways[0]
    checked.failures += [said for said in _expectations(test, way, outlook.zone) if said]
    if test.calendar == "golden":
        _compare_golden(test, path, outlook, checked, update=update)
    if checked.failures:
        checked.calendar = lines_of(way, zone=outlook.zone)
    return checked


def look(test: JourneyTest, path: Path) -> Outlook:
    """Simulate what a test is about.

    Raises:
        Unreadable: the journey can not be found or run.
        ServiceError: a variable is missing or wrong.
    """
    graph, name = graph_of(test, beside=path)
    started = test.given.started
    if started is None:
        raise Unreadable("Write when it starts, under given: started.")
    now = aware(started, test.given.zone()).astimezone(UTC)
    beginning = invented_beginning(test.given, graph=graph, name=name, vendor=None, now=now)
    assumptions = Assumptions(
        ways=test.ways,
        chosen=test.chosen,
        events=test.events,
        answers=test.answers,
        approvals=test.approvals,
        until=test.until,
    )
    return look_ahead(beginning, assumptions, library=lambda _: None)


def _expectations(test: JourneyTest, way: Way, zone: str) -> list[str]:
    used: set[int] = set()
    said: list[str] = []
    for expected in test.expect:
        said += _missed(expected, way, zone, used)
    for unwanted in test.expect_not:
        for one in way.happenings:
            reached = [copy for copy in one.copies if not copy.withheld and copy.role == unwanted.to]
            if one.node_id == unwanted.step and (reached if unwanted.to else one.status == "succeeded"):
                whom = f" to {unwanted.to}" if unwanted.to else ""
                said.append(f"{unwanted.step}{whom} must not happen, but does on {_moment(one, zone)}.")
    if test.only:
        named = {expected.step for expected in test.expect}
        said += [
            f"{one.node_id} sends on {_moment(one, zone)}, which is not expected."
            for one in way.happenings
            if one.sends and one.node_id not in named
        ]
    if test.ends is not None and test.ends != way.result:
        said.append(f"It ends with {way.result or 'nothing: it goes on'}, not with {test.ends}.")
    if test.warnings is not None and list(test.warnings) != list(way.warnings):
        said.append(f"The warnings are {list(way.warnings)}, not {list(test.warnings)}.")
    return said


def _missed(expected: Expected, way: Way, zone: str, used: set[int]) -> list[str]:
    """Compare one expectation with the next time its step happens."""
    for number, one in enumerate(way.happenings):
        if number in used or one.node_id != expected.step:
            continue
        if expected.visit is not None and one.visit != expected.visit:
            continue
        used.add(number)
        return [f"{expected.step}: {said}" for said in _differences(expected, one, zone)]
    return [f"{expected.step} is expected{f' on {expected.on}' if expected.on else ''}, but does not happen."]


def _differences(expected: Expected, one: Happening, zone: str) -> list[str]:
    """Say in what a step is not as expected."""
    at = _moment(one, zone)
    to = tuple(copy.role for copy in one.copies if not copy.withheld)
    subjects = {copy.subject for copy in one.copies}
    pairs = [
        ("on", expected.on, at if expected.on and len(expected.on) > len("2027-04-14") else at[:10]),
        ("state", expected.state, state_of(one)),
        ("to", expected.to, to),
        ("channel", expected.channel, ", ".join(sorted({copy.channel for copy in one.copies}))),
        ("port", expected.port, one.port),
        ("reason", expected.reason, one.reason),
    ]
    said = [
        f"{name} is {found!r}, not {wanted!r} (it happens on {at})."
        for name, wanted, found in pairs
        if wanted is not None and wanted != found
    ]
    if expected.subject is not None and subjects != {expected.subject}:
        said.append(
            f"the subject is {' / '.join(sorted(subjects)) or 'missing'!r}, not {expected.subject!r}."
        )
    if expected.contains is not None:
        said += [
            f"the text to {copy.role} does not hold {expected.contains!r}."
            for copy in one.copies
            if expected.contains not in copy.text
        ]
        if not one.copies:
            said.append(f"nothing is sent that could hold {expected.contains!r}.")
    return said


def state_of(one: Happening) -> State:
    """Say in one word what becomes of a step."""
    if one.needs_person:
        return "needs_you"
    if one.waits:
        return "waits"
    if one.sends:
        return "sent"
    if one.copies:
        return "withheld"
    return STATES.get(one.status, "done")


def _moment(one: Happening, zone: str) -> str:
    return f"{local_time(one.at, zone):%Y-%m-%d %H:%M}"


def golden_of(test: JourneyTest, path: Path) -> Path:
    """Name the file that a test's whole calendar is kept in."""
    slug = re.sub(r"[^a-z0-9]+", "_", test.name.lower()).strip("_")
    return path.parent / "golden" / f"{path.stem}{f'.{slug}' if slug else ''}.txt"


def _compare_golden(
    test: JourneyTest, path: Path, outlook: Outlook, checked: Checked, *, update: bool
) -> None:
    golden = golden_of(test, path)
    found = "\n".join(lines_of_outlook(outlook, texts=test.texts)) + "\n"
    if update:
        golden.parent.mkdir(exist_ok=True)
        checked.updated = not golden.is_file() or golden.read_text(encoding="utf-8") != found
        golden.write_text(found, encoding="utf-8")
        return
    if not golden.is_file():
        checked.failures.append(
            f"There is no golden calendar {golden.name} yet: look at what would happen, then run with --update."
        )
        return
    kept = golden.read_text(encoding="utf-8")
    if kept != found:
        diff = difflib.unified_diff(
            kept.splitlines(), found.splitlines(), f"golden/{golden.name}", "now", lineterm="", n=2
        )
        checked.failures.append(
            "The calendar is not the golden one (run with --update if it is right):\n" + "\n".join(diff)
        )
