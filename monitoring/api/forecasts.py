"""The forecast of a vendor's own work."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.strict import StrictSerializer
from monitoring.forecast import FEWEST_DAYS, MOST_DAYS, USUAL_DAYS, forecast
from monitoring.forecast.telling import as_json
from monitoring.forecast.turns import UnderWay, one_at_a_time

TAG = "Operation"
#: Seconds after which a caller may ask again who has asked while another answer was made.
AGAIN_AFTER = 2


class ForecastQuery(StrictSerializer):
    """How far ahead."""

    days = serializers.IntegerField(
        min_value=FEWEST_DAYS, max_value=MOST_DAYS, default=USUAL_DAYS, help_text="Today is the first."
    )


class ForecastDay(serializers.Serializer[Any]):
    """What one day brings."""

    date = serializers.DateField(help_text="By the vendor's clock.")
    weddings = serializers.IntegerField(help_text="Weddings that take place.")
    standing = serializers.FloatField(
        help_text="Steps that wait for this day already: certain, unless somebody changes something."
    )
    to_start = serializers.FloatField(help_text="Journeys that begin by a date, if their filter lets all in.")
    to_follow = serializers.FloatField(
        help_text="Estimated: what comes behind the others, choices by their shares until now, waits by their time-outs."
    )
    total = serializers.FloatField()
    queues = serializers.DictField(child=serializers.FloatField(), help_text="The total by queue.")
    is_peak = serializers.BooleanField()


class ForecastQueue(serializers.Serializer[Any]):
    """What one queue needs in its busiest hour."""

    queue = serializers.CharField()
    steps = serializers.FloatField(help_text="Of all days.")
    busiest_at = serializers.DateTimeField(allow_null=True, help_text="When its busiest hour begins.")
    busiest_steps = serializers.FloatField()
    work_seconds = serializers.FloatField(
        help_text="How long these steps take, one after the other, by the measured mean of each type."
    )
    processes_needed = serializers.IntegerField(help_text="For the vendor's own steps; at least 1.")
    processes_there = serializers.IntegerField(
        help_text="Most processes that the workers of this queue may have, for all vendors; queues share them."
    )
    is_enough = serializers.BooleanField()


class ForecastMeasured(serializers.Serializer[Any]):
    """What the shares and times are taken from."""

    steps = serializers.IntegerField(
        help_text="Steps looked at; with none, choices are even and a step takes 100 ms."
    )
    mean_ms = serializers.DictField(child=serializers.FloatField(), help_text="By type of step.")


class ForecastLeftOut(serializers.Serializer[Any]):
    """What stands, and of which nobody can say when it goes on."""

    paused = serializers.IntegerField(help_text="Passages that somebody has paused.")
    parked = serializers.IntegerField(help_text="Steps that wait for a date or a person.")
    open_ended = serializers.IntegerField(help_text="Steps that wait for an answer, however long that takes.")
    unreadable = serializers.IntegerField(help_text="Versions with a step type that is no longer installed.")


class ForecastAnswer(serializers.Serializer[Any]):
    """What the days ahead bring."""

    made_at = serializers.DateTimeField()
    time_zone = serializers.CharField()
    days = ForecastDay(many=True)
    mean = serializers.FloatField(help_text="Steps of a day, over all days.")
    peaks = serializers.ListField(
        child=serializers.DateField(),
        help_text="Days of at least 1.5 times the mean, largest first, ten at most.",
    )
    queues = ForecastQueue(many=True)
    measured = ForecastMeasured()
    left_out = ForecastLeftOut()


class ForecastView(VendorView):
    """What the days ahead bring to this vendor."""

    @operation("Read the forecast", tag=TAG, answers=ForecastAnswer, query=ForecastQuery)
    def get(self, request: Request) -> Response:
        """Count the steps of the next days (60, up to 400) by queue, name the peaks, and say which processes they need.

        One at a time: 429 while another one of this vendor is being made.
        """
        del request
        days = self.read_query(ForecastQuery)["days"]
        try:
            with one_at_a_time(self.vendor):
                found = forecast(vendor=self.vendor, days=days, now=self.now)
        except UnderWay:
            raise Throttled(wait=AGAIN_AFTER) from None
        return self.write(as_json(found), ForecastAnswer)
