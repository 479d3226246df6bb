"""Where instances stand now: the work in hand, and nothing else."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from engine.models.instance import Instance
from journeys.models import Vendor


class Schedule(models.Model):
    """One place where an instance stands. The row is deleted when the place is left.

    Who looks next at each state: `waiting`, the dispatcher at `due_at`; `queued`, a worker, or the sweep at
    `lease_until`; `running`, its worker, or the sweep at `lease_until`; `parked`, whatever its reason names
    (a wedding that gets a date, a ticket that is worked).
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its time"
        QUEUED = "queued", "Rung for"
        RUNNING = "running", "Being carried out"
        PARKED = "parked", "Parked"

    #: No constraint in the database: a foreign key from hot rows would lock one vendor row over and over.
    vendor = models.ForeignKey(Vendor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    #: `schedule_place_once` begins with it, and is its index.
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="schedules")
    node_id = models.CharField(max_length=64)
    #: "" outside of splits; otherwise a frame for each split around it: "<split>@<visit>.<port>/…".
    branch = models.CharField(max_length=600, default="", blank=True)
    visit = models.PositiveIntegerField(default=1)
    #: How often each jump has sent the token back: {node: times}; NULL where none has.
    rounds = models.JSONField(null=True, blank=True)
    #: What wakes it before `due_at`: topics such as "event:form_submitted"; NULL when it waits for time alone.
    awaits = ArrayField(models.CharField(max_length=100), null=True, blank=True)
    #: {"since": when it began to wait for one of `awaits`, "timeout": what was meant by until when at most, or null};
    #: NULL when it does not wait for anything to happen.
    waiting = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    #: The engine's time at which it is to be carried out; NULL only while parked.
    due_at = models.DateTimeField(null=True, blank=True)
    #: What was meant (anchor, offset, wall-clock time, zone), from which due_at can be computed again.
    meant = models.JSONField(null=True, blank=True)
    #: Why it is put off or parked, as a sentence; "" when it simply waits for its time.
    reason = models.CharField(max_length=300, default="", blank=True)
    #: The step touches the outside world, so it travels alone.
    outside = models.BooleanField(default=False)
    #: Start of the wedding day (UTC), for the priority; follows the wedding when it moves.
    wedding_at = models.DateTimeField(null=True, blank=True)
    #: Grows with every hand-over; what carries an older one changes nothing.
    fence = models.BigIntegerField(default=0)
    #: Attempts that were begun at this place (transient failures are tried again).
    attempt = models.PositiveSmallIntegerField(default=0)
    #: Claims since the last result; a step that kills its workers is quarantined by this.
    claims = models.PositiveSmallIntegerField(default=0)
    queue = models.CharField(max_length=10, default="", blank=True)
    #: PostgreSQL's own time, not the engine's.
    lease_until = models.DateTimeField(null=True, blank=True)
    #: Number of the worker that carries it out; NULL when it has none, so that only its lease counts.
    claimed_by = models.IntegerField(null=True, blank=True)
    placed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "node_id", "branch", "visit"], name="schedule_place_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="parked") | models.Q(due_at__isnull=False), name="schedule_has_due"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["queued", "running"]) | models.Q(lease_until__isnull=False),
                name="schedule_has_lease",
            ),
        ]
        indexes = [
            # What is due next?
            models.Index(fields=["due_at", "id"], name="schedule_due", condition=models.Q(state="waiting")),
            # The same of what travels alone, and of instant steps: neither search passes by what is due of the other, and
            # where very many are due at one moment, none is read but those that are taken.
            models.Index(
                fields=["due_at", "id"],
                name="schedule_due_alone",
                condition=models.Q(state="waiting") & (models.Q(outside=True) | models.Q(claims__gt=0)),
            ),
            models.Index(
                fields=["due_at", "id"],
                name="schedule_due_steps",
                condition=models.Q(state="waiting", outside=False, claims__lte=0),
            ),
            # What is due for weddings that are near?
            models.Index(
                fields=["wedding_at", "due_at"], name="schedule_near", condition=models.Q(state="waiting")
            ),
            # Whose lease has ended?
            models.Index(
                fields=["lease_until"],
                name="schedule_leased",
                condition=models.Q(state__in=["queued", "running"]),
            ),
            # How much is rung for in each queue?
            models.Index(fields=["queue"], name="schedule_queued", condition=models.Q(state="queued")),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} at {self.node_id}"
