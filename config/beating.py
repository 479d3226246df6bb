"""Health of the beat: `python -m config.beating` exits 0 when a tick was sent within the last half minute."""

from __future__ import annotations

import os
import sys
from typing import Final

SILENCE_SECONDS: Final = 30


def is_beating() -> bool:
    """Ask the database, by its own clock, whether the beat has sent a tick lately."""
    from django.db import connection  # noqa: PLC0415 settings are named in main()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM django_celery_beat_periodictask"
            " WHERE enabled AND last_run_at > clock_timestamp() - make_interval(secs => %s))",
            [SILENCE_SECONDS],
        )
        return bool(cursor.fetchone()[0])


def main() -> int:
    """Return the exit code for a health check."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # noqa: PLC0415 the settings are named first

    django.setup()
    return 0 if is_beating() else 1


if __name__ == "__main__":
    sys.exit(main())
