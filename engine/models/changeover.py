"""What a publishing does with those who are inside, and what became of each of them."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import PublicIdField
from journeys.models import Journey, Vendor, Version


class Changeover(models.Model):
    """One choice for the passages inside a journey: made once, carried out in batches, undone where possible.

    Who looks next: while `finished_at` is empty, the tick of changeovers, from `cursor` on; after `undone_at` was
    set, the same tick until `undo_finished_at` is set.
    """

    class Inside(models.TextChoices):
        #: Those inside go on in the version they are in; a later publishing may move them.
        STAY = "stay", "Stay where they are"
        #: Those inside go on in the new version, each from the step where it stands.
        MOVE = "move", "Move to the new version"
        #: Those inside keep their version for good, until somebody takes the pin out.
        ONLY_NEW = "only_new", "Only new ones enter it"

    public_id = PublicIdField(prefix="chg")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="changeovers")
    #: The version that was published, or moved to.
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="+")
    #: What new clients entered before; NULL when nothing was published before.
    previous = models.ForeignKey(Version, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: It made `version` the one that new clients enter; False for a move on its own.
    publishes = models.BooleanField()
    inside = models.CharField(max_length=10, choices=Inside.choices)
    #: Instances up to this number were inside when the choice was made.
    last = models.BigIntegerField(default=0)
    #: Instances up to this number have been decided.
    cursor = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=100)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.CharField(max_length=100, default="", blank=True)
    undo_finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["journey", "-id"], name="changeover_newest"),
            # Which are still to be carried out, or to be undone?
            models.Index(
                fields=["id"],
                name="changeover_open",
                condition=models.Q(finished_at__isnull=True)
                | models.Q(undone_at__isnull=False, undo_finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class ChangeoverEntry(models.Model):
    """What a changeover did with one instance."""

    class Outcome(models.TextChoices):
        MOVED = "moved", "Moved"
        PINNED = "pinned", "Pinned to its version"
        #: `code` and `reason` say why.
        KEPT = "kept", "Could not be moved"
        #: A step of it is being carried out; the tick tries again.
        BUSY = "busy", "Is being carried out"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    changeover = models.ForeignKey(Changeover, on_delete=models.CASCADE, related_name="entries")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="+")
    #: The version the instance was in before.
    source = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    code = models.CharField(max_length=40, default="", blank=True)
    reason = models.CharField(max_length=300, default="", blank=True)
    #: [{"node": …, "before": instant or null, "after": instant or null}].
    places = models.JSONField(default=list)
    #: After an undo: "moved_back", "unpinned", or "kept" with the reason in `undo_reason`; "" before.
    undone = models.CharField(max_length=12, default="", blank=True)
    undo_code = models.CharField(max_length=40, default="", blank=True)
    undo_reason = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["changeover", "instance"], name="changeover_entry_once"),
        ]
        indexes = [
            models.Index(fields=["changeover", "outcome", "id"], name="changeover_entries"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.outcome}"
