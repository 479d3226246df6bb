"""Dates, numbers and money in the reader's own language."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.language.errors import TextError
from journeys.language.texts import render, variables_of
from tests.unit.language.couple import FACTS


def written(source: str, locale: str | None = None, **more: Any) -> str:
    recipient = {"recipient": {"locale": locale}} if locale else {}
    return render(source, {**FACTS, **recipient, **more})


@pytest.mark.parametrize(
    ("locale", "long", "short"),
    [
        ("en", "Saturday, 12 June 2027", "12 Jun 2027"),
        ("en-US", "Saturday, June 12, 2027", "Jun 12, 2027"),
        ("pt-PT", "sábado, 12 de junho de 2027", "12/06/2027"),
        ("pt_BR", "sábado, 12 de junho de 2027", "12 de jun. de 2027"),
        ("de", "Samstag, 12. Juni 2027", "12.06.2027"),
        ("fr", "samedi 12 juin 2027", "12 juin 2027"),
        ("es", "sábado, 12 de junio de 2027", "12 jun 2027"),
        ("de-XX", "Samstag, 12. Juni 2027", "12.06.2027"),
        ("klingon", "Saturday, 12 June 2027", "12 Jun 2027"),
    ],
)
def test_a_date_is_written_in_the_readers_language(locale: str, long: str, short: str) -> None:
    assert long == written("{{ wedding.date | long_date }}", locale)
    assert short == written("{{ wedding.date | short_date }}", locale)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ wedding.date | date: '%A %e %B' }}", "samedi 12 juin"),
        ("{{ wedding.date | weekday }} / {{ wedding.date | month_name }}", "samedi / juin"),
        ("{{ wedding.date | weekday: 'de' }}", "Samstag"),
        ("{{ '15:30' | clock_time }}", "15:30"),
        ("{{ '15:30' | clock_time: 'en-US' }}", "3:30\u202fPM"),
        ("{{ 1234.5 | decimal }}", "1\u202f234,5"),
        ("{{ 1234.5 | decimal: 2 }}", "1\u202f234,50"),
        ("{{ 1234.5 | money: 'EUR' }}", "1\u202f234,50\xa0€"),
        ("{{ wedding.date | days_to }}", "202"),
        ("{{ wedding.date | add_days: -30 | date: '%d/%m' }}", "13/05"),
        ("{{ wedding.date | add_months: 1 | short_date }}", "12 juil. 2027"),
        ("{{ '2027-06-01' | days_between: wedding.date }}", "11"),
        ("{{ wedding.anchors.booking | months_between: wedding.date }}", "7"),
    ],
)
def test_a_filter_writes_what_a_french_reader_expects(source: str, expected: str) -> None:
    assert expected == written(source, "fr")


def test_a_text_for_nobody_in_particular_speaks_the_clients_language() -> None:
    assert "sábado" == written("{{ wedding.date | weekday }}")
    assert {"wedding.date", "client.locale"} == {
        read.name for read in variables_of("{{ wedding.date | weekday }}")
    }
    assert {"wedding.date", "wedding.time_zone", "now"} == {
        read.name for read in variables_of("{{ wedding.date | days_to }}")
    }


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ client.status | long_date }}", "a date is needed"),
        ("{{ client.status | clock_time }}", "a time is needed"),
        ("{{ client.status | decimal }}", "a number is needed"),
        ("{{ 1 | decimal: 99 }}", "0 to 10 digits"),
        ("{{ 1 | money: 'Taler' }}", "three letters"),
        ("{{ '1e99' | money: 'EUR' }}", "too large"),
        ("{{ client.status | days_to }}", "a date cannot be read"),
        ("{{ wedding.date | add_days: 'x' }}", "add_days needs a number as its days"),
        ("{{ wedding.date | add_days }}", "add_days is called as"),
        ("{{ wedding.anchors.gallery | days_to }}", "a value that is empty"),
    ],
)
def test_a_filter_says_what_it_cannot_write(source: str, said: str) -> None:
    with pytest.raises(TextError, match=said):
        written(source, "en")


def test_a_text_without_a_time_cannot_count_from_today() -> None:
    for source in ("{{ wedding.date | days_to }}", "{{ now }}", "{{ today }}"):
        with pytest.raises(TextError):
            written(source, now=None)
