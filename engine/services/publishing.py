"""Publish a version with a choice for those inside, look at what that would do, and take it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from engine.graphs import graph_of
from engine.models import Changeover, Instance
from engine.services.changeovers import inside, set_pin
from engine.services.claims import lock_instances
from engine.services.landing import Judged, judge
from journeys import validation
from journeys.errors import Conflict
from journeys.language.graph import Graph
from journeys.models import Journey, Version
from journeys.services import audit
from journeys.services.journeys import journey_publish
from journeys.services.versions import version_of, version_repeat, version_withdraw

Inside = Changeover.Inside

#: Instances that a preview looks at; a larger journey is judged whole only when it is carried out.
MOST_PREVIEWED = 1_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What moving those inside would come to."""

    #: Live instances that are not pinned and not in that version yet.
    total: int
    #: Live instances that are pinned and so left alone.
    pinned: int
    #: Those that were looked at: `MOST_PREVIEWED` at most, the longest inside first.
    judged: tuple[Judged, ...]

    @property
    def stuck(self) -> tuple[Judged, ...]:
        """Return those that can not move."""
        return tuple(one for one in self.judged if one.stuck is not None)

    @property
    def movable(self) -> int:
        """Return how many can move."""
        return len(self.judged) - len(self.stuck)


def preview(*, journey: Journey, number: int | None = None, now: datetime) -> Preview:
    """Say where everybody inside would stand in a version, or in the draft (None); nothing is changed.

    Raises:
        DefinitionInvalid: the draft has problems; all of them are named.
        NotFound: there is no version of this number.
    """
    target: Graph
    version: Version | None = None
    if number is None:
        target = validation.graph_of(journey.draft)
        current = journey.current_version
        version = current if current is not None and current.digest == target.digest else None
    else:
        version = version_of(journey, number)
        target = graph_of(version.id)
    rows = inside(journey, other_than=version)
    free = rows.filter(pinned=False)
    judged = judge(list(free[:MOST_PREVIEWED]), target=target, now=now)
    return Preview(
        total=free.count(),
        pinned=Instance.objects.filter(journey=journey, status__in=Instance.LIVE, pinned=True).count(),
        judged=tuple(judged),
    )


@dataclass(frozen=True, slots=True)
class Published:
    """What a publishing made."""

    version: Version
    #: The choice for those inside; the one made before where the draft said nothing new, if there was one.
    changeover: Changeover | None


def publish(*, journey: Journey, choice: str = Inside.STAY, now: datetime, actor: str) -> Published:
    """Publish the draft and write down what is to become of those inside, in one transaction.

    Nobody is moved yet: `carry_on` does that, in transactions of its own. A draft that says nothing new publishes
    nothing, and the choice is carried out with the current version.

    Raises:
        DefinitionInvalid: the draft has problems; all of them are named.
        Conflict: code `archived`.
    """
    with transaction.atomic():
        previous = _current(journey)
        version = journey_publish(journey=journey, now=now, actor=actor)
        return _published(journey, version, previous, choice=choice, now=now, actor=actor)


def repeat(
    *,
    journey: Journey,
    number: int,
    choice: str = Inside.STAY,
    replace_draft: bool = False,
    now: datetime,
    actor: str,
) -> Published:
    """Publish an older version again, under a new number; otherwise like `publish`.

    Raises:
        NotFound: there is no version of this number.
        DefinitionInvalid: the step types of today do not take it any more; all problems are named.
        Conflict: code `archived`.
    """
    with transaction.atomic():
        previous = _current(journey)
        version = version_repeat(
            journey=journey, number=number, replace_draft=replace_draft, now=now, actor=actor
        )
        return _published(journey, version, previous, choice=choice, now=now, actor=actor)


