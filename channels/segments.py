"""How many parts a text (SMS) is cut into, which is what it costs (3GPP TS 23.038)."""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: These take two places.
_EXTENDED = frozenset("\f^{}\\[~]|€")

GSM_ALONE, GSM_EACH = 160, 153
UCS2_ALONE, UCS2_EACH = 70, 67


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text takes on its way."""

    #: "GSM-7" or "UCS-2"; one letter outside of GSM-7 makes the whole text UCS-2.
    encoding: str
    #: Places used: characters, two for an extended one or one outside of the basic plane.
    units: int
    count: int


def segments_of(text: str) -> Segments:
    """Count the parts of a text; an empty one has none."""
    if all(letter in _BASIC or letter in _EXTENDED for letter in text):
        widths = [2 if letter in _EXTENDED else 1 for letter in text]
        return _packed("GSM-7", widths, alone=GSM_ALONE, each=GSM_EACH)
    widths = [len(letter.encode("utf-16-be")) // 2 for letter in text]
    return _packed("UCS-2", widths, alone=UCS2_ALONE, each=UCS2_EACH)


def _packed(encoding: str, widths: list[int], *, alone: int, each: int) -> Segments:
    """Fill part after part; a character of two places is never cut in half."""
    units = sum(widths)
    if units <= alone:
        return Segments(encoding, units, 1 if units else 0)
    count, room = 1, each
    for width in widths:
        if width > room:
            count, room = count + 1, each
        room -= width
    return Segments(encoding, units, count)
