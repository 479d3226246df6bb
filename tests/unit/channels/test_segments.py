"""What a text costs."""

from __future__ import annotations

import pytest

from channels.segments import segments_of


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        # An extended character is never cut in half: 152 + 2 do not fit into 153.
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("ã" * 70, "UCS-2", 70, 1),
        ("ã" * 71, "UCS-2", 71, 2),
        ("ã" * 134, "UCS-2", 134, 2),
        ("ã" * 135, "UCS-2", 135, 3),
        ("💐" * 35, "UCS-2", 70, 1),
        ("💐" * 36, "UCS-2", 72, 2),
        ("a" + "💐" * 67, "UCS-2", 135, 3),
    ],
)
def test_text_is_cut_as_networks_cut_it(text: str, encoding: str, units: int, count: int):
    found = segments_of(text)

    assert (found.encoding, found.units, found.count) == (encoding, units, count)
