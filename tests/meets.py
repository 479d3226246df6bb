"""Meetings, reviews and referrals in tests: what a vendor offers, and the outbox turned by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from channels.models import SinkMessage
from engine.models import Instance, MeetingType, NodeExecution, Schedule
from engine.places import Place
from engine.referral_links import links_of
from engine.services import notices
from engine.services.asking import ask_note
from engine.services.free_times import free_times
from engine.services.instances import instance_start
from engine.services.meeting_types import meeting_type_add
from engine.services.meetings import Wishes, meeting_book
from engine.services.referrals import Inquiry, inquiry_receive
from engine.services.reviews import review_links_set, review_of
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import run_until_idle


def a_call(vendor: Vendor, *, now: datetime, **fields: Any) -> MeetingType:
    """Offer a final call of half an hour, every day from nine to noon in Lisbon."""
    given: dict[str, Any] = {
        "title": "Final call",
        "where": "By phone",
        "hours": {"every": ["09:00", "12:00"]},
        "minutes": 30,
        "buffer_minutes": 0,
        "notice_hours": 0,
        "horizon_days": 60,
        **fields,
    }
    return meeting_type_add(vendor=vendor, key=given.pop("key", "final-call"), now=now, actor=ACTOR, **given)


def a_booking(kind: MeetingType, couple: Client, starts_at: datetime, *, now: datetime, **wishes: Any) -> Any:
    """Book a meeting of a couple."""
    return meeting_book(
        meeting_type=kind,
        client=couple,
        starts_at=starts_at,
        wishes=Wishes(**wishes),
        now=now,
        actor=ACTOR,
    )


def review_pages(vendor: Vendor, *, now: datetime) -> Vendor:
    """Name two pages where reviews can be written."""
    links = {"google": "https://g.page/r/luz", "theknot": "https://www.theknot.com/luz"}
    return review_links_set(vendor=vendor, links=links, now=now, actor=ACTOR)


def send_letters(now: datetime) -> int:
    """Send the letters about meetings that are due; return how many came to a result."""
    return notices.carry_out(places=notices.dispatch(now=now), now=now)


def meets_ids(instance: Instance, *, now: datetime) -> dict[str, str]:
    """Make one row of everything for a passage, and give their ids by the names that addresses use."""
    kind = a_call(instance.vendor, now=now)
    tomorrow = free_times(kind, now=now)[-1]
    meeting = a_booking(kind, instance.client, tomorrow, now=now)
    ask = ask_note(place=Place(instance.public_id, "review", "", 1), kind="review", reminder=0, now=now)
    assert ask is not None
    link = links_of({instance.client_id: instance.vendor_id}, now=now)[instance.client_id]
    inquiry = Inquiry(name="Rita Sol", email="rita@example.com", agrees=True)
    assert inquiry_receive(link=link, inquiry=inquiry, now=now)
    return {
        "meeting_type_id": kind.public_id,
        "meeting_id": meeting.public_id,
        "review_id": review_of(ask=ask, now=now).public_id,
        "referral_id": link.public_id,
    }


REVIEWS = {"to": ["partner_1"], "subject": "How was it?", "body": "Write: {{ link }}"}
FRIENDS = {"to": ["partner_1"], "subject": "Your link", "body": "Pass on {{ referrals.link }}"}


def calendar_of_mail(content: bytes) -> dict[str, list[str]]:
    """Read a calendar file the way RFC 5545 says: unfolded, parameters apart, text unescaped."""
    text = content.decode()
    assert text.endswith("\r\n")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    found: dict[str, list[str]] = {}
    for line in text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n"):
        head, value = _split(line)
        for plain, written in (("\n", "\\n"), (",", "\\,"), (";", "\\;")):
            value = value.replace(written, plain)
        found.setdefault(head.partition(";")[0], []).append(value.replace("\\\\", "\\"))
    return found


def _split(line: str) -> tuple[str, str]:
    """Split a line at the first colon outside of quotes."""
    quoted = False
    for at, character in enumerate(line):
        quoted ^= character == '"'
        if character == ":" and not quoted:
            return line[:at], line[at + 1 :]
    message = f"No value in {line!r}."
    raise AssertionError(message)


def start(builder: JourneyBuilder, vendor: Vendor, couple: Client, *, now: datetime) -> Instance:
    journey: Journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def subjects() -> list[str]:
    return [one.subject for one in SinkMessage.objects.order_by("id")]


def stands_at(instance: Instance) -> list[str]:
    return list(Schedule.objects.filter(instance=instance).values_list("node_id", flat=True))


def history(instance: Instance, node_id: str) -> list[tuple[str, str]]:
    rows = NodeExecution.objects.filter(instance=instance, node_id=node_id).order_by("id")
    return [(row.status, row.port) for row in rows if row.status != "held"]


def review(*, timeout: str = "", **settings: Any) -> JourneyBuilder:
    ends = {"timeout": {"kind": "duration", "for": timeout}} if timeout else {}
    builder = a_journey().step("review", "review", **{**REVIEWS, **ends, **settings})
    if ends:
        builder.edges.append({"from": "review", "port": "timeout", "to": "end"})
    return builder.email("after")


def friends(*, timeout: str = "", **settings: Any) -> JourneyBuilder:
    ends = {"timeout": {"kind": "duration", "for": timeout}} if timeout else {}
    builder = a_journey().step("friends", "referral", **{**FRIENDS, **ends, **settings})
    if ends:
        builder.edges.append({"from": "friends", "port": "timeout", "to": "end"})
    return builder.email("after")
