from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from journeys.demo.couples import couples_of
from journeys.models import AuditRecord, Client
from journeys.services.importing import import_rows, read_rows

ACTOR = "command:import_clients"
HEADER = (
    "external_ref,partner_1_first_name,partner_1_email,partner_1_phone,partner_2_first_name,"
    "wedding_date,wedding_time,time_zone,region,guest_count,tags,field:budget"
)
GOOD = 'a-1,Ana,ana@example.com,912 345 678,Tom,2027-06-12,15:30,Europe/Lisbon,PT,80,"vip; two days",900'


def rows_of(*lines: str, header: str = HEADER):
    rows, refusals = read_rows(io.StringIO("\n".join([header, *lines]) + "\n"))
    assert refusals == []
    return rows


@pytest.fixture
def load(vendor, now):
    def load(*lines: str, header: str = HEADER, apply: bool = True):
        return import_rows(
            vendor=vendor, rows=rows_of(*lines, header=header), apply=apply, now=now, actor=ACTOR
        )

    return load


def test_a_good_row_becomes_a_couple(load, vendor):
    report = load(GOOD)

    client = Client.objects.get(vendor=vendor)
    wedding = client.weddings.get()
    assert (report.rows, report.added, report.known, report.refusals) == (1, 1, 0, [])
    assert (client.display_name, client.external_ref, client.phone) == ("Ana & Tom", "a-1", "+351912345678")
    assert client.fields == {"budget": "900"}
    assert sorted(tag.name for tag in client.tags.all()) == ["two days", "vip"]
    assert (wedding.date.isoformat(), wedding.time_zone, wedding.guest_count) == (
        "2027-06-12",
        "Europe/Lisbon",
        80,
    )
    assert AuditRecord.objects.get(action="client.added").actor == ACTOR


def test_a_dry_run_says_the_same_and_changes_nothing(load):
    report = load(GOOD, GOOD, GOOD.replace("ana@example.com", "ana"), apply=False)

    assert (report.rows, report.added, report.known, report.refused) == (3, 1, 1, 1)
    assert not Client.objects.exists()


def test_a_second_import_adds_nobody(load):
    by_contact = ",Mei,mei@example.com,,Jo,2027-08-01,,,,,,"

    load(GOOD, by_contact)
    report = load(GOOD, by_contact, GOOD.replace("Ana", "Anna"))

    assert (report.added, report.known) == (0, 3)
    assert Client.objects.count() == 2


