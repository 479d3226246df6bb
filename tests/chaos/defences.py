"""Write docs/defences.md: `python -m tests.chaos.defences`."""

from __future__ import annotations

import os


def main() -> None:
    """Load the engine, then write the page."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.chaos.mutations import PAGE, page

    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
