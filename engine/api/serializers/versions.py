"""Publishing with a choice for those inside: what is asked, what would happen, what has happened."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from rest_framework import serializers

from engine.models import Changeover, ChangeoverEntry
from engine.services.publishing import Preview
from journeys.api.schema import choice
from journeys.api.serializers.journeys import VersionSummary
from journeys.api.strict import Flag, StrictSerializer

#: Instances that an answer names.
MOST_NAMED = 200

Inside = choice("Inside", Changeover.Inside.values)
EntryOutcome = choice("ChangeoverOutcome", ChangeoverEntry.Outcome.values)


class PublishInput(StrictSerializer):
    """What becomes of those inside, and whether to publish or only to look."""

    inside = Inside(
        default=Changeover.Inside.STAY.value,
        help_text="stay: they go on in the version they are in. move: they go on in the new one. only_new: they keep "
        "their version for good, until they are unpinned.",
    )
    dry_run = Flag(default=False, help_text="Publish nothing, and say who would stand where.")


class RepeatInput(PublishInput):
    """The same, for an older version."""

    replace_draft = Flag(default=False, help_text="Let the draft say what that version says, too.")


class MoveInput(StrictSerializer):
    """Whether to move those inside, or only to look."""

    dry_run = Flag(default=False, help_text="Move nobody, and say who would stand where.")


class SpotSummary(serializers.Serializer[Any]):
    """One step at which an instance stands."""

    node = serializers.CharField()
    name = serializers.CharField()
    before = serializers.DateTimeField(allow_null=True, help_text="When it is due now.")
    after = serializers.DateTimeField(allow_null=True, help_text="When it will be; null waits for a date.")


class JudgedSummary(serializers.Serializer[Any]):
    """Where one instance stands, where it will stand, or why it can not move."""

    instance_id = serializers.CharField(source="instance.public_id")
    client_id = serializers.CharField(source="instance.client.public_id")
    client_name = serializers.CharField(source="instance.client.display_name")
    from_version = serializers.IntegerField(source="instance.version.number")
    moves = serializers.BooleanField(source="can_move")
    code = serializers.CharField(allow_blank=True, help_text="step_gone, type_changed, split_changed, …")
    reason = serializers.CharField(allow_blank=True)
    places = SpotSummary(many=True)


class PreviewSummary(serializers.Serializer[Any]):
    """What moving those inside would come to."""

    total = serializers.IntegerField(help_text="Inside, not pinned, and not in that version yet.")
    pinned = serializers.IntegerField(help_text="Inside and pinned, so left alone.")
    looked_at = serializers.IntegerField(help_text="A large journey is looked at in part.")
    moves = serializers.IntegerField()
    stuck = serializers.IntegerField()
    instances = JudgedSummary(many=True, help_text="Those that can not move come first.")


def preview_values(preview: Preview) -> dict[str, Any]:
    """Write a preview for its serializer."""
    named = sorted(preview.judged, key=lambda one: one.stuck is None)[:MOST_NAMED]
    return {
        "total": preview.total,
        "pinned": preview.pinned,
        "looked_at": len(preview.judged),
        "moves": preview.movable,
        "stuck": len(preview.stuck),
        "instances": [
            {
                "instance": one.instance,
                "can_move": one.stuck is None,
                "code": one.stuck.code if one.stuck else "",
                "reason": one.stuck.reason if one.stuck else "",
                "places": one.places(),
            }
            for one in named
        ],
    }


class ChangeoverSummary(serializers.ModelSerializer[Changeover]):
    """One choice for those inside, and how far it was carried out."""

    id = serializers.CharField(source="public_id")
    inside = Inside()
    version = serializers.IntegerField(source="version.number")
    previous = serializers.IntegerField(source="previous.number", allow_null=True, default=None)
    counts = serializers.SerializerMethodField(
        help_text="How many moved, were pinned, were kept where they are, are busy, and after an undo: moved back, unpinned."
    )

    class Meta:
        model = Changeover
        fields = (
            "id",
            "publishes",
            "inside",
            "version",
            "previous",
            "made_at",
            "made_by",
            "finished_at",
            "undone_at",
            "undone_by",
            "undo_finished_at",
            "counts",
        )

    def get_counts(self, changeover: Changeover) -> dict[str, int]:
        """Give what `counted` has counted."""
        return {name: getattr(changeover, f"{name}_count") for name in _COUNTED}


_COUNTED = {
    **{name: Q(entries__outcome=name) for name in ChangeoverEntry.Outcome.values},
    "moved_back": Q(entries__undone="moved_back"),
    "unpinned": Q(entries__undone="unpinned"),
}


def counted(rows: QuerySet[Changeover]) -> QuerySet[Changeover]:
    """Let changeovers carry what their answer shows, in one query."""
    counts = {f"{name}_count": Count("entries", filter=which) for name, which in _COUNTED.items()}
    return rows.select_related("version", "previous", "journey", "vendor").annotate(**counts)


class EntrySummary(serializers.ModelSerializer[ChangeoverEntry]):
    """What became of one instance."""

    instance_id = serializers.CharField(source="instance.public_id")
    client_id = serializers.CharField(source="instance.client.public_id")
    from_version = serializers.IntegerField(source="source.number")
    outcome = EntryOutcome()
    places = SpotSummary(many=True)

    class Meta:
        model = ChangeoverEntry
        fields = (
            "instance_id",
            "client_id",
            "from_version",
            "outcome",
            "code",
            "reason",
            "places",
            "undone",
            "undo_code",
            "undo_reason",
        )


class Publishing(VersionSummary):
    """The version that is entered now; for a dry run, what publishing would do with those inside."""

    changeover = ChangeoverSummary(allow_null=True, help_text="The choice for those inside.")

    class Meta(VersionSummary.Meta):
        fields = (*VersionSummary.Meta.fields, "changeover")  # type: ignore[assignment]


class PublishAnswer(serializers.Serializer[Any]):
    """The version that is entered now, or what publishing would do."""

    id = serializers.CharField(
        required=False, help_text="The fields of the version; none of them in a dry run."
    )
    number = serializers.IntegerField(required=False)
    repeats = serializers.IntegerField(required=False, allow_null=True)
    trigger_type = serializers.CharField(required=False)
    digest = serializers.CharField(required=False)
    published_at = serializers.DateTimeField(required=False)
    published_by = serializers.CharField(required=False)
    changeover = ChangeoverSummary(required=False, allow_null=True)
    preview = PreviewSummary(required=False, help_text="Only in a dry run.")


class MoveAnswer(serializers.Serializer[Any]):
    """What was begun, or what moving would come to."""

    changeover = ChangeoverSummary(required=False)
    preview = PreviewSummary(required=False, help_text="Only in a dry run.")


class Unpinned(serializers.Serializer[Any]):
    """How many pins were taken out."""

    unpinned = serializers.IntegerField()


class PinAnswer(serializers.Serializer[Any]):
    """Whether an instance keeps its version."""

    id = serializers.CharField(source="public_id")
    version = serializers.IntegerField(source="version.number")
    pinned = serializers.BooleanField()