def _published(
    journey: Journey, version: Version, previous: Version | None, *, choice: str, now: datetime, actor: str
) -> Published:
    if previous is not None and previous.pk == version.pk and choice == Inside.STAY:
        made = Changeover.objects.select_related("version", "previous").filter(
            journey=journey, version=version, publishes=True, undone_at=None
        )
        return Published(version, made.order_by("-id").first())
    return Published(version, _begin(journey, version, previous, choice=choice, now=now, actor=actor))


def move_to(*, journey: Journey, number: int, now: datetime, actor: str) -> Changeover:
    """Write down that those inside are to move to a version that was published before; `carry_on` moves them.

    Raises:
        NotFound: there is no version of this number.
    """
    with transaction.atomic():
        version = version_of(journey, number)
        return _begin(journey, version, version, choice=Inside.MOVE, now=now, actor=actor)


def _current(journey: Journey) -> Version | None:
    """Lock the journey, and give the version that new clients enter."""
    journey.refresh_from_db(from_queryset=Journey.objects.select_for_update())
    return journey.current_version


def _begin(
    journey: Journey, version: Version, previous: Version | None, *, choice: str, now: datetime, actor: str
) -> Changeover:
    newest = Instance.objects.filter(journey=journey).aggregate(last=Max("id"))["last"] or 0
    changeover = Changeover.objects.create(
        vendor_id=journey.vendor_id,
        journey=journey,
        version=version,
        previous=previous,
        publishes=previous is None or previous.pk != version.pk,
        inside=choice,
        last=newest,
        made_at=now,
        made_by=actor[:100],
        finished_at=now if choice == Inside.STAY else None,
    )
    audit.record(
        journey.vendor, actor, "journey.inside_chosen", journey, now, inside=choice, number=version.number
    )
    return changeover


def undo(*, changeover: Changeover, now: datetime, actor: str) -> Changeover:
    """Take a choice back: the version before is entered again, those who moved are to move back, pins come out.

    In one transaction; `carry_on` then moves those who still stand on common ground and says who can not. Clients who
    entered the version in the meantime stay in it. A second call changes nothing.

    Raises:
        Conflict: another version was published since (`newer_publishing`), or the journey is archived (`archived`).
    """
    with transaction.atomic():
        if changeover.publishes:
            version_withdraw(
                journey=changeover.journey,
                version=changeover.version,
                previous=changeover.previous,
                now=now,
                actor=actor,
            )
        locked = Changeover.objects.select_for_update().get(pk=changeover.pk)
        if locked.undone_at is not None:
            return locked
        locked.undone_at, locked.undone_by = now, actor[:100]
        locked.finished_at = locked.finished_at or now
        if locked.inside == Inside.STAY:
            locked.undo_finished_at = now
        locked.save(update_fields=["undone_at", "undone_by", "finished_at", "undo_finished_at"])
        audit.record(
            locked.vendor, actor, "journey.inside_undone", locked.journey, now, changeover=locked.public_id
        )
    return locked


def instance_pin(*, instance: Instance, pinned: bool, now: datetime, actor: str) -> Instance:
    """Keep an instance in its version whatever is published, or let it follow again. Twice changes nothing.

    Raises:
        Conflict: it has ended (`ended`).
    """
    with transaction.atomic():
        lock_instances([instance.id])
        instance = Instance.objects.select_related("vendor").get(id=instance.id)
        if instance.status not in Instance.LIVE:
            raise Conflict("This journey has ended for the client already.", code="ended")
        if instance.pinned != pinned:
            set_pin(instance, pinned=pinned, now=now, actor=actor)
    return instance


def unpin_all(*, journey: Journey, now: datetime, actor: str) -> int:
    """Take every pin out of a journey's live instances; return how many had one."""
    with transaction.atomic():
        rows = Instance.objects.filter(journey=journey, status__in=Instance.LIVE, pinned=True)
        lock_instances(list(rows.values_list("id", flat=True)))
        found = list(rows.select_related("vendor").order_by("id"))
        for instance in found:
            set_pin(instance, pinned=False, now=now, actor=actor)
    return len(found)
