"""Clients, weddings and tasks."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Values, Whole
from journeys.models import Client, Stakeholder, Task, Wedding

LONGEST_TEXT = 200
LONGEST_STATUS = 40
LONGEST_TAG = 60
MOST_GUESTS = 100_000
MOST_PEOPLE = 50
#: Roles and names of dates.
WORD = r"^[a-z][a-z0-9_]{0,39}$"

WeddingStatus = choice("WeddingStatus", Wedding.Status.values)
PreferredChannel = choice("PreferredChannel", ("", "email", "sms"))


class QuietHoursField(serializers.ListField):
    """Take the two times between which somebody is left alone; [] is never, null is what the vendor says."""

    child = Text(max_length=5)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", '["21:00", "08:00"]; [] is never, null is as the vendor says.')
        super().__init__(max_length=2, **kwargs)


class StakeholderDetail(serializers.ModelSerializer[Stakeholder]):
    """A person with a role at a wedding."""

    id = serializers.CharField(source="public_id")
    quiet_hours = QuietHoursField(allow_null=True)

    class Meta:
        model = Stakeholder
        fields = (
            "id",
            "role",
            "first_name",
            "last_name",
            "email",
            "phone",
            "locale",
            "email_allowed",
            "sms_allowed",
            "channel",
            "quiet_hours",
        )


class WeddingDetail(serializers.ModelSerializer[Wedding]):
    """A wedding with its people and its other dates."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    status = WeddingStatus()
    anchors = serializers.SerializerMethodField(help_text="Its other dates, by name.")
    stakeholders = StakeholderDetail(many=True)

    class Meta:
        model = Wedding
        fields = (
            "id",
            "client_id",
            "status",
            "date",
            "time",
            "time_zone",
            "venue",
            "city",
            "region",
            "guest_count",
            "anchors",
            "stakeholders",
            "created_at",
        )

    def get_anchors(self, wedding: Wedding) -> dict[str, str]:
        """Give the dates by name."""
        return {anchor.name: anchor.date.isoformat() for anchor in wedding.anchors.all()}


class ClientDetail(serializers.ModelSerializer[Client]):
    """A client with their weddings."""

    id = serializers.CharField(source="public_id")
    tags = serializers.SerializerMethodField()
    quiet_hours = QuietHoursField(allow_null=True)
    weddings = WeddingDetail(many=True)
    fields = serializers.DictField(allow_null=True)  # type: ignore[assignment]

    class Meta:
        model = Client
        fields = (
            "id",
            "display_name",
            "first_name",
            "last_name",
            "email",
            "phone",
            "status",
            "locale",
            "time_zone",
            "quiet_hours",
            "approve_all",
            "tags",
            "fields",
            "external_ref",
            "weddings",
            "created_at",
        )

    def get_tags(self, client: Client) -> list[str]:
        """Give the tags in the order of the alphabet."""
        return sorted(tag.name for tag in client.tags.all())


class PersonInput(StrictSerializer):
    """A person's name and contact."""

    first_name = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    last_name = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    email = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    phone = Text(max_length=LONGEST_STATUS, allow_blank=True, required=False)
    locale = Text(max_length=20, allow_blank=True, required=False)
    email_allowed = Flag(required=False)
    sms_allowed = Flag(required=False)
    channel = PreferredChannel(required=False, help_text="How they would rather be written to.")
    quiet_hours = QuietHoursField(required=False, allow_null=True)


class StakeholderInput(PersonInput):
    """A person with a role at the wedding."""

    role = serializers.RegexField(WORD, help_text="planner, venue, florist, … in lower case.")


class WeddingInput(StrictSerializer):
    """A client's wedding; without a date nothing that hangs on it is sent."""

    date = serializers.DateField(allow_null=True, required=False)
    time = serializers.TimeField(allow_null=True, required=False)
    time_zone = Text(max_length=64, required=False, help_text="IANA name of the zone where the wedding is.")
    venue = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    city = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    region = Text(max_length=10, allow_blank=True, required=False)
    guest_count = Whole(min_value=0, max_value=MOST_GUESTS, allow_null=True, required=False)
    anchors = serializers.DictField(
        child=serializers.DateField(), required=False, help_text="Its other dates, by name."
    )


