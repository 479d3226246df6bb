"""Publishing with a choice for those inside, moving them later, and taking either back."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.versions import (
    ChangeoverSummary,
    EntrySummary,
    MoveAnswer,
    MoveInput,
    PinAnswer,
    PreviewSummary,
    PublishAnswer,
    Publishing,
    PublishInput,
    RepeatInput,
    Unpinned,
    counted,
    preview_values,
)
from engine.definition_schema import definition_schema
from engine.models import Changeover, ChangeoverEntry, Instance
from engine.services import changeovers, publishing
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.api.views.journeys import TAG, OneJourney
from journeys.models import Journey

#: Batches that are carried out before the answer; the tick carries out the rest.
BATCHES_AT_ONCE = 5


class ChangingOver(OneJourney):
    """Carry out what was chosen, as far as an answer can wait for it."""

    def carried_on(self, changeover: Changeover | None) -> None:
        """Carry on outside of the transaction that made the choice; the tick does the rest."""
        if changeover is None:
            return

        def carry_on() -> None:
            changeovers.carry_on(changeover=changeover, now=self.now, batches=BATCHES_AT_ONCE)

        if connection.in_atomic_block:
            transaction.on_commit(carry_on, robust=True)
        else:
            carry_on()

    def previewed(self, journey: Journey, number: int | None) -> dict[str, Any]:
        """Say who would stand where."""
        found = publishing.preview(journey=journey, number=number, now=self.now)
        return dict(PreviewSummary(preview_values(found)).data)

    def published(self, found: publishing.Published) -> Response:
        """Answer with the version and the choice."""
        self.carried_on(found.changeover)
        version: Any = found.version
        version.changeover = self.as_it_stands(found.changeover) if found.changeover else None
        return self.write(version, Publishing)

    def as_it_stands(self, changeover: Changeover) -> Changeover:
        """Read a changeover anew, with its counts."""
        return counted(self.rows(Changeover)).get(pk=changeover.pk)


class JourneyPublishView(ChangingOver):
    """Publishing one journey."""

    @operation(
        "Publish a journey",
        tag=TAG,
        takes=PublishInput,
        answers=PublishAnswer,
        example={"inside": "move", "dry_run": True},
    )
    def post(self, request: Request, journey_id: str) -> Response:
        """Freeze the draft as the version that new couples enter; an unchanged draft makes no new version.

        `inside` says what becomes of those inside; with `dry_run` nothing is published, and the answer says for each
        where it stands, where it would stand and when that would be due, and who can not move and why. Many are moved
        in the background: read the changeover. 400 `definition_invalid` names every problem.
        """
        del request
        journey = self.journey(journey_id)
        data = self.read_body(PublishInput)
        if data["dry_run"]:
            return Response({"preview": self.previewed(journey, None)})
        return self.published(
            publishing.publish(journey=journey, choice=data["inside"], now=self.now, actor=self.actor)
        )


class VersionPublishView(ChangingOver):
    """Publishing an older version again."""

    @operation(
        "Publish an older version again",
        tag=TAG,
        takes=RepeatInput,
        answers=PublishAnswer,
        example={"inside": "stay", "replace_draft": True},
    )
    def post(self, request: Request, journey_id: str, number: int) -> Response:
        """Roll back: what that version says is published under a new number, which names it as `repeats`.

        The draft is kept, unless `replace_draft` says otherwise.
        """
        del request
        journey = self.journey(journey_id)
        data = self.read_body(RepeatInput)
        if data["dry_run"]:
            return Response({"preview": self.previewed(journey, number)})
        found = publishing.repeat(
            journey=journey,
            number=number,
            choice=data["inside"],
            replace_draft=data["replace_draft"],
            now=self.now,
            actor=self.actor,
        )
        return self.published(found)


class VersionMoveView(ChangingOver):
    """Moving those inside to a version."""

    @operation("Move those inside to a version", tag=TAG, takes=MoveInput, answers=MoveAnswer)
    def post(self, request: Request, journey_id: str, number: int) -> Response:
        """Let those inside go on in a version that was published before, each from the step where it stands.

        Pinned ones are left alone. What new couples enter stays as it is.
        """
        del request
        journey = self.journey(journey_id)
        if self.read_body(MoveInput)["dry_run"]:
            return Response({"preview": self.previewed(journey, number)})
        changeover = publishing.move_to(journey=journey, number=number, now=self.now, actor=self.actor)
        self.carried_on(changeover)
        return Response({"changeover": ChangeoverSummary(self.as_it_stands(changeover)).data})


class JourneyUnpinView(ChangingOver):
    """Taking the pins out."""

    @operation("Unpin everybody inside", tag=TAG, takes=None, answers=Unpinned)
    def post(self, request: Request, journey_id: str) -> Response:
        """Let those that were pinned to their version follow the next publishing that moves people."""
        del request
        journey = self.journey(journey_id)
        self.read_body(NoParameters)
        count = publishing.unpin_all(journey=journey, now=self.now, actor=self.actor)
        return self.write({"unpinned": count}, Unpinned)


class Changeovers(OneJourney):
    """All choices for those inside one journey."""

    @operation(
        "List the choices for those inside", tag=TAG, answers=ChangeoverSummary(many=True), query=NoParameters
    )
    def get(self, request: Request, journey_id: str) -> Response:
        """Newest first: what was published or moved to, what became of those inside, and whether it was undone."""
        del request
        self.read_query(NoParameters)
        rows = self.rows(Changeover).filter(journey=self.journey(journey_id))
        return self.page(counted(rows), ChangeoverSummary)


class OneChangeover(ChangingOver):
    """Find the choice that the address names."""

    def changeover(self, journey_id: str, changeover_id: str) -> Changeover:
        """Return the journey's changeover of this id."""
        rows = self.rows(Changeover).filter(journey=self.journey(journey_id))
        return self.one(counted(rows), changeover_id)


