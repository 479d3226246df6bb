"""The words of the frame around a letter, in the languages of the people who read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FrameWords:
    """What stands under a letter beside the vendor's own name and address."""

    #: The way out, as a link.
    unsubscribe: str
    #: Before the address of the way out, in plain text.
    no_more: str


ENGLISH: Final = FrameWords("Unsubscribe", "To get no more messages like this:")

#: By language, the first part of a locale. A language that is missing here has English words.
FRAMES: Final[dict[str, FrameWords]] = {
    "en": ENGLISH,
    "pt": FrameWords("Cancelar subscrição", "Para não receber mais mensagens como esta:"),
    "es": FrameWords("Darse de baja", "Para no recibir más mensajes como este:"),
    "de": FrameWords("Abbestellen", "Um keine solchen Nachrichten mehr zu erhalten:"),
    "fr": FrameWords("Se désabonner", "Pour ne plus recevoir de messages comme celui-ci :"),
    "it": FrameWords("Annulla l’iscrizione", "Per non ricevere più messaggi come questo:"),
    "nl": FrameWords("Afmelden", "Om geen berichten als deze meer te ontvangen:"),
    "pl": FrameWords("Wypisz się", "Aby nie otrzymywać więcej takich wiadomości:"),
    "sv": FrameWords("Avregistrera", "För att inte få fler meddelanden som detta:"),
    "da": FrameWords("Afmeld", "For ikke at få flere beskeder som denne:"),
}

#: These read a locale's region: the words differ inside the language.
_REGIONAL: Final[dict[str, FrameWords]] = {
    "pt-br": FrameWords("Cancelar inscrição", "Para não receber mais mensagens como esta:"),
}


def frame_words(locale: str) -> FrameWords:
    """Give the frame's words for a locale such as "pt", "pt-BR" or "de_AT"."""
    name = locale.strip().lower().replace("_", "-")
    return _REGIONAL.get(name) or FRAMES.get(name.partition("-")[0], ENGLISH)
