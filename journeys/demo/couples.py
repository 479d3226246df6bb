"""Read the couples of the demo."""

from __future__ import annotations

import csv
import io
from pathlib import Path

FILE = Path(__file__).resolve().parent / "couples.csv"
_KIND = "vendor_kind"


def couples_of(kind: str) -> str:
    """Give the CSV file of one kind of vendor's couples, as `import_clients` reads it."""
    text = io.StringIO()
    with FILE.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name for name in reader.fieldnames or [] if name != _KIND]
        writer = csv.DictWriter(text, fieldnames=columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in reader if row[_KIND] == kind)
    return text.getvalue()