class ChangeoverView(OneChangeover):
    """One choice for those inside."""

    @operation("Read a choice for those inside", tag=TAG, answers=ChangeoverSummary)
    def get(self, request: Request, journey_id: str, changeover_id: str) -> Response:
        """With how many moved, were pinned or stayed; `finished_at` is empty while it is carried out."""
        del request
        return self.write(self.changeover(journey_id, changeover_id), ChangeoverSummary)


class ChangeoverEntries(OneChangeover):
    """What became of each instance."""

    @operation(
        "List what became of those inside", tag=TAG, answers=EntrySummary(many=True), query=NoParameters
    )
    def get(self, request: Request, journey_id: str, changeover_id: str) -> Response:
        """Newest first: who moved and when their steps are due, who could not and why."""
        del request
        self.read_query(NoParameters)
        rows = self.rows(ChangeoverEntry).filter(changeover=self.changeover(journey_id, changeover_id))
        return self.page(rows.select_related("instance__client", "source"), EntrySummary)


class ChangeoverUndo(OneChangeover):
    """Taking a choice back."""

    @operation("Undo a choice for those inside", tag=TAG, takes=None, answers=ChangeoverSummary)
    def post(self, request: Request, journey_id: str, changeover_id: str) -> Response:
        """Let new couples enter the version before, move back who still can, and take the pins out.

        409 `newer_publishing` when another version was published since: undo that first. Who can not move back is in
        the entries, with the reason.
        """
        del request
        changeover = self.changeover(journey_id, changeover_id)
        self.read_body(NoParameters)
        undone = publishing.undo(changeover=changeover, now=self.now, actor=self.actor)
        self.carried_on(undone)
        return self.write(self.as_it_stands(undone), ChangeoverSummary)


class _Pinning(VendorView):
    pinned: bool

    def _answer(self, instance_id: str) -> Response:
        instance = self.one(self.rows(Instance).select_related("version"), instance_id)
        self.read_body(NoParameters)
        found = publishing.instance_pin(instance=instance, pinned=self.pinned, now=self.now, actor=self.actor)
        return self.write(found, PinAnswer)


class InstancePin(_Pinning):
    """Pinning one instance."""

    pinned = True

    @operation("Pin an instance to its version", tag="Instances", takes=None, answers=PinAnswer)
    def post(self, request: Request, instance_id: str) -> Response:
        """Keep it in its version, whatever is published. A second time changes nothing."""
        del request
        return self._answer(instance_id)


class InstanceUnpin(_Pinning):
    """Unpinning one instance."""

    pinned = False

    @operation("Unpin an instance", tag="Instances", takes=None, answers=PinAnswer)
    def post(self, request: Request, instance_id: str) -> Response:
        """Let it follow the next publishing that moves people. A second time changes nothing."""
        del request
        return self._answer(instance_id)


class DefinitionSchema(VendorView):
    """The schema of a definition."""

    @operation(
        "Read the schema of a journey's definition", tag=TAG, answers=OpenApiTypes.OBJECT, query=NoParameters
    )
    def get(self, request: Request) -> Response:
        """Give the JSON Schema of a definition, with the settings of every step and trigger type of this system."""
        del request
        self.read_query(NoParameters)
        return Response(definition_schema())
