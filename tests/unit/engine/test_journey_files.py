"""Journey tests as files: what they catch, and that every ready-made journey has one."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from engine.testing.checking import run
from engine.testing.files import TEMPLATES, Unreadable, read_tests

FOLDER = Path(__file__).resolve().parents[2] / "journeys"
DEFINITION = {
    "schema_version": 1,
    "nodes": [
        {"id": "start", "type": "start", "settings": {"trigger": {"type": "manual"}}},
        {
            "id": "hello",
            "type": "email",
            "settings": {
                "subject": "Hello {{ recipient.first_name }}",
                "body": "To {{ client.display_name }}",
            },
        },
        {"id": "wait", "type": "wait", "settings": {"when": {"kind": "duration", "for": "3d"}}},
        {"id": "paid", "type": "condition", "settings": {"if": "payments.total > 0.0"}},
        {
            "id": "thanks",
            "type": "email",
            "settings": {"subject": "Thanks", "body": "x", "to": ["partner_1"]},
        },
        {"id": "end", "type": "end", "settings": {}},
    ],
    "edges": [
        {"from": "start", "to": "hello"},
        {"from": "hello", "to": "wait"},
        {"from": "wait", "to": "paid"},
        {"from": "paid", "port": "yes", "to": "thanks"},
        {"from": "paid", "port": "no", "to": "end"},
        {"from": "thanks", "to": "end"},
    ],
}
GIVEN = {"started": "2027-04-14 10:00", "wedding": {"date": "2027-06-12", "zone": "Europe/Lisbon"}}


def written(folder: Path, **test: object) -> Path:
    path = folder / "one.yaml"
    path.write_text(yaml.safe_dump({"journey": DEFINITION, "given": GIVEN, **test}), encoding="utf-8")
    return path


def failures(folder: Path, **test: object) -> list[str]:
    path = written(folder, **test)
    (one,) = read_tests(path)
    return run(one, path).failures


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_ready_made_journey_has_a_golden_calendar(template: Path) -> None:
    path = FOLDER / template.name
    assert path.is_file(), f"Write {path.name} and run manage.py journeytest --update."

    assert any(test.calendar == "golden" for test in read_tests(path))


def test_every_golden_calendar_belongs_to_a_test() -> None:
    stems = {path.stem for path in FOLDER.glob("*.yaml")}

    assert set() == {path.name.partition(".")[0] for path in FOLDER.glob("golden/*.txt")} - stems


def test_what_is_expected_and_happens_passes(tmp_path: Path) -> None:
    expected = [
        {"step": "hello", "on": "2027-04-14 10:00", "to": ["partner_1", "partner_2"], "state": "sent"},
        {"step": "paid", "on": "2027-04-17", "port": "no"},
    ]

    assert [] == failures(tmp_path, expect=expected, expect_not=["thanks"], ends="completed", only=True)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"expect": [{"step": "hello", "on": "2027-04-15"}]}, "on is '2027-04-14', not '2027-04-15'"),
        ({"expect": [{"step": "hello", "to": ["partner_1"]}]}, "not ('partner_1',)"),
        ({"expect": [{"step": "hello", "subject": "Hello"}]}, "'Hello Ana / Hello Tom', not 'Hello'"),
        ({"expect": [{"step": "hello", "contains": "Porto"}]}, "does not hold 'Porto'"),
        ({"expect": ["thanks"]}, "thanks is expected, but does not happen"),
        ({"expect": [{"step": "hello"}, {"step": "hello"}]}, "hello is expected, but does not happen"),
        ({"expect_not": ["hello"]}, "hello must not happen, but does on 2027-04-14 10:00"),
        ({"expect_not": [{"step": "hello", "to": "partner_2"}]}, "hello to partner_2 must not happen"),
        ({"only": True}, "hello sends on 2027-04-14 10:00, which is not expected"),
        ({"ends": "stopped"}, "It ends with completed, not with stopped"),
        ({"journey": "nowhere"}, "There is no ready-made journey 'nowhere'"),
        ({"journey": {**DEFINITION, "nodes": []}}, "can not be run"),
        ({"calendar": "golden"}, "no golden calendar one.txt yet"),
    ],
)
def test_what_is_not_as_expected_is_said(tmp_path: Path, test: dict, said: str) -> None:
    found = failures(tmp_path, **test)

    assert said in found[0]
    assert all(said in one for one in found)


def test_events_and_answers_lead_another_way(tmp_path: Path) -> None:
    payment = {"type": "payment_received", "topic": "deposit", "payload": {"amount": 5}, "after": "1d"}

    assert [] == failures(tmp_path, events=[payment], expect=[{"step": "thanks", "to": ["partner_1"]}])
    assert [] == failures(tmp_path, chosen={"paid": "yes"}, expect=["thanks"])


def test_a_golden_calendar_shows_what_has_changed(tmp_path: Path) -> None:
    path = written(tmp_path, calendar="golden")
    (one,) = read_tests(path)
    assert run(one, path, update=True).updated
    assert run(one, path).passed

    moved = {**GIVEN, "started": "2027-04-15 10:00"}
    path = written(tmp_path, calendar="golden", given=moved)
    (one,) = read_tests(path)
    (said,) = run(one, path).failures

    assert "-2027-04-14 10:00 · hello  hello" in said
    assert "+2027-04-15 10:00 · hello  hello" in said


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"given": {}}, "Write when it starts"),
        ({"expect": [{"step": "hello", "when": "now"}]}, "expect.0.when"),
        ({"expect": [{"step": "hello", "on": "tomorrow"}]}, 'Write the day as "2027-04-14"'),
        ({"given": {**GIVEN, "wedding": {"zone": "Mars"}}}, "There is no time zone 'Mars'"),
    ],
)
def test_a_file_that_can_not_be_used_says_where(tmp_path: Path, test: dict, said: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read_tests(written(tmp_path, **test))

    assert said in str(refusal.value)


def test_the_command_fails_when_a_test_does(tmp_path: Path) -> None:
    out = StringIO()
    path = written(tmp_path, expect=["hello"])
    call_command("journeytest", str(path), stdout=out)
    assert "1 journey tests passed." in out.getvalue()

    with pytest.raises(CommandError, match="1 of 1 journey tests failed"):
        call_command("journeytest", str(written(tmp_path, expect=["thanks"])), stdout=out)
    assert "What would happen:" in out.getvalue()
