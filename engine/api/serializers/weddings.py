"""Changes of a wedding's dates, and what they do."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from engine.models import WeddingMove
from journeys.api.schema import choice
from journeys.api.serializers.clients import WeddingDetail, WeddingStatus
from journeys.api.strict import Flag, StrictSerializer, Text
from journeys.models import Wedding

#: "<instance>:<step>".
LONGEST_REF = 120

LateChoice = choice("LateChoice", ("send", "skip", "ask", "rule"))
LateRuleName = choice("LateRuleName", ("send", "skip", "ask", "within"))
StepEffect = choice("StepEffect", ("moves", "parks", "unparks"))
StepFate = choice("StepFate", ("send", "skip", "ask"))
DoneState = choice("DoneState", ("sent", "skipped", "under_way"))
TriggerEffect = choice("TriggerEffect", ("starts", "missed", "started_already", "waits"))
MoveKind = choice("MoveKind", WeddingMove.Kind.values)


class DryRun(StrictSerializer):
    """Whether it is only looked at."""

    dry_run = Flag(default=False, help_text="Tell what it would do, and change nothing.")


class DryRunQuery(StrictSerializer):
    """The same, in the address."""

    dry_run = serializers.BooleanField(default=False)


class WithChoices(DryRun):
    """What is done with steps that are past at the new date."""

    choices = serializers.DictField(
        child=LateChoice(),
        required=False,
        help_text='By `ref` of the step, or "all": send, skip, ask, or its own late rule (rule).',
    )


class RescheduleInput(WithChoices):
    """The wedding's new date; null means postponed without one. What is left out stays as it is."""

    date = serializers.DateField(allow_null=True)
    time = serializers.TimeField(allow_null=True, required=False)
    time_zone = Text(max_length=64, required=False)


class AnchorInput(WithChoices):
    """One of the wedding's other dates."""

    date = serializers.DateField()
    time = serializers.TimeField(allow_null=True, required=False)
    time_zone = Text(
        max_length=64, required=False, allow_blank=True, help_text="Empty: the wedding's own zone."
    )


class UndoInput(DryRun):
    """Which change is taken back; the newest where none is named."""

    move_id = Text(max_length=40, required=False)


class AnchorDetail(serializers.Serializer[Any]):
    """A date that steps can hang on."""

    name = serializers.CharField()
    date = serializers.DateField()
    time = serializers.TimeField(allow_null=True)
    time_zone = serializers.CharField()
    derived = serializers.BooleanField(help_text="It follows from another date, by the vendor's settings.")


class AnchorsAnswer(serializers.Serializer[Any]):
    """All dates of a wedding, the day itself included, in the order of the calendar."""

    anchors = AnchorDetail(many=True)


class DatesState(serializers.Serializer[Any]):
    """How a wedding's day stood."""

    status = WeddingStatus()
    date = serializers.DateField(allow_null=True)
    time = serializers.TimeField(allow_null=True)
    time_zone = serializers.CharField()


class StepMoveDetail(serializers.Serializer[Any]):
    """A step that stands at another moment than before."""

    ref = serializers.CharField(help_text="What `choices` names it by.")
    instance = serializers.CharField()
    journey = serializers.CharField()
    node_id = serializers.CharField()
    name = serializers.CharField()
    node_type = serializers.CharField()
    reached = serializers.BooleanField(
        help_text="The couple stand at it now; otherwise they will come to it."
    )
    effect = StepEffect()
    before = serializers.DateTimeField(allow_null=True)
    after = serializers.DateTimeField(allow_null=True, help_text="null: it waits for a date.")
    anchor = serializers.CharField(allow_blank=True, help_text="The date it hangs on.")
    offset = serializers.CharField(allow_blank=True)
    past = serializers.BooleanField(help_text="Its new moment has come already.")
    rule = LateRuleName(allow_blank=True, help_text="Its late rule.")
    hours = serializers.IntegerField(allow_null=True)
    choice = LateChoice()
    will = StepFate(allow_blank=True, help_text="What becomes of it when it is past.")
    sentence = serializers.CharField()


class CopyDetail(serializers.Serializer[Any]):
    """One message that went to one person."""

    role = serializers.CharField()
    channel = serializers.CharField()
    delivery = serializers.CharField(allow_blank=True)


class DoneStepDetail(serializers.Serializer[Any]):
    """A step that no change of dates takes back."""

    instance = serializers.CharField()
    journey = serializers.CharField()
    node_id = serializers.CharField()
    name = serializers.CharField()
    at = serializers.DateTimeField()
    state = DoneState()
    anchor = serializers.CharField(allow_blank=True)
    people = CopyDetail(many=True)


class TriggerMoveDetail(serializers.Serializer[Any]):
    """A journey that starts by a date which has changed."""

    journey = serializers.CharField()
    name = serializers.CharField()
    before = serializers.DateTimeField(allow_null=True)
    after = serializers.DateTimeField(allow_null=True)
    effect = TriggerEffect()
    sentence = serializers.CharField()


class PassageChangeDetail(serializers.Serializer[Any]):
    """A passage that begins or ends with the change."""

    journey = serializers.CharField()
    name = serializers.CharField()
    instance = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class MoveReportDetail(serializers.Serializer[Any]):
    """Everything that a change of dates does."""

    before = DatesState()
    after = DatesState()
    steps = StepMoveDetail(many=True)
    sent = DoneStepDetail(many=True, help_text="What went out already.")
    under_way = DoneStepDetail(many=True, help_text="What may go out before the change reaches it.")
    triggers = TriggerMoveDetail(many=True)
    started = PassageChangeDetail(many=True)
    ended = PassageChangeDetail(many=True)
    stays_done = DoneStepDetail(many=True, help_text="For an undo: what was done since, and stays so.")


class RescheduleAnswer(WeddingDetail):
    """The wedding as it stands then, and what the change does."""

    dry_run = serializers.SerializerMethodField()
    move_id = serializers.SerializerMethodField(help_text="null: nothing was changed.")
    change = serializers.SerializerMethodField()

    class Meta(WeddingDetail.Meta):
        fields = (*WeddingDetail.Meta.fields, "dry_run", "move_id", "change")  # type: ignore[assignment]

    def get_anchors(self, wedding: Wedding) -> dict[str, str]:
        """Give the dates by name, as they stand then."""
        del wedding
        return {
            name: one.date.isoformat() for name, one in sorted(self.context["report"].after.anchors.items())
        }

    def get_dry_run(self, wedding: Wedding) -> bool:
        """Tell whether it was only looked at."""
        del wedding
        return bool(self.context["dry_run"])

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_move_id(self, wedding: Wedding) -> str | None:
        """Name the change, for taking it back."""
        del wedding
        move = self.context["move"]
        return move.public_id if move is not None else None

    @extend_schema_field(MoveReportDetail)
    def get_change(self, wedding: Wedding) -> Any:
        """Tell what moved."""
        del wedding
        return MoveReportDetail(self.context["report"]).data


class MoveDetail(serializers.ModelSerializer[WeddingMove]):
    """One change of a wedding's dates."""

    id = serializers.CharField(source="public_id")
    kind = MoveKind()
    before = DatesState()
    after = DatesState()
    steps = serializers.ListField(child=serializers.DictField())
    choices = serializers.DictField(child=serializers.CharField())
    undoes_id = serializers.CharField(source="undoes.public_id", allow_null=True, default=None)

    class Meta:
        model = WeddingMove
        fields = (
            "id",
            "kind",
            "before",
            "after",
            "steps",
            "choices",
            "made_at",
            "made_by",
            "undoes_id",
            "undone_at",
        )
