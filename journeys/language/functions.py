"""The functions that expressions may call, each with its example."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .offsets import add_months as _months_later
from .signatures import FUNCTIONS, World, day_of, function
from .value_functions import whole

__all__ = ["FUNCTIONS"]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SATURDAY = 5
_ZONE = ("wedding.time_zone",)
#: For what becomes another value as time passes.
_TODAY = (*_ZONE, "now")


@function(
    "today() → date",
    "The date today, where the wedding is.",
    ("today()", "2026-11-22"),
    ("today() < '2027-01-01'", True),
    reads=_TODAY,
)
def _today(world: World) -> str:
    return world.today().isoformat()


@function(
    "date(value: date) → date",
    "The calendar day of a date or an instant, where the wedding is.",
    ("date(now)", "2026-11-22"),
    ("date('2027-06-12T23:30:00Z')", "2027-06-13"),
    reads=_ZONE,
)
def _date(world: World, value: Any) -> str | None:
    return None if value is None else day_of(world, value).isoformat()


@function(
    "days_between(first: date, last: date) → number",
    "Days from the first date to the last; less than zero when the last comes first.",
    ("days_between('2027-06-01', wedding.date)", 11),
    ("days_between(wedding.date, wedding.anchors.booking)", -223),
    reads=_ZONE,
)
def _days_between(world: World, first: Any, last: Any) -> int | None:
    return None if first is None or last is None else (day_of(world, last) - day_of(world, first)).days


@function(
    "months_between(first: date, last: date) → number",
    "Whole months from the first date to the last.",
    ("months_between(wedding.anchors.booking, wedding.date)", 7),
    ("months_between('2027-01-31', '2027-02-28')", 1),
    reads=_ZONE,
)
def _months_between(world: World, first: Any, last: Any) -> int | None:
    if first is None or last is None:
        return None
    start, end = day_of(world, first), day_of(world, last)
    sign = 1 if start <= end else -1
    early, late = sorted((start, end))
    months = (late.year - early.year) * 12 + late.month - early.month
    return sign * (months - (_months_later(early, months) > late))


@function(
    "days_to(day: date) → number",
    "Days from today until the date; less than zero when it is over.",
    ("days_to(wedding.date)", 202),
    ("days_to(wedding.anchors.booking)", -21),
    reads=_TODAY,
)
def _days_to(world: World, day: Any) -> int | None:
    return None if day is None else (day_of(world, day) - world.today()).days


@function(
    "add_days(day: date, days: number) → date",
    "The date so many days later, or earlier.",
    ("add_days(wedding.date, -30)", "2027-05-13"),
    ("add_days(wedding.date, 1)", "2027-06-13"),
    reads=_ZONE,
)
def _add_days(world: World, day: Any, days: Any) -> str | None:
    if day is None or days is None:
        return None
    return (day_of(world, day) + timedelta(days=whole(days))).isoformat()


@function(
    "add_months(day: date, months: number) → date",
    "The date so many months later; a day that the month lacks becomes its last.",
    ("add_months('2027-01-31', 1)", "2027-02-28"),
    reads=_ZONE,
)
def _add_months(world: World, day: Any, months: Any) -> str | None:
    if day is None or months is None:
        return None
    return _months_later(day_of(world, day), whole(months)).isoformat()


@function(
    "weekday(day: date) → text",
    "The day of the week: monday, tuesday, …",
    ("weekday(wedding.date)", "saturday"),
    reads=_ZONE,
)
def _weekday(world: World, day: Any) -> str | None:
    return None if day is None else _WEEKDAYS[day_of(world, day).weekday()]


@function(
    "is_weekend(day: date) → boolean",
    "Whether it is a Saturday or a Sunday.",
    ("is_weekend(wedding.date)", True),
    ("is_weekend('2027-06-11')", False),
    reads=_ZONE,
)
def _is_weekend(world: World, day: Any) -> bool | None:
    return None if day is None else day_of(world, day).weekday() >= _SATURDAY


@function(
    "year(day: date) → number",
    "The year of a date; month and day work alike.",
    ("year(wedding.date)", 2027),
    reads=_ZONE,
)
def _year(world: World, day: Any) -> int | None:
    return None if day is None else day_of(world, day).year


@function(
    "month(day: date) → number",
    "The month of a date, from 1 to 12.",
    ("month(wedding.date) in [5, 6, 7, 8, 9]", True),
    reads=_ZONE,
)
def _month(world: World, day: Any) -> int | None:
    return None if day is None else day_of(world, day).month


@function(
    "day(day: date) → number",
    "The day of the month, from 1 to 31.",
    ("day(wedding.date)", 12),
    reads=_ZONE,
)
def _day(world: World, day: Any) -> int | None:
    return None if day is None else day_of(world, day).day


@function(
    "has_tag(name: text) → boolean",
    "Whether the client has the tag; capital and small letters are different.",
    ("has_tag('vip')", True),
    ("has_tag('budget')", False),
    reads=("client.tags",),
)
def _has_tag(world: World, name: Any) -> bool:
    return name in (world.look_up("client", "tags") or ())


@function(
    "answered(form: text) → boolean",
    "Whether the couple has ever answered the form.",
    ("answered('timeline')", True),
    ("answered('menu')", False),
    reads=("forms.submitted",),
)
def _answered(world: World, form: Any) -> bool:
    return form in (world.look_up("forms", "submitted") or ())


@function(
    "answer(form: text, field: text, otherwise?: any) → any",
    "What the couple last answered in a field of a form; otherwise the third argument, or null.",
    ("answer('timeline', 'guests')", 80),
    ("answer('timeline', 'band', 'none')", "none"),
    reads=("forms.answers.{0}.{1}",),
)
def _answer(world: World, form: Any, field: Any, otherwise: Any = None) -> Any:
    value = world.look_up("forms", "answers", str(form), str(field))
    return otherwise if value is None else value


@function(
    "paid(kind?: text) → boolean",
    "Whether a payment of this kind has arrived; without a kind, whether any has.",
    ("paid('deposit')", True),
    ("paid('final')", False),
    ("paid()", True),
    reads=("payments.received",),
)
def _paid(world: World, kind: Any = None) -> bool:
    received = world.look_up("payments", "received") or ()
    return bool(received if kind is None else kind in received)


@function(
    "paid_total(kind?: text) → number",
    "The sum of the payments that have arrived, of this kind or of all kinds.",
    ("paid_total()", 600.5),
    ("paid_total('final')", 0.0),
    reads=("payments",),
)
def _paid_total(world: World, kind: Any = None) -> float:
    path = ("total",) if kind is None else ("amounts", str(kind))
    return float(world.look_up("payments", *path) or 0)


@function(
    "happened(event: text, topic?: text) → boolean",
    "Whether an event of this type has ever arrived for the client, about this topic or any.",
    ("happened('form_submitted')", True),
    ("happened('payment_received', 'final')", False),
    reads=("events.{0}",),
)
def _happened(world: World, event: Any, topic: Any = None) -> bool:
    path = ("events", str(event)) if topic is None else ("events", str(event), "topics", str(topic))
    return bool(world.look_up(*path))


@function(
    "message_status(step: step) → text",
    "What became of the step's message: accepted, withheld, rejected, in_doubt, …; nothing yet is an empty text.",
    ("message_status('welcome')", "accepted"),
    ("message_status('reminder')", ""),
    reads=("messages.{0}.status",),
)
def _message_status(world: World, step: Any) -> str:
    return str(world.look_up("messages", str(step), "status") or "")


@function(
    "delivered(step: step) → boolean",
    "Whether the step's message has reached its receiver.",
    ("delivered('welcome')", True),
    reads=("messages.{0}.delivered",),
)
def _delivered(world: World, step: Any) -> bool:
    return bool(world.look_up("messages", str(step), "delivered"))


@function(
    "opened(step: step) → boolean",
    "Whether the step's e-mail was opened; a clicked one was.",
    ("opened('welcome')", True),
    ("opened('reminder')", False),
    reads=("messages.{0}.opened",),
)
def _opened(world: World, step: Any) -> bool:
    return bool(world.look_up("messages", str(step), "opened"))


@function(
    "clicked(step: step) → boolean",
    "Whether a link in the step's e-mail was clicked.",
    ("clicked('welcome')", False),
    reads=("messages.{0}.clicked",),
)
def _clicked(world: World, step: Any) -> bool:
    return bool(world.look_up("messages", str(step), "clicked"))


@function(
    "replied(step: step) → boolean",
    "Whether somebody has answered the step's message.",
    ("replied('welcome')", False),
    reads=("messages.{0}.replied",),
)
def _replied(world: World, step: Any) -> bool:
    return bool(world.look_up("messages", str(step), "replied"))


@function(
    "bounced(step: step) → boolean",
    "Whether the step's message could not be delivered.",
    ("bounced('welcome')", False),
    reads=("messages.{0}.bounced",),
)
def _bounced(world: World, step: Any) -> bool:
    return bool(world.look_up("messages", str(step), "bounced"))


@function(
    "task_done(step: step) → boolean",
    "Whether the step's task is done.",
    ("task_done('call')", True),
    reads=("tasks.{0}",),
)
def _task_done(world: World, step: Any) -> bool:
    return bool(world.look_up("tasks", str(step), "status") == "done")


@function(
    "task_choice(step: step) → text",
    "What was chosen when the step's task was done; an empty text until then.",
    ("task_choice('call')", "upgrade"),
    reads=("tasks.{0}",),
)
def _task_choice(world: World, step: Any) -> str:
    return str(world.look_up("tasks", str(step), "choice") or "")


@function(
    "variant(experiment: step) → text",
    "The variant of a split that the client belongs to; an empty text before the split.",
    ("variant('tone')", "warm"),
    reads=("variants.{0}",),
)
def _variant(world: World, experiment: Any) -> str:
    return str(world.look_up("variants", str(experiment)) or "")


@function(
    "journey_result(step: step) → text",
    "How the journey that the step started has ended: completed, stopped, goal:…; an empty text while it goes on.",
    ("journey_result('album')", "completed"),
    reads=("journeys.{0}",),
)
def _journey_result(world: World, step: Any) -> str:
    return str(world.look_up("journeys", str(step), "result") or "")


@function(
    "output(step: step, name: text, otherwise?: any) → any",
    "What an earlier step found out under this name; otherwise the third argument, or null.",
    ("output('quote', 'amount')", 2400),
    ("output('quote', 'discount', 0)", 0),
    reads=("steps.{0}.{1}",),
)
def _output(world: World, step: Any, name: Any, otherwise: Any = None) -> Any:
    value = world.look_up("steps", str(step), str(name))
    return otherwise if value is None else value
