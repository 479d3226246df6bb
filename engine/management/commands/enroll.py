"""Let many clients enter a journey, and tell how it goes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from engine.models import Enrollment
from engine.services.enrolling.carrying_out import carry_on
from engine.services.enrolling.requests import Who, enrollment_begin
from journeys import clock
from journeys.errors import ServiceError
from journeys.models import Journey

ACTOR = "command:enroll"


class Command(BaseCommand):
    help = (
        "Let clients of a journey's vendor enter it: all that fit everything that is said. Stopped in the middle, the "
        "ticks go on with it; with --dry-run nobody enters."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("journey", help="Its public id: jrn_…")
        parser.add_argument("--tag", default="", help="Clients with this tag.")
        parser.add_argument("--status", default="", help="Clients in this status.")
        parser.add_argument("--condition", default="", help="Clients for whom this expression holds.")
        parser.add_argument("--everybody", action="store_true", help="Every client of the vendor.")
        parser.add_argument(
            "--per-hour", type=int, default=None, help="So many in an hour at most; the ticks do that."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Count who would enter, and who not and why."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        journey = Journey.objects.select_related("vendor").filter(public_id=options["journey"]).first()
        if journey is None:
            message = f"There is no journey {options['journey']}."
            raise CommandError(message)
        who = Who(
            tag=options["tag"],
            status=options["status"],
            condition=options["condition"],
            everybody=options["everybody"],
        )
        try:
            enrollment = enrollment_begin(
                vendor=journey.vendor,
                journey=journey,
                who=who,
                variables={},
                per_hour=options["per_hour"],
                dry_run=options["dry_run"],
                now=clock.now(),
                actor=ACTOR,
            )
        except ServiceError as error:
            raise CommandError(error.message) from error
        while carry_on(enrollment=enrollment, now=clock.now(), chunks=10):
            self.stdout.write(f"{enrollment.examined:,} looked at")
        self._tell(enrollment)

    def _tell(self, enrollment: Enrollment) -> None:
        verb = "would enter" if enrollment.dry_run else "entered"
        self.stdout.write(f"{enrollment}: {enrollment.entered:,} of {enrollment.examined:,} {verb}.")
        for reason in enrollment.reasons:
            self.stdout.write(
                f"  {reason['count']:,} {reason['code']}: for example {', '.join(reason['examples'])}"
            )
        if enrollment.state == Enrollment.State.RUNNING:
            self.stdout.write("The ticks go on with it.")
