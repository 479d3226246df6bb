"""Time lines and figures."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine import selectors
from engine.api.serializers.operation import (
    ExperimentsAnswer,
    MetricsAnswer,
    MetricsQuery,
    TimelineAnswer,
)
from engine.models import Instance
from engine.services.experiments import experiments_of
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.models import Journey

SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(days=90)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class InstanceTimeline(VendorView):
    """The time line of one instance."""

    @operation("Read an instance's time line", tag="Instances", answers=TimelineAnswer, query=NoParameters)
    def get(self, request: Request, instance_id: str) -> Response:
        """Tell what happened, happens and is planned, in order of time; what has no time comes last."""
        del request
        self.read_query(NoParameters)
        instance = self.one(self.rows(Instance).select_related("client"), instance_id)
        entries = selectors.timeline(client=instance.client, now=self.now)
        own = [entry for entry in entries if entry.instance_id == instance_id]
        return self.write({"entries": own}, TimelineAnswer)


class JourneyVariants(VendorView):
    """The variants of a journey, compared."""

    @operation("Compare a journey's variants", tag="Journeys", answers=ExperimentsAnswer, query=NoParameters)
    def get(self, request: Request, journey_id: str) -> Response:
        """Tell for each split by chance who is in which variant, and how many reach a goal of the journey."""
        del request
        self.read_query(NoParameters)
        journey = self.one(self.rows(Journey), journey_id)
        return self.write({"experiments": experiments_of(journey)}, ExperimentsAnswer)


class Metrics(VendorView):
    """The vendor's figures."""

    @operation("Read the figures of a time span", tag="Operation", answers=MetricsAnswer, query=MetricsQuery)
    def get(self, request: Request) -> Response:
        """Count steps, instances, messages and tickets, from `timeframe` ago (5m to 90d) until now."""
        del request
        timeframe = span_of(self.read_query(MetricsQuery)["timeframe"])
        return self.write(
            selectors.metrics(vendor=self.vendor, timeframe=timeframe, now=self.now), MetricsAnswer
        )


def span_of(text: str) -> timedelta:
    """Read "5m", "24h" or "90d".

    Raises:
        ValidationError: it is shorter than five minutes or longer than ninety days.
    """
    span = timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    if not SHORTEST <= span <= LONGEST:
        raise ValidationError({"timeframe": "Give a time span from 5m to 90d."})
    return span
