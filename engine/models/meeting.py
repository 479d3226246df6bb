"""Meetings: what kinds a vendor offers, which are booked, and the letters about them."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models

from engine.models.asking import Ask
from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models import Client, Vendor, Wedding


class MeetingType(models.Model):
    """One kind of meeting that a vendor offers, and when there is time for it."""

    public_id = PublicIdField(prefix="mtt")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="meeting_types")
    #: What journeys call it.
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    #: Where, or how: an address, "By phone", a link to a video call.
    where = models.CharField(max_length=500, default="", blank=True)
    note = models.TextField(default="", blank=True)
    minutes = models.PositiveSmallIntegerField(default=30)
    #: Meetings begin so many minutes apart; 0 is the meeting's own length.
    every_minutes = models.PositiveSmallIntegerField(default=0)
    #: {"mon": [["09:00", "12:00"]], …} on the clock of `time_zone`, as sending hours are written.
    hours = models.JSONField()
    #: IANA name; "" is the vendor's zone.
    time_zone = models.CharField(max_length=64, default="", blank=True)
    buffer_minutes = models.PositiveSmallIntegerField(default=15)
    notice_hours = models.PositiveSmallIntegerField(default=24)
    horizon_days = models.PositiveSmallIntegerField(default=60)
    #: No meetings on the day of a wedding of this vendor, where that wedding is.
    blocks_weddings = models.BooleanField(default=True)
    #: No meetings on holidays of the vendor's region.
    blocks_holidays = models.BooleanField(default=False)
    #: ["2027-08-14", …]: days of `time_zone` without meetings.
    closed_days = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "key"], name="meeting_type_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def zone(self) -> str:
        """The zone whose clock its hours are on."""
        return self.time_zone or self.vendor.time_zone


class Meeting(models.Model):
    """An appointment of a couple with the vendor.

    The database lets no two booked meetings of a vendor take the same time. A booked one whose end has passed was
    held, unless somebody says that it was missed; nobody has to look at it for that.
    """

    class Status(models.TextChoices):
        BOOKED = "booked", "Booked"
        CANCELLED = "cancelled", "Cancelled"
        #: Booked, and the couple did not come.
        MISSED = "missed", "Missed"

    public_id = PublicIdField(prefix="mtg")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="meetings")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="meetings")
    wedding = models.ForeignKey(
        Wedding, on_delete=models.CASCADE, null=True, blank=True, related_name="meetings"
    )
    meeting_type = models.ForeignKey(MeetingType, on_delete=models.RESTRICT, related_name="meetings")
    #: The step that asked for it; NULL for one that was made by hand.
    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, null=True, blank=True, related_name="meetings")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BOOKED)
    title = models.CharField(max_length=120)
    where = models.CharField(max_length=500, default="", blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    #: What was agreed on, "2027-06-01T15:00 Europe/Lisbon", from which `starts_at` is computed again when a zone's
    #: rules change; "" for the second showing of an hour that the clocks show twice.
    meant = models.CharField(max_length=90, default="", blank=True)
    #: From its start to the end of the pause after it.
    blocks = DateTimeRangeField()
    #: Grows with every change that a calendar must hear of.
    sequence = models.PositiveIntegerField(default=0)
    #: Roles that hear of it, beside the vendor.
    roles = models.JSONField(default=list)
    #: Offsets before its start: ["1d", "2h"].
    reminders = models.JSONField(default=list, blank=True)
    #: By which channel reminders go: "email" or "sms".
    channel = models.CharField(max_length=10, default="email")
    #: Date of the wedding that follows this meeting; "" for none.
    anchor = models.CharField(max_length=40, default="", blank=True)
    #: The zone in which the couple reads its time.
    time_zone = models.CharField(max_length=64)
    #: What the couple wrote when they booked.
    message = EncryptedTextField(default="", blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="meeting_one_at_a_time",
                expressions=[("vendor", RangeOperators.EQUAL), ("blocks", RangeOperators.OVERLAPS)],
                condition=models.Q(status="booked"),
            ),
            models.UniqueConstraint(
                fields=["ask"], name="meeting_one_of_ask", condition=models.Q(status="booked")
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="meeting_has_length"
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "starts_at"], name="meeting_by_start"),
            models.Index(fields=["client", "-id"], name="meeting_of_client"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def uid(self) -> str:
        """What calendars know it by, for its whole life."""
        return f"{self.public_id}@journeys"


class MeetingNotice(models.Model):
    """One letter about a meeting to one person: an outbox, so that it goes out whoever changed the meeting.

    Who looks next at each state: `waiting`, the tick at `due_at`; `queued` and `sending`, their worker, or the tick
    at `lease_until`. The others are final.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation", "Invitation"
        MOVED = "moved", "Moved"
        CANCELLATION = "cancellation", "Cancellation"
        REMINDER = "reminder", "Reminder"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its time"
        QUEUED = "queued", "Rung for"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        #: Overtaken by a change of the meeting.
        DROPPED = "dropped", "No longer needed"
        FAILED = "failed", "Could not be sent"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    #: The state of the meeting that it tells about.
    sequence = models.PositiveIntegerField()
    role = models.CharField(max_length=40)
    #: Only of a reminder: how long before the start.
    offset = models.CharField(max_length=40, default="", blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    #: The engine's time.
    due_at = models.DateTimeField()
    attempt = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    #: PostgreSQL's own time.
    lease_until = models.DateTimeField(null=True, blank=True)
    #: Why it waits, failed or was dropped, as a sentence without personal data.
    reason = models.CharField(max_length=300, default="", blank=True)
    #: Public id of its row in the ledger of messages.
    message_ref = models.CharField(max_length=32, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["meeting", "sequence", "kind", "role", "offset"], name="notice_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["queued", "sending"]) | models.Q(lease_until__isnull=False),
                name="notice_has_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="notice_due", condition=models.Q(state="waiting")),
            models.Index(
                fields=["lease_until"],
                name="notice_leased",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.meeting_id}"
