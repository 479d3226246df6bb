"""A couple's time line in words: what they have had, what is under way, what comes next and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from channels.models import Message
from engine.selectors import TimelineEntry
from journeys.language.zones import local_instant, local_time
from journeys.models import Client, Wedding
from journeys.templatetags.look import day_text, place
from monitoring.wording import counted, distance

#: Past steps that are shown at once; the earlier ones are folded away.
SHOWN_PAST = 6
#: Steps that only steer: they are shown when something is the matter with them.
STEERING = frozenset({"condition", "end", "wait", "split", "merge"})
PAST = frozenset({"done", "skipped", "failed", "retrying", "held"})
TROUBLE = frozenset({"needs_you", "failed", "retrying"})

#: State -> mark, word beside the name ("" for what is fine), class of the word.
STATES: dict[str, tuple[str, str, str]] = {
    "done": ("sent", "", ""),
    "skipped": ("skip", "", ""),
    "failed": ("danger", "Failed", "danger"),
    "retrying": ("warn", "Tried again", ""),
    "held": ("pause", "Put off", ""),
    "due": ("warn", "Due now", "warn"),
    "under_way": ("run", "Under way", ""),
    "planned": ("plan", "", ""),
    "parked": ("wait", "Waiting for a date", ""),
    "needs_you": ("ask", "Needs you", "warn"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the time line."""

    mark: str
    word: str
    word_class: str
    day: str
    clock: str
    iso: str
    title: str
    icon: str
    distance: str
    why: str
    past: bool
    gone: bool
    conditional: bool
    line_id: str = ""
    #: (text, address of the page) of the messages that went out with it.
    messages: tuple[tuple[str, str], ...] = ()
    #: The journey's name, where the couple is in several.
    journey: str = ""
    #: Address of the page that says why.
    why_url: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the time line under one small heading."""

    heading: str
    steps: list[Step] = field(default_factory=list)
    folded: list[Step] = field(default_factory=list)
    past: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The whole time line."""

    past: Part
    current: Part
    planned: Part
    afterwards: Part
    undated: Part
    day_is_past: bool


def line(
    entries: Sequence[TimelineEntry],
    *,
    wedding: Wedding | None,
    zone: str,
    now: datetime,
    pages: dict[str, str],
) -> Line:
    """Sort entries into past, under way, planned before and after the day, and without a date."""
    shown = [one for one in entries if _worth_showing(one)]
    several = len({one.journey for one in shown}) > 1
    begins = _begins(wedding)

    def steps(some: Iterable[TimelineEntry]) -> list[Step]:
        return [_step(one, wedding=wedding, zone=zone, now=now, pages=pages, several=several) for one in some]

    past = steps(one for one in shown if one.state in PAST)
    current = [one for one in shown if one.state in {"needs_you", "due", "under_way"}]
    ahead = [one for one in shown if one.state == "planned" and one.at is not None]
    before = [one for one in ahead if begins is None or begins < now or (one.at and one.at < begins)]
    after = [one for one in ahead if one not in before]
    undated = [one for one in shown if one.state == "parked"]
    return Line(
        past=Part("Past", past[-SHOWN_PAST:], past[:-SHOWN_PAST], past=True),
        current=Part("Under way", steps(current)),
        planned=Part("Planned", steps(before)),
        afterwards=Part("Afterwards", steps(after)),
        undated=Part("Without a date", steps(undated)),
        day_is_past=begins is not None and begins < now,
    )


def _worth_showing(entry: TimelineEntry) -> bool:
    if entry.node_type in STEERING:
        return entry.state in {"needs_you", "failed", "parked"} or (
            entry.node_type == "wait" and entry.state == "planned" and not entry.conditional
        )
    return True


def _begins(wedding: Wedding | None) -> datetime | None:
    if wedding is None or wedding.date is None:
        return None
    return local_instant(wedding.date, wedding.time or time(12), wedding.time_zone)


def _step(
    entry: TimelineEntry,
    *,
    wedding: Wedding | None,
    zone: str,
    now: datetime,
    pages: dict[str, str],
    several: bool,
) -> Step:
    mark, word, word_class = STATES[entry.state]
    local = local_time(entry.at, zone) if entry.at else None
    today = local_time(now, zone).date()
    day = wedding.date if wedding else None
    return Step(
        mark=mark,
        word=word,
        word_class=word_class,
        day=day_text(local.date(), today=today) if local else "No date",
        clock=f"{local:%H:%M}" if local else "",
        iso=entry.at.isoformat() if entry.at else "",
        title=entry.title,
        icon=entry.icon,
        distance=distance(local.date(), wedding=day) if local and day else "",
        why=_why(entry),
        past=entry.state in PAST,
        gone=entry.state == "skipped",
        conditional=entry.conditional and entry.state == "planned",
        line_id=entry.line_id,
        messages=tuple(_message(one, pages=pages) for one in entry.messages) if entry.state in PAST else (),
        journey=entry.journey if several else "",
        why_url=f"/journey-monitor/instances/{entry.instance_id}/why?step={entry.node_id}",
    )


