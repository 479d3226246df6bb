"""What of a wedding decides when steps are due: as it stands, as it stood, and as a calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from journeys.language.anchors import DerivedAnchor, read_derived, with_derived
from journeys.language.calendar import AnchorMoment, BusinessCalendar, Calendar, SendingHours
from journeys.language.errors import CalendarError
from journeys.models import Vendor, Wedding

#: Where a vendor's settings say which dates follow from others.
DERIVED = "derived_anchors"


@dataclass(frozen=True, slots=True)
class OwnDate:
    """One of a wedding's other dates, as it was written down."""

    date: dt.date
    time: dt.time | None = None
    #: "" means the wedding's zone.
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class WeddingState:
    """Everything about a wedding that steps hang on, at one moment."""

    status: str
    date: dt.date | None
    #: Local time of the ceremony.
    time: dt.time | None
    time_zone: str
    anchors: Mapping[str, OwnDate] = field(default_factory=dict)

    @property
    def is_cancelled(self) -> bool:
        """Tell whether it will not take place."""
        return self.status == Wedding.Status.CANCELLED

    def as_json(self) -> dict[str, Any]:
        """Write it so that `from_json` reads the same again."""
        return {
            "status": self.status,
            "date": self.date.isoformat() if self.date else None,
            "time": self.time.isoformat() if self.time else None,
            "time_zone": self.time_zone,
            "anchors": {
                name: {
                    "date": one.date.isoformat(),
                    "time": one.time.isoformat() if one.time else None,
                    "time_zone": one.time_zone,
                }
                for name, one in sorted(self.anchors.items())
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            status=data["status"],
            date=dt.date.fromisoformat(data["date"]) if data["date"] else None,
            time=dt.time.fromisoformat(data["time"]) if data["time"] else None,
            time_zone=data["time_zone"],
            anchors={
                name: OwnDate(
                    dt.date.fromisoformat(one["date"]),
                    dt.time.fromisoformat(one["time"]) if one["time"] else None,
                    one["time_zone"],
                )
                for name, one in data["anchors"].items()
            },
        )


def state_of(wedding: Wedding) -> WeddingState:
    """Give a wedding's dates as they stand; reads `wedding.anchors.all()`, so a prefetch is used."""
    return WeddingState(
        status=wedding.status,
        date=wedding.date,
        time=wedding.time,
        time_zone=wedding.time_zone,
        anchors={one.name: OwnDate(one.date, one.time, one.time_zone) for one in wedding.anchors.all()},
    )


def calendar_from(state: WeddingState | None, vendor: Vendor) -> Calendar:
    """Give everything about a wedding in this state that decides when its steps are due.

    Without a date there is no anchor "wedding", and nothing that is derived from it; a cancelled wedding has no
    dates at all. Business days and sending hours are the vendor's. A setting of the vendor's that can not be read
    (it was checked when it was written) gives no derived dates rather than wrong ones.
    """
    business = BusinessCalendar(vendor.region)
    sending = _sending(vendor)
    if state is None:
        return Calendar({}, vendor.time_zone, vendor.time_zone, business, sending)
    if state.is_cancelled:
        return Calendar({}, state.time_zone, vendor.time_zone, business, sending, cancelled=True)
    own = {
        name: AnchorMoment(one.date, one.time, one.time_zone or state.time_zone)
        for name, one in state.anchors.items()
    }
    if state.date is not None:
        own["wedding"] = AnchorMoment(state.date, state.time, state.time_zone)
    anchors = with_derived(own, derived_dates(vendor), business=business)
    return Calendar(anchors, state.time_zone, vendor.time_zone, business, sending)


def derived_dates(vendor: Vendor) -> Mapping[str, DerivedAnchor]:
    """Give the dates that follow from others, by name, as the vendor's settings say."""
    try:
        return read_derived(vendor.settings.get(DERIVED))
    except CalendarError:
        return {}


def _sending(vendor: Vendor) -> SendingHours:
    return SendingHours.from_setting(vendor.sending_hours)
