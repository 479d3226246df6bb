"""Putting instances back to an earlier step, one or many; and the other deeds for many."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.api.serializers.running import (
    LONGEST_ID,
    LONGEST_REASON,
    ActionInput,
    BulkAnswer,
    InstanceStatus,
    ScheduleState,
)
from engine.models import RollBack
from engine.services.bulk import ACTIONS, MOST_AT_ONCE, ROLL_BACK
from engine.services.roll_back_outlook import Outlook
from engine.services.rolling_back import Wish
from engine.simulation.calendar import Happening
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text, Whole

InstanceAction = choice("InstanceAction", ACTIONS)
RollBackMessages = choice("RollBackMessages", RollBack.Messages.values)
RollBackDue = choice("RollBackDue", RollBack.Due.values)
LONGEST_NODE = 64


class RollBackWish(StrictSerializer):
    """To which step, and how."""

    node_id = Text(
        max_length=LONGEST_NODE, help_text="A step that was reached, outside of every split's branches."
    )
    messages = RollBackMessages(
        default=RollBack.Messages.KEEP.value,
        help_text="keep: who has got a message of a step does not get it again. send_again: everything anew.",
    )
    due = RollBackDue(
        default=RollBack.Due.BY_ITS_TIMING.value,
        help_text="now: the step is carried out at once. by_its_timing: when its own timing says so, from now on.",
    )


class RollBackInput(RollBackWish):
    """The same, and whether it is only looked at."""

    dry_run = Flag(default=False, help_text="True: tell what it comes to, and change nothing.")
    number = Whole(
        min_value=1,
        required=False,
        help_text="The number that the dry run gave: the roll back then happens once, however often it is asked for.",
    )
    reason = Text(max_length=LONGEST_REASON, allow_blank=True, default="")


def wish_of(data: dict[str, Any], *, reason: str) -> Wish:
    """Read what is wished for out of checked input."""
    return Wish(data["node_id"], data["messages"], data["due"], number=data.get("number"), reason=reason)


class TakenDetail(serializers.Serializer[Any]):
    """One place where the instance stood."""

    node_id = serializers.CharField()
    node_name = serializers.CharField(source="name")
    branch = serializers.CharField(allow_blank=True)
    state = ScheduleState()
    due_at = serializers.DateTimeField(allow_null=True)


class WentOutDetail(serializers.Serializer[Any]):
    """One message that was handed over before, or may have been."""

    message_id = serializers.CharField()
    node_id = serializers.CharField()
    node_name = serializers.CharField(source="name")
    recipient_role = serializers.CharField(source="role")
    channel = serializers.CharField()
    status = serializers.CharField(help_text="accepted; unknown, sending or in_doubt: it may have gone out.")
    at = serializers.DateTimeField()


class NextDetail(serializers.Serializer[Happening]):
    """One step that happens next, as things are now."""

    node_id = serializers.CharField()
    node_name = serializers.CharField(source="title")
    at = serializers.DateTimeField()
    status = serializers.CharField(help_text="As history will have it: succeeded, skipped, held, failed, …")
    reason = serializers.CharField(allow_blank=True)
    sends_to = serializers.SerializerMethodField(help_text="Roles of those who get a message then.")
    needs_person = serializers.BooleanField()

    def get_sends_to(self, happening: Happening) -> list[str]:
        """Name whom it writes to."""
        return [copy.role for copy in happening.copies if not copy.withheld]


class RollBackAnswer(serializers.Serializer[Outlook]):
    """What a roll back comes to."""

    dry_run = serializers.SerializerMethodField()
    id = serializers.SerializerMethodField(help_text="Null for a dry run.")
    number = serializers.IntegerField(source="row.number")
    instance_id = serializers.CharField(source="row.instance.public_id")
    status = InstanceStatus(help_text="How the instance stands afterwards.")
    node_id = serializers.CharField(source="row.node_id")
    visit = serializers.IntegerField(
        source="row.visit", help_text="The round that it begins; every place is a new one."
    )
    messages = RollBackMessages(source="row.messages")
    due = RollBackDue(source="row.due")
    taken_away = TakenDetail(source="taken", many=True)
    sent_before = WentOutDetail(
        source="sent",
        many=True,
        help_text="Messages behind the step that went out and can not be called back.",
    )
    not_undone = serializers.ListField(
        source="stays", child=serializers.CharField(), help_text="Sentences: what else stays as it is."
    )
    next = NextDetail(
        many=True, help_text="What happens next, as things are now; if it is paused, once it goes on."
    )
    warnings = serializers.ListField(child=serializers.CharField())

    def get_dry_run(self, outlook: Outlook) -> bool:
        """Tell whether nothing was changed."""
        del outlook
        return bool(self.context.get("dry_run"))

    def get_id(self, outlook: Outlook) -> str | None:
        """Give the row's id, which a dry run has taken back."""
        return None if self.context.get("dry_run") else outlook.row.public_id


class ChosenInput(StrictSerializer):
    """Which instances: all that fit everything that is said."""

    journey_id = Text(max_length=LONGEST_ID, required=False)
    status = InstanceStatus(required=False, help_text="Without it: those that are active or paused.")
    node_id = Text(max_length=LONGEST_NODE, required=False, help_text="A step where they stand now.")
    tag = Text(max_length=60, required=False, help_text="A tag of the client's.")
    after = Text(max_length=LONGEST_ID, required=False, help_text="`next` of the answer before.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a filter that says nothing: everybody is never meant by leaving something out."""
        if not set(attrs) - {"after"}:
            message = "Say which instances: a journey, a status, a step or a tag."
            raise serializers.ValidationError(message)
        return attrs


class InstancesBulkInput(ActionInput):
    """One action for many instances: those that are named, or the first that fit a filter."""

    action = InstanceAction()
    ids = serializers.ListField(
        child=Text(max_length=LONGEST_ID), min_length=1, max_length=MOST_AT_ONCE, required=False
    )
    filter = ChosenInput(required=False, help_text=f"The first {MOST_AT_ONCE} that fit, oldest first.")
    roll_back = RollBackWish(required=False, help_text="Only for roll_back, and needed there.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Want one way to choose, and a step where one is needed."""
        if ("ids" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError("Give either ids or a filter.")
        if ("roll_back" in attrs) != (attrs["action"] == ROLL_BACK):
            raise serializers.ValidationError("The action roll_back needs roll_back, the others have none.")
        return attrs


class InstancesBulkAnswer(BulkAnswer):
    """What became of each, in their order."""

    next = serializers.CharField(
        allow_null=True, help_text="More fit the filter: give this as filter.after. Null when nobody is left."
    )