def _why(entry: TimelineEntry) -> str:
    if entry.reason:
        return entry.reason
    planned = _offset_words(entry) if entry.state == "planned" and entry.anchor else ""
    if entry.state == "planned" and entry.conditional:
        return f"Only if the journey takes this way. {planned}"
    return planned


def _offset_words(entry: TimelineEntry) -> str:
    anchor = "the wedding" if entry.anchor == "wedding" else entry.anchor.replace("_", " ")
    offset = entry.offset.strip()
    if offset in {"", "0d"}:
        return f"Planned for the day of {anchor}."
    side = "before" if offset.startswith("-") else "after"
    return f"Planned {_spelled(offset.lstrip('-'))} {side} {anchor}."


def _spelled(offset: str) -> str:
    """Spell the units of an offset: "30d" becomes "30 days"."""
    words = {"mo": "month", "bd": "business day", "min": "minute", "w": "week", "d": "day", "h": "hour"}
    terms = []
    for term in offset.replace("-", "").split():
        number = term.rstrip("abdhimnow")
        unit = words.get(term[len(number) :], term[len(number) :])
        terms.append(f"{number} {unit}{'' if number == '1' else 's'}")
    return " and ".join(terms)


def _message(message: Message, *, pages: dict[str, str]) -> tuple[str, str]:
    """Say to whom a message went and what became of it, and where to read it."""
    who = message.recipient_name or message.recipient_role.replace("_", " ")
    states = Message.Status
    said = {
        states.ACCEPTED: "handed over",
        states.SENDING: "being handed over",
        states.RETRY: "tried again soon",
        states.REJECTED: "refused",
        states.IN_DOUBT: "in doubt",
        states.UNKNOWN: "could not be found out",
        states.WITHHELD: "withheld",
    }[states(message.status)]
    if message.delivery:
        said = message.get_delivery_display().lower()
    page = pages.get(message.key, "")
    return f"{who}: {said}", f"/sink/{page}" if page else ""


def sentence(line: Line, *, wedding: Wedding | None, now: datetime) -> tuple[str, str]:
    """Say how far the day is, and what is done, needs somebody, and is planned."""
    done = sum(1 for one in (*line.past.folded, *line.past.steps) if one.mark == "sent")
    needs = [one for one in line.current.steps if one.line_id]
    planned = sum(len(part.steps) for part in (line.planned, line.afterwards))
    parts = [f"{counted(done, 'step', 'steps')} done"]
    if needs:
        parts.append("one step needs you" if len(needs) == 1 else f"{len(needs)} steps need you")
    parts.append(f"{planned} more planned" if planned else "nothing more is planned")
    return _to_go(wedding, now=now), f"{', '.join(parts)}."


def _to_go(wedding: Wedding | None, *, now: datetime) -> str:
    if wedding is None:
        return "No wedding is known."
    if wedding.status == Wedding.Status.CANCELLED:
        return "The wedding is cancelled."
    if wedding.date is None:
        return "There is no date yet: nothing that hangs on it goes out."
    days = (wedding.date - local_time(now, wedding.time_zone).date()).days
    if days == 0:
        return "Today is the day."
    if days < 0:
        return f"Married {counted(-days, 'day', 'days')} ago."
    return f"{counted(days, 'day', 'days')} to go."


def day_words(wedding: Wedding, *, now: datetime) -> dict[str, str]:
    """Give the wedding day's own line."""
    today = local_time(now, wedding.time_zone).date()
    day: date = wedding.date or today
    where = ", ".join(part for part in (wedding.venue, wedding.city) if part)
    guests = f"about {wedding.guest_count} guests" if wedding.guest_count else ""
    return {
        "day": day_text(day, today=today),
        "clock": f"{wedding.time:%H:%M}" if wedding.time else "",
        "where": ", ".join(part for part in (where, guests) if part),
        "zone": place(wedding.time_zone),
    }


def context(
    *,
    client: Client,
    wedding: Wedding | None,
    entries: Sequence[TimelineEntry],
    pages: dict[str, str],
    now: datetime,
) -> dict[str, Any]:
    """Give the template everything it prints of the time line."""
    zone = wedding.time_zone if wedding else client.vendor.time_zone
    drawn = line(entries, wedding=wedding, zone=zone, now=now, pages=pages)
    strong, rest = sentence(drawn, wedding=wedding, now=now)
    local = local_time(now, zone)
    return {
        "line": drawn,
        "strong": strong,
        "rest": rest,
        "zone": zone,
        "place": place(zone),
        "now_words": f"{local:%a} {local.day} {local:%b}, {local:%H:%M} in {place(zone)}",
        "day": day_words(wedding, now=now) if wedding and wedding.date else None,
        "nothing": not entries,
        "soon": timedelta(days=1),
    }