def test_the_same_person_with_another_date_or_reference_is_another_booking(load):
    load(",Mei,mei@example.com,,,2027-08-01,,,,,,")
    report = load(",Mei,mei@example.com,,,2028-08-01,,,,,,", GOOD, GOOD.replace("a-1", "a-2"))

    assert report.added == 3


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        (("ana@example.com", "ana@"), "partner_1_email", "e-mail address can not be used"),
        (("912 345 678", "91"), "partner_1_phone", "too few digits"),
        (("2027-06-12", "12.06.2027"), "wedding_date", "year-month-day"),
        (("2027-06-12", "2027-02-30"), "wedding_date", "no such day"),
        (("2027-06-12", "0027-02-03"), "wedding_date", "year 27"),
        (("15:30", "3 pm"), "wedding_time", "hours and minutes"),
        (("Europe/Lisbon", "Lisbon time"), "time_zone", "no time zone"),
        ((",PT,", ",Portugal,"), "region", "country"),
        ((",80,", ",about 80,"), "guest_count", "whole number"),
        (("vip", "v" * 61), "tags", "at most 60"),
        (("a-1", "a" * 101), "external_ref", "at most 100"),
        (("Ana,", ","), "partner_1_first_name", "first partner's name"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_imported(load, change, column, says):
    report = load(GOOD.replace(*change), "b-1,Mei,mei@example.com,,,,,,,,,")

    assert [(refusal.line, refusal.column) for refusal in report.refusals] == [(2, column)]
    assert says in report.refusals[0].reason
    assert (report.rows, report.added, report.refused) == (2, 1, 1)
    assert [client.first_name for client in Client.objects.all()] == ["Mei"]


def test_every_fault_of_a_row_is_reported_at_once(load):
    report = load("a-1,Ana,ana@,12,,tomorrow,noon,Mars,,many,,")

    assert [refusal.column for refusal in report.refusals] == [
        "time_zone",
        "wedding_date",
        "partner_1_email",
        "partner_1_phone",
        "wedding_time",
        "guest_count",
    ]
    assert report.refused == 1


def test_a_row_that_a_repetition_would_not_recognize_is_refused(load):
    report = load(",Ana,,,Tom,2027-06-12,,,,,,")

    assert [refusal.column for refusal in report.refusals] == ["partner_1_email"]


def test_days_are_counted_from_today_where_the_wedding_is(load):
    header = "display_name,external_ref,days_to_wedding,booked_days_ago,time_zone"

    load("Ana & Tom,a-1,-3,40,Pacific/Kiritimati", header=header)

    wedding = Client.objects.get().weddings.get()
    # 14 April 2027, 09:00 UTC is 23:00 the same day on Kiritimati.
    assert wedding.date.isoformat() == "2027-04-11"
    assert wedding.anchors.get().date.isoformat() == "2027-03-05"


def test_a_date_is_written_out_or_counted_but_not_both(load):
    report = load("Ana,a-1,3,2027-06-12", header="display_name,external_ref,days_to_wedding,wedding_date")

    assert [refusal.column for refusal in report.refusals] == ["days_to_wedding"]


def test_consent_comes_with_the_row(load):
    header = "partner_1_first_name,partner_1_email,planner_first_name,email_allowed,sms_allowed"

    load("Ana,ana@example.com,Rita,no,yes", header=header)
    report = load("Mei,mei@example.com,,maybe,", header=header)

    people = Client.objects.get().weddings.get().stakeholders
    assert (people.get(role="partner_1").email_allowed, people.get(role="partner_1").sms_allowed) == (
        False,
        True,
    )
    assert people.get(role="planner").email_allowed is True
    assert [refusal.column for refusal in report.refusals] == ["email_allowed"]


def test_all_couples_of_the_demo_can_be_imported(other_vendor, now):
    rows, refusals = read_rows(io.StringIO(couples_of("venue")))

    report = import_rows(vendor=other_vendor, rows=rows, apply=True, now=now, actor=ACTOR)

    assert (refusals, report.refusals, report.added) == ([], [], 50)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "couples.csv"
    path.write_text(f"\ufeff{HEADER}\n{GOOD}\nb-1,Mei,mei@,,,,,,,,,\n", encoding="utf-8")
    return path


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_clients", *arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_only_says_what_it_would_do(vendor, file):
    code, out, err = run(str(file), "--vendor", vendor.public_id)

    assert code == 1
    assert "2 rows: 1 would be added, 0 there already, 1 refused." in out
    assert "--apply" in out
    assert err.startswith("line 3, partner_1_email: ")
    assert not Client.objects.exists()


def test_the_command_imports_the_good_rows_and_can_be_repeated(vendor, file):
    first = run(str(file), "--vendor", vendor.public_id, "--apply")
    second = run(str(file), "--vendor", vendor.public_id, "--apply")

    assert (first[0], second[0]) == (1, 1)
    assert "1 added, 0 there already, 1 refused" in first[1]
    assert "0 added, 1 there already, 1 refused" in second[1]
    assert Client.objects.count() == 1


def test_the_command_is_content_with_a_good_file(vendor, file):
    file.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")

    assert run(str(file), "--vendor", vendor.public_id, "--apply")[0] == 0


@pytest.mark.parametrize("fault", ["vendor", "file", "header"])
def test_the_command_says_what_is_missing(vendor, file, fault):
    if fault == "header":
        file.write_text("surname\n", encoding="utf-8")
    name = "ven_unknown" if fault == "vendor" else vendor.public_id
    path = "missing.csv" if fault == "file" else str(file)

    with pytest.raises(CommandError):
        run(path, "--vendor", name)
