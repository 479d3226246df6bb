"""Meetings and the kinds of them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.models import Meeting, MeetingNotice, MeetingType
from engine.services.meeting_types import BOUNDS
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Values, Whole

LONGEST_ID = 40
KEY = r"^[a-z0-9][a-z0-9_-]{0,59}$"
ROLE = r"^[a-z][a-z0-9_]{0,39}$"
MOST_REMINDERS = 5
MOST_ROLES = 10

MeetingStatus = choice("MeetingStatus", Meeting.Status.values)
MeetingChannel = choice("MeetingChannel", ("email", "sms"))


class MeetingTypeDetail(serializers.ModelSerializer[MeetingType]):
    """A kind of meeting, and when there is time for it."""

    id = serializers.CharField(source="public_id")
    hours = serializers.DictField()
    closed_days = serializers.ListField(child=serializers.DateField())

    class Meta:
        model = MeetingType
        fields = (
            "id",
            "key",
            "title",
            "where",
            "note",
            "minutes",
            "every_minutes",
            "hours",
            "time_zone",
            "buffer_minutes",
            "notice_hours",
            "horizon_days",
            "blocks_weddings",
            "blocks_holidays",
            "closed_days",
            "is_active",
            "created_at",
        )


def _number(name: str, said: str) -> Whole:
    least, most = BOUNDS[name]
    return Whole(min_value=least, max_value=most, required=False, help_text=said)


class MeetingTypeFields(StrictSerializer):
    """What can be said about a kind of meeting."""

    where = Text(max_length=500, allow_blank=True, required=False, help_text="An address, a link, By phone.")
    note = Text(max_length=5000, allow_blank=True, required=False, help_text="Markdown, shown on the page.")
    minutes = _number("minutes", "How long it takes.")
    every_minutes = _number("every_minutes", "How far apart meetings begin; 0 is their own length.")
    hours = Values(
        required=False,
        help_text='{"mon": [["09:00", "12:00"]], …} on the clock of `time_zone`; "every" for all days.',
    )
    time_zone = Text(
        max_length=64, allow_blank=True, required=False, help_text="IANA name; empty is the vendor's."
    )
    buffer_minutes = _number("buffer_minutes", "Kept free after each.")
    notice_hours = _number("notice_hours", "Least time between booking and meeting.")
    horizon_days = _number("horizon_days", "How many days ahead can be booked.")
    blocks_weddings = Flag(required=False, help_text="No meetings on days of your weddings.")
    blocks_holidays = Flag(required=False, help_text="No meetings on holidays of your region.")
    closed_days = serializers.ListField(child=serializers.DateField(), max_length=1000, required=False)
    is_active = Flag(required=False)


class MeetingTypeInput(MeetingTypeFields):
    """A new kind of meeting; office hours unless others are given."""

    key = serializers.RegexField(KEY, help_text="What journeys call it.")
    title = Text(max_length=120)


class MeetingTypeChange(MeetingTypeFields):
    """What changes; the rest stays, and so do the meetings that are booked."""

    title = Text(max_length=120, required=False)


class TimesQuery(StrictSerializer):
    """Which days of the meeting's own zone."""

    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)


class Times(serializers.Serializer[Any]):
    """What can be booked now."""

    time_zone = serializers.CharField(help_text="The zone of its hours.")
    times = serializers.ListField(child=serializers.DateTimeField(), help_text="Starts, in order.")


class NoticeDetail(serializers.ModelSerializer[MeetingNotice]):
    """A letter about a meeting."""

    class Meta:
        model = MeetingNotice
        fields = ("kind", "role", "state", "due_at", "reason")


class MeetingDetail(serializers.ModelSerializer[Meeting]):
    """A meeting with the letters about it."""

    id = serializers.CharField(source="public_id")
    type_id = serializers.CharField(source="meeting_type.public_id")
    type_key = serializers.CharField(source="meeting_type.key")
    client_id = serializers.CharField(source="client.public_id")
    wedding_id = serializers.CharField(source="wedding.public_id", allow_null=True, default=None)
    status = MeetingStatus()
    roles = serializers.ListField(child=serializers.CharField())
    reminders = serializers.ListField(child=serializers.CharField())
    notices = NoticeDetail(many=True)

    class Meta:
        model = Meeting
        fields = (
            "id",
            "type_id",
            "type_key",
            "client_id",
            "wedding_id",
            "status",
            "title",
            "where",
            "starts_at",
            "ends_at",
            "time_zone",
            "anchor",
            "roles",
            "reminders",
            "message",
            "notices",
            "created_at",
            "changed_at",
        )


class MeetingQuery(StrictSerializer):
    """Which meetings."""

    status = MeetingStatus(required=False)
    client_id = Text(max_length=LONGEST_ID, required=False)
    starts_from = serializers.DateTimeField(required=False)
    starts_to = serializers.DateTimeField(required=False)


class MeetingMove(StrictSerializer):
    """The new time; `any_hour` passes over your own hours, notice and horizon, and never over another meeting."""

    starts_at = serializers.DateTimeField()
    any_hour = Flag(required=False, default=False)


class MeetingInput(MeetingMove):
    """A meeting that is booked for a client."""

    type_id = Text(max_length=LONGEST_ID)
    client_id = Text(max_length=LONGEST_ID)
    roles = serializers.ListField(
        child=serializers.RegexField(ROLE),
        max_length=MOST_ROLES,
        required=False,
        help_text="Who hears of it.",
    )
    reminders = serializers.ListField(
        child=Text(max_length=40), max_length=MOST_REMINDERS, required=False, help_text='["1d", "2h"]'
    )
    channel = MeetingChannel(required=False, help_text="By which way reminders go.")
    anchor = serializers.RegexField(
        rf"(?:^$)|(?:{ROLE})",
        required=False,
        allow_blank=True,
        help_text="Date of the wedding that follows it.",
    )
    time_zone = Text(
        max_length=64, allow_blank=True, required=False, help_text="Whose clock the couple reads."
    )
    message = Text(max_length=2000, allow_blank=True, required=False)