class ClientInput(StrictSerializer):
    """What is said about a client, apart from how they are called."""

    first_name = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    last_name = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    email = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    phone = Text(max_length=LONGEST_STATUS, allow_blank=True, required=False)
    status = Text(
        max_length=LONGEST_STATUS, required=False, help_text="lead, booked, done, or a word of your own."
    )
    locale = Text(max_length=20, required=False)
    time_zone = Text(max_length=64, allow_blank=True, required=False)
    quiet_hours = QuietHoursField(required=False, allow_null=True)
    approve_all = Flag(required=False, help_text="Every message to them waits for a person's yes.")
    tags = serializers.ListField(child=Text(max_length=LONGEST_TAG), max_length=MOST_PEOPLE, required=False)
    fields = Values(required=False)  # type: ignore[assignment]


class ClientCreate(ClientInput):
    """A new client with their wedding and its people; without `display_name` it becomes "Ana & Tom"."""

    display_name = Text(max_length=LONGEST_TEXT, required=False, help_text="How the couple is addressed.")
    external_ref = Text(
        max_length=100, allow_null=True, required=False, help_text="Their key in your own system."
    )
    booked_on = serializers.DateField(required=False, help_text="The anchor `booking` of their wedding.")
    wedding = WeddingInput(required=False)
    partners = serializers.ListField(child=PersonInput(), required=False, max_length=2)
    stakeholders = serializers.ListField(child=StakeholderInput(), required=False, max_length=MOST_PEOPLE)

    def validate_stakeholders(self, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse two people in one role, and partners outside of `partners`."""
        roles = [person["role"] for person in people]
        if len(set(roles)) < len(roles) or {"partner_1", "partner_2"} & set(roles):
            raise serializers.ValidationError("Each role stands once; the couple belong in `partners`.")
        return people


class ClientChange(ClientInput):
    """What changes; the rest stays.

    `tags` replace the old ones whole; `fields` are laid over the old ones, and one of null is taken away.
    """

    display_name = Text(max_length=LONGEST_TEXT, required=False)


class ClientQuery(StrictSerializer):
    """Which clients."""

    status = Text(max_length=LONGEST_STATUS, required=False)
    tag = Text(max_length=LONGEST_TAG, required=False)
    email = Text(max_length=LONGEST_TEXT, required=False, help_text="Exactly this address.")
    external_ref = Text(max_length=100, required=False)


class WeddingQuery(StrictSerializer):
    """Which weddings."""

    status = WeddingStatus(required=False)
    client_id = Text(max_length=40, required=False)
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)


class WeddingChange(StrictSerializer):
    """What changes, apart from the day itself; `anchors` are laid over the old ones, one of null is taken away."""

    venue = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    city = Text(max_length=LONGEST_TEXT, allow_blank=True, required=False)
    region = Text(max_length=10, allow_blank=True, required=False)
    guest_count = Whole(min_value=0, max_value=MOST_GUESTS, required=False)
    anchors = serializers.DictField(child=serializers.DateField(allow_null=True), required=False)
    stakeholders = serializers.ListField(
        child=StakeholderInput(),
        required=False,
        max_length=MOST_PEOPLE,
        help_text="Each takes the place of who had the role.",
    )


class TaskDetail(serializers.ModelSerializer[Task]):
    """Something the vendor has to do by hand."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")

    class Meta:
        model = Task
        fields = (
            "id",
            "client_id",
            "title",
            "note",
            "due_on",
            "choices",
            "choice",
            "done_at",
            "created_at",
        )


class TaskDone(StrictSerializer):
    """How the task came out; needed where the task has choices, and only there."""

    choice = Text(max_length=40, required=False, default="")


class TaskQuery(StrictSerializer):
    """Which tasks."""

    open = serializers.BooleanField(required=False, allow_null=True, default=None)
    client_id = Text(max_length=40, required=False)
