"""The frame of a letter and its long dates, in the reader's language."""

from __future__ import annotations

from datetime import date

import pytest

from channels.rendering import Wording, frame_message, word_message
from channels.wording import ENGLISH, FRAMES, frame_words
from journeys.language.outcomes import Words
from journeys.language.sending import words_for
from journeys.language.spoken_dates import spoken_date


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("pt", "Cancelar subscrição"),
        ("pt-PT", "Cancelar subscrição"),
        ("pt_BR", "Cancelar inscrição"),
        ("DE-at", "Abbestellen"),
        ("ja", "Unsubscribe"),
        ("", "Unsubscribe"),
    ],
)
def test_the_way_out_is_called_what_the_reader_calls_it(locale: str, expected: str) -> None:
    assert expected == frame_words(locale).unsubscribe


def test_every_language_has_all_words_of_its_own() -> None:
    for language, words in FRAMES.items():
        assert words.unsubscribe
        assert words.no_more.rstrip().endswith(":")
        assert language == "en" or words != ENGLISH


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "Saturday 12 June 2027"),
        ("pt-BR", "sábado, 12 de junho de 2027"),
        ("es", "sábado, 12 de junio de 2027"),
        ("de", "Samstag, 12. Juni 2027"),
        ("fr", "samedi 12 juin 2027"),
        ("it", "sabato 12 giugno 2027"),
        ("ja", "Saturday 12 June 2027"),
    ],
)
def test_a_long_date_is_written_in_the_readers_language(locale: str, expected: str) -> None:
    assert expected == spoken_date(date(2027, 6, 12), locale=locale)


def test_french_has_a_first_of_the_month() -> None:
    assert "mardi 1er juin 2027" == spoken_date(date(2027, 6, 1), locale="fr")


FIRST = Words("Hello", "Letter", "Short")
PORTUGUESE = {"pt": Words("Olá", "Carta", ""), "pt-BR": Words("Oi", "", "")}


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("pt", Words("Olá", "Carta", "Short")),
        ("pt-br", Words("Oi", "Carta", "Short")),
        ("pt_BR", Words("Oi", "Carta", "Short")),
        ("pt-AO-x-luanda", Words("Olá", "Carta", "Short")),
        ("de", FIRST),
        ("", FIRST),
    ],
)
def test_words_fall_back_from_locale_to_language_to_the_first(locale: str, expected: Words) -> None:
    assert expected == words_for(FIRST, PORTUGUESE, locale=locale)


def test_a_persons_own_words_are_framed_like_any_other() -> None:
    facts = {"vendor": {"name": "Luz"}, "recipient": {"locale": "es"}, "name": "*Ana*"}
    worded = word_message(channel="email", subject="To {{ name }}", body="Dear {{ name }}", facts=facts)

    framed = frame_message(channel="email", wording=worded, facts=facts, purpose="marketing")
    edited = frame_message(channel="email", wording=Wording("S", "Dear **you**"), facts=facts)

    assert ("To *Ana*", "Dear \\*Ana\\*") == (worded.subject, worded.body)
    assert "Dear *Ana*" in framed.text
    assert "Darse de baja" in framed.html
    assert "<strong>you</strong>" in edited.html
    assert "Darse de baja" not in edited.html
