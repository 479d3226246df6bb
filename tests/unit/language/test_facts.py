"""What can be read about a couple."""

from __future__ import annotations

import pytest

from journeys.language.facts import ROOTS, SCHEMA, Declared, Fact, check_path

DECLARED = Declared(
    variables={"gallery_url": Fact("text", may_be_empty=True), "tries": Fact("number"), "list": Fact("list")},
    parameters={"final_payment": Fact("text")},
    steps=frozenset({"welcome"}),
    recipient=True,
)


@pytest.mark.parametrize(
    ("path", "may_be_empty"),
    [
        ("client.display_name", False),
        ("client.phone", True),
        ("client.fields.budget", True),
        ("client.fields", False),
        ("client.tags", False),
        ("client.tags.size", False),
        ("client.tags.first", True),
        ("client.display_name.size", False),
        ("wedding.days_to", True),
        ("wedding.anchors.booking", True),
        ("vendor.fields.iban", True),
        ("recipient.first_name", False),
        ("people.planner.name", True),
        ("people.planner", True),
        ("variables.gallery_url", True),
        ("variables.tries", False),
        ("parameters.final_payment", False),
        ("trigger.type", False),
        ("trigger.amount", True),
        ("steps.welcome.opened", True),
        ("payments.total", False),
        ("forms.answers.menu.vegan", True),
        ("now", False),
        ("client", False),
    ],
)
def test_path_that_is_known_tells_whether_it_may_be_empty(path, may_be_empty):
    access = check_path(path, declared=DECLARED)

    assert access.unknown is None
    assert may_be_empty is access.may_be_empty


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("cleint.phone", "Did you mean 'client'"),
        ("client.phon", "Did you mean 'phone'"),
        ("client.zzz", "Known: display_name"),
        ("client.status.code", "Write client.status alone"),
        ("wedding.date.year", "Write wedding.date alone"),
        ("variables.gallery", "Declare it under variables"),
        ("parameters.deposit", "Declare it under parameters"),
        ("steps.welcom.opened", "Did you mean 'welcome'"),
        ("people.planner.age", "people.planner.age does not exist"),
        ("people.planner.name.first", "does not exist"),
        ("now.year", "Write now alone"),
        ("", "'' is not known"),
    ],
)
def test_path_that_is_not_known_says_what_to_write(path, said):
    assert said in str(check_path(path, declared=DECLARED).unknown)


def test_recipient_is_known_only_where_somebody_is_written_to():
    assert "texts that are sent" in str(check_path("recipient.name", declared=Declared()).unknown)


def test_every_root_of_the_schema_is_a_root():
    assert set(SCHEMA) <= set(ROOTS)
