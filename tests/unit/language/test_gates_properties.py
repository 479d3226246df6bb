"""Whatever the rules say, a gate opens at the earliest moment that all of them allow."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.language.contact_rules import ContactRules, QuietHours
from journeys.language.gates import NeverOpens, Person, Send, Sent, Situation, gate_for
from journeys.language.sending_hours import SendingHours
from journeys.language.zones import local_time

LISBON = "Europe/Lisbon"
NEW_YORK = "America/New_York"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def to(**fields) -> Person:
    return Person(keys=frozenset({"partner_1"}), **fields)


QUIET = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 95), st.integers(0, 95))
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: QuietHours((pair[0] * 15, pair[1] * 15))),
)
DAYS = st.dates(date(2027, 3, 20), date(2027, 4, 20))
MOMENTS = st.integers(0, 26 * 24 * 60).map(lambda minutes: at(2027, 3, 20) + timedelta(minutes=minutes))
ZONES = st.sampled_from([LISBON, NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"])


@st.composite
def a_case(draw):
    start = draw(st.integers(0, 90))
    windows = {"every": [f"{start // 4:02d}:{start % 4 * 15:02d}", "24:00"], "sun": []}
    setting = {
        "blackout": {
            "own_weddings": True,
            "days": [day.isoformat() for day in draw(st.lists(DAYS, max_size=3))],
        },
        "wedding_day": draw(st.sampled_from(["marketing", "all", "off"])),
        "quiet_hours": {"sms": ["21:00", "08:00"]},
        "cap": {"marketing": {"count": draw(st.integers(1, 3)), "days": draw(st.integers(1, 5))}},
        "spacing": {"hours": draw(st.integers(0, 30))},
    }
    now = draw(MOMENTS)
    history = draw(
        st.lists(
            st.builds(
                Sent,
                at=st.timedeltas(timedelta(0), timedelta(days=6)).map(
                    lambda ago: (now - ago).replace(second=0, microsecond=0)
                ),
                purpose=st.sampled_from(["marketing", "transactional"]),
                people=st.just(frozenset({"partner_1"})),
            ),
            max_size=5,
        )
    )
    shooting = draw(st.frozensets(DAYS, max_size=6))
    situation = Situation(
        wedding_day=draw(st.one_of(st.none(), DAYS)),
        wedding_zone=draw(ZONES),
        vendor_zone=draw(ZONES),
        history=history,
        is_shooting=lambda day: day in shooting,
    )
    what = Send(
        purpose=draw(st.sampled_from(["marketing", "transactional"])),
        on_the_day=draw(st.sampled_from([None, True, False])),
        people=(to(channel=draw(st.sampled_from(["email", "sms"])), zone=draw(ZONES), quiet=draw(QUIET)),),
    )
    return what, now, SendingHours.from_setting(windows), ContactRules.from_setting(setting), situation


def allowed(case, moment: datetime) -> bool:  # noqa: PLR0911 one return for each rule
    """Judge one moment by each rule alone, with nothing of the gates' own arithmetic."""
    what, _, hours, by, known = case
    person = what.people[0]
    wall, theirs = local_time(moment, known.wedding_zone), local_time(moment, person.zone)
    day = known.wedding_day
    on_their_day = wall.date() == day
    chosen = bool(what.on_the_day and on_their_day)
    critical = False
    if day is not None and what.purpose == "transactional":
        begins = datetime.combine(day, time(0), tzinfo=wall.tzinfo).astimezone(UTC)
        critical = begins - timedelta(hours=48) <= moment and wall.date() <= day
    quiet = person.quiet or getattr(by.quiet_hours, person.channel)
    if quiet is not None:
        start, end = quiet
        minute = theirs.hour * 60 + theirs.minute
        if start <= minute < end if start < end else minute >= start or minute < end:
            return False
    if not chosen and not hours.is_open(moment, known.wedding_zone):
        return False
    if on_their_day:
        held = by.wedding_day == "all" or (by.wedding_day == "marketing" and what.purpose == "marketing")
        if not what.on_the_day if what.on_the_day is not None else held:
            return False
    if critical or chosen:
        return True
    there = local_time(moment, known.vendor_zone).date()
    if known.is_shooting(there) or by.blackout.free(there):
        return False
    cap = getattr(by.cap, what.purpose)
    if cap and cap.count <= sum(
        moment - cap.span < one.at for one in known.history if one.purpose == what.purpose
    ):
        return False
    pause = timedelta(hours=by.spacing.hours)
    return all(moment - one.at >= pause for one in known.history)


@given(case=a_case())
@settings(max_examples=150, deadline=None)
def test_a_gate_opens_at_the_earliest_moment_that_every_rule_allows(case) -> None:
    what, now, hours, by, situation = case
    try:
        gate = gate_for(what, now=now, hours=hours, rules=by, situation=situation)
    except NeverOpens:
        minute = now
        while minute < now + timedelta(days=20):
            assert not allowed(case, minute)
            minute += timedelta(minutes=15)
        return

    if gate is None:
        assert allowed(case, now)
        return
    assert now < gate.opens
    assert allowed(case, gate.opens)
    minute = now
    while minute < min(gate.opens, now + timedelta(days=12)):
        assert not allowed(case, minute), minute
        minute += timedelta(minutes=5)
    assert gate_for(what, now=gate.opens, hours=hours, rules=by, situation=situation) is None
