"""Re-encrypt stored data with the active key."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from journeys import clock
from journeys.encryption import DecryptionFailed, active_key_id
from journeys.services.key_rotation import BATCH, keys_rotate


class Command(BaseCommand):
    help = "Re-encrypt everything that an older key wrote with the first key of DATA_KEYS; safe to interrupt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help="rows in one transaction")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("Give a batch of at least 1 row.")
        try:
            counts = keys_rotate(now=clock.now(), actor="command:rotate_keys", batch=options["batch"])
        except DecryptionFailed as error:
            raise CommandError(str(error)) from error
        for column, count in counts.items():
            self.stdout.write(f"{column}: {count}")
        total = sum(counts.values())
        self.stdout.write(f"{total} values written anew; everything is under key {active_key_id()!r}.")
