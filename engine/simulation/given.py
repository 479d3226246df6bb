"""What a simulation is given: an invented couple, and what is taken for granted about the future."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.calendar import Offset, local_instant, zone_of
from journeys.language.errors import CalendarError, OffsetError

Ways = Literal["likely", "every", "chosen"]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(value: object) -> object:
    if isinstance(value, str) and value:
        try:
            zone_of(value)
        except CalendarError as error:
            raise PydanticCustomError("zone", "{reason}", {"reason": str(error)}) from None
    return value


def _offset(value: object) -> object:
    if isinstance(value, str):
        try:
            Offset.parse(value)
        except OffsetError as error:
            raise PydanticCustomError("offset", "{reason}", {"reason": str(error)}) from None
    return value


Zone = Annotated[str, BeforeValidator(_zone)]
OffsetText = Annotated[str, BeforeValidator(_offset)]


class InventedVendor(_Given):
    """A business that does not exist."""

    name: str = Field(default="Luz & Linho", min_length=1, max_length=200)
    kind: str = "photographer"
    region: str = "PT"
    time_zone: Zone = "Europe/Lisbon"
    sending_hours: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    email: str = "ola@luz.example.com"
    phone: str = "+351210000000"
    website: str = "https://luz.example.com"


class InventedAnchor(_Given):
    """Another date of the wedding; a date alone may be written for it."""

    date: dt.date
    time: dt.time | None = None
    zone: Zone = ""

    @model_validator(mode="before")
    @classmethod
    def _date_alone(cls, data: Any) -> Any:
        return {"date": data} if isinstance(data, str | dt.date) else data


class InventedWedding(_Given):
    """A wedding that does not exist; without a date, what hangs on it waits."""

    date: dt.date | None = None
    time: dt.time | None = None
    zone: Zone = "Europe/Lisbon"
    status: Literal["planned", "postponed", "cancelled"] = "planned"
    venue: str = "Quinta da Serra"
    city: str = "Sintra"
    region: str = "PT"
    guest_count: int | None = Field(default=80, ge=0)
    anchors: dict[str, InventedAnchor] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _zone_by_its_other_name(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "time_zone" in data and "zone" not in data:
            return {**{k: v for k, v in data.items() if k != "time_zone"}, "zone": data["time_zone"]}
        return data


class InventedPerson(_Given):
    """Somebody with a role at the wedding."""

    role: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    locale: str = ""
    email_allowed: bool = True
    sms_allowed: bool = True


class InventedClient(_Given):
    """What the vendor has written down about the couple."""

    display_name: str = "Ana & Tom"
    first_name: str = "Ana"
    last_name: str = "Reis"
    email: str = "ana@example.com"
    phone: str = "+351910000001"
    status: str = "booked"
    locale: str = "en"
    time_zone: Zone = ""
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = Field(default_factory=dict)


PARTNERS = (
    InventedPerson(
        role="partner_1", first_name="Ana", last_name="Reis", email="ana@example.com", phone="+351910000001"
    ),
    InventedPerson(role="partner_2", first_name="Tom", last_name="Hill", email="tom@example.com"),
)


class AssumedEvent(_Given):
    """Something that is taken to happen: at a moment, or so long after the start."""

    type: str = Field(min_length=1, max_length=64)
    topic: str = ""
    payload: dict[str, Any] = Field(default_factory=dict)
    at: dt.datetime | None = None
    after: OffsetText | None = None

    @model_validator(mode="after")
    def _at_or_after(self) -> AssumedEvent:
        if (self.at is None) == (self.after is None):
            raise PydanticCustomError("event", 'An event needs "at" or "after", and not both.')
        return self


class AssumedAnswer(_Given):
    """How one waiting step is taken to be answered."""

    #: Counted from when the wait begins.
    after: OffsetText = "0d"
    #: The port it is left by; "" is its first.
    port: str = ""
    #: What is heard, for steps that look at it: then the step itself decides.
    type: str = ""
    topic: str = ""
    payload: dict[str, Any] = Field(default_factory=dict)


class InventedCouple(_Given):
    """A couple that does not exist, and when its journey starts."""

    name: str = ""
    wedding: InventedWedding | None = Field(default_factory=InventedWedding)
    client: InventedClient = Field(default_factory=InventedClient)
    people: tuple[InventedPerson, ...] = PARTNERS
    vendor: InventedVendor | None = None
    #: The journey's variables.
    variables: dict[str, Any] = Field(default_factory=dict)
    #: What the starting event carried.
    trigger: dict[str, Any] = Field(default_factory=dict)
    #: Heard before the start.
    events: tuple[AssumedEvent, ...] = ()
    #: Without a zone: on the wedding's clock.
    started: dt.datetime | None = None

    def zone(self) -> str:
        """Return the zone that its times are written in."""
        if self.wedding is not None:
            return self.wedding.zone
        return self.vendor.time_zone if self.vendor else "UTC"


class Assumptions(_Given):
    """What is taken for granted about what nobody can know."""

    ways: Ways = "likely"
    #: Port by step; leads the step there whatever its condition says.
    chosen: dict[str, str] = Field(default_factory=dict)
    events: tuple[AssumedEvent, ...] = ()
    #: What waits hear that no event above answers: nothing, all of them at once, or each its own.
    answers: Literal["never", "at_once"] | dict[str, Literal["never", "at_once"] | AssumedAnswer] = "never"
    #: What asks for approval is approved at once, or nobody ever answers.
    approvals: Literal["given", "never"] = "given"
    #: Render what would be sent.
    texts: bool = True
    #: Nothing later is looked at; None: to the end.
    until: dt.datetime | None = None
    #: Ways followed with ways = "every".
    most_ways: int = Field(default=64, ge=1, le=500)

    def answer_of(self, node_id: str) -> AssumedAnswer | None:
        """Return how a waiting step is taken to be answered; None when it is not."""
        said = self.answers
        if isinstance(said, dict):
            said_here = said.get(node_id, "never")
            if isinstance(said_here, AssumedAnswer):
                return said_here
            return AssumedAnswer() if said_here == "at_once" else None
        return AssumedAnswer() if said == "at_once" else None


def aware(moment: dt.datetime, zone: str) -> dt.datetime:
    """Return a moment in UTC; one without a zone stands on this zone's clocks."""
    if moment.tzinfo is None:
        return local_instant(moment.date(), moment.time(), zone)
    return moment.astimezone(dt.UTC)
