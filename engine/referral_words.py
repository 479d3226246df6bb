"""What the page behind a couple's own link says, in the vendor's words or in the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from journeys.models import Vendor

#: The key in `Vendor.settings`.
SETTING = "referral"
LONGEST = {"title": 120, "text": 5000, "consent": 1000, "thanks": 2000}


@dataclass(frozen=True, slots=True)
class Words:
    """Texts of the page; `text` and `thanks` are Markdown."""

    title: str
    text: str
    #: Beside the box that must be ticked; kept with every inquiry.
    consent: str
    thanks: str

    @classmethod
    def usual(cls, vendor: Vendor) -> Self:
        """Give the words of a page that the vendor has not written."""
        return cls(
            title=f"A friend of yours recommends {vendor.name}",
            text="Tell us who you are and when you are planning to marry. We will write back to you.",
            consent=f"{vendor.name} may keep what I write here and answer me by e-mail.",
            thanks="Thank you. We have your message and will write back to you.",
        )

    @staticmethod
    def faults_of(given: Mapping[str, Any]) -> dict[str, str]:
        """Say by name what is wrong with texts."""
        faults = {str(name): "There is no such text." for name in given if name not in LONGEST}
        for name, longest in LONGEST.items():
            text = given.get(name, "")
            if not isinstance(text, str) or len(text) > longest:
                faults[name] = f"Write a text of at most {longest} characters."
        return faults


def words_of(vendor: Vendor) -> Words:
    """Give the vendor's words; what is empty or can not be used has the usual ones."""
    usual, kept = Words.usual(vendor), vendor.settings.get(SETTING)
    if not isinstance(kept, Mapping):
        return usual
    chosen = {field.name: kept.get(field.name) for field in fields(Words)}
    return Words(
        **{
            name: text.strip() if isinstance(text, str) and text.strip() else getattr(usual, name)
            for name, text in chosen.items()
        }
    )
