from __future__ import annotations

import csv
import io

import pytest

from journeys.demo import make_couples
from journeys.demo.couples import FILE, couples_of
from journeys.errors import Invalid
from journeys.models import Vendor
from journeys.services.importing import COLUMNS, Refusal, read_rows


def lines(text: str) -> io.StringIO:
    return io.StringIO(text, newline="")


def test_rows_carry_the_line_they_begin_on():
    text = 'display_name,venue\nAna & Tom,"Quinta\nda Serra"\n\nMei & Jo,Hall\n'

    rows, refusals = read_rows(lines(text))

    assert [(row.line, row.values["display_name"]) for row in rows] == [(2, "Ana & Tom"), (5, "Mei & Jo")]
    assert refusals == []


def test_semicolons_are_read_as_well_as_commas():
    rows, _ = read_rows(lines("display_name;venue\nAna & Tom;Quinta, da Serra\n"))

    assert rows[0].values == {"display_name": "Ana & Tom", "venue": "Quinta, da Serra"}


def test_a_line_with_too_many_cells_is_refused_and_the_next_one_read():
    rows, refusals = read_rows(lines("display_name,venue\nAna,Quinta,da Serra\nMei,Hall\n"))

    assert [row.line for row in rows] == [3]
    assert [(refusal.line, refusal.column) for refusal in refusals] == [(2, "")]


def test_missing_cells_are_empty():
    rows, _ = read_rows(lines("display_name,venue,city\nAna\n"))

    assert rows[0].values == {"display_name": "Ana", "venue": "", "city": ""}


def test_a_quote_that_never_ends_is_reported_with_its_line():
    rows, refusals = read_rows(lines('display_name,venue\nAna,Hall\nMei,"Hall\n'))

    assert [row.line for row in rows] == [2]
    assert [refusal.line for refusal in refusals] == [3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n", "empty"),
        ("display_name,surname\n", "'surname' is not known"),
        ("display_name,display_name\n", "twice"),
        ("field:,display_name\n", "'field:' is not known"),
    ],
)
def test_a_header_that_can_not_be_used_is_refused(text, says):
    with pytest.raises(Invalid, match=says):
        read_rows(lines(text))


def test_a_file_in_another_encoding_is_refused_with_the_cure():
    raw = io.TextIOWrapper(io.BytesIO("display_name\nInês\n".encode("latin-1")), encoding="utf-8-sig")

    with pytest.raises(Invalid, match="CSV UTF-8"):
        read_rows(raw)


def test_a_refusal_knows_line_column_and_reason():
    assert Refusal(3, "wedding_date", "no such day").column == "wedding_date"


def test_the_couples_of_the_demo_are_what_their_script_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_couples, "FILE", tmp_path / "couples.csv")

    make_couples.main()

    assert (tmp_path / "couples.csv").read_bytes() == FILE.read_bytes()


def test_the_demo_has_200_couples_over_five_kinds_of_vendor():
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    days = [int(row["days_to_wedding"]) for row in rows]
    assert len(rows) == 200
    assert {row["vendor_kind"] for row in rows} == set(Vendor.Kind.values) - {"other"}
    assert (-30 <= min(days) < 0, 365 < max(days) <= 540) == (True, True)
    assert all(int(row["booked_days_ago"]) > -int(row["days_to_wedding"]) for row in rows)
    assert len({row["partner_1_email"] for row in rows} | {row["partner_2_email"] for row in rows}) == 400
    assert sum(bool(row["planner_email"]) for row in rows) > 20
    assert len({row["time_zone"] for row in rows}) >= 9


def test_a_kind_of_vendor_gets_its_couples_in_the_form_of_an_import():
    rows, refusals = read_rows(lines(couples_of("venue")))

    assert (len(rows), refusals) == (50, [])
    assert set(rows[0].values) <= set(COLUMNS)
