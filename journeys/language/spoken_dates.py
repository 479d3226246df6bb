"""Dates the way a letter writes them, in the language of whoever reads it."""

from __future__ import annotations

from datetime import date
from typing import Final

_EN_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: Months and weekdays (Monday first), and how they stand together.
_LANGUAGES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], str]]] = {
    "en": (
        _EN_MONTHS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        "{weekday} {day} {month} {year}",
    ),
    "pt": (
        (
            *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
            *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
        ),
        ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
        "{weekday}, {day} de {month} de {year}",
    ),
    "es": (
        (
            *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
            *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
        ),
        ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        "{weekday}, {day} de {month} de {year}",
    ),
    "de": (
        (
            *("Januar", "Februar", "März", "April", "Mai", "Juni"),
            *("Juli", "August", "September", "Oktober", "November", "Dezember"),
        ),
        ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        "{weekday}, {day}. {month} {year}",
    ),
    "fr": (
        (
            *("janvier", "février", "mars", "avril", "mai", "juin"),
            *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        ),
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        "{weekday} {day} {month} {year}",
    ),
    "it": (
        (
            *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
            *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
        ),
        ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
        "{weekday} {day} {month} {year}",
    ),
}


def spoken_date(day: date, *, locale: str) -> str:
    """Write a day out: "Saturday 12 June 2027", "sábado, 12 de junho de 2027"; English where we know no better."""
    months, weekdays, form = _LANGUAGES.get(
        locale.lower().replace("_", "-").partition("-")[0], _LANGUAGES["en"]
    )
    first = (
        "1er" if form is _LANGUAGES["fr"][2] and months is _LANGUAGES["fr"][0] and day.day == 1 else day.day
    )
    return form.format(weekday=weekdays[day.weekday()], day=first, month=months[day.month - 1], year=day.year)
