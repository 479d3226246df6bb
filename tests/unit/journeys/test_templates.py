from __future__ import annotations

import re

import pytest
import yaml

from engine.discovery import discover
from journeys.models import Vendor
from journeys.services.template_files import Loader, OwnLoader
from journeys.services.templates import FOLDER
from journeys.validation import graph_of, problems_of

FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _types():
    discover()


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def template(request):
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


def texts(template):
    for node in template["definition"]["nodes"]:
        for field in ("subject", "body"):
            if field in node["settings"]:
                yield f"{node['id']}.{field}", node["settings"][field]


def test_the_promised_templates_are_there():
    assert {path.stem for path in FILES} >= {"photographer_full_service", "venue", "payment_ladder"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_template_says_the_same_to_the_loader_that_is_fast(path):
    text = path.read_text(encoding="utf-8")
    assert yaml.load(text, OwnLoader) == yaml.load(text, Loader)  # noqa: S506 safe loaders of our own


def test_times_and_words_are_texts_for_both_loaders():
    text = "at: 09:00\nsure: yes\nday: 2027-06-12\nmany: [1, 1.5, true, null, ~, 0x10]"
    expected = {"at": "09:00", "sure": "yes", "day": "2027-06-12", "many": [1, 1.5, True, None, None, "0x10"]}
    assert yaml.load(text, OwnLoader) == yaml.load(text, Loader) == expected  # noqa: S506 the same


def test_a_template_can_be_published_as_it_is(template):
    assert [problem.message for problem in problems_of(template["definition"])] == []


def test_a_template_says_for_whom_it_is(template):
    assert template["vendor_kind"] in {"", *Vendor.Kind.values}
    assert template["name"]
    assert template["description"]


def test_every_distance_to_the_wedding_is_a_parameter_of_the_vendor(template):
    kinds = {parameter["kind"] for parameter in template["definition"]["parameters"].values()}

    assert {"offset", "time"} <= kinds
    assert all(parameter["label"] for parameter in template["definition"]["parameters"].values())


def test_another_offset_moves_every_step_that_hangs_on_it(template):
    definition = template["definition"]
    name = next(key for key, parameter in definition["parameters"].items() if parameter["kind"] == "offset")
    changed = {
        **definition,
        "parameters": {
            **definition["parameters"],
            name: {**definition["parameters"][name], "value": "5d"},
        },
    }

    assert graph_of(changed).parameters[name] == "5d"


def test_letters_are_calm_and_signed(template):
    written = dict(texts(template))

    assert [place for place, text in written.items() if "!" in text] == []
    assert [
        place
        for place, text in written.items()
        if re.search(r"\b(please|successfully)\b", text, re.IGNORECASE)
    ] == []
    assert [
        place
        for place, text in written.items()
        if place.endswith(".body") and not text.strip().endswith("{{ vendor.name }}")
    ] == []


def test_a_template_uses_every_parameter_it_declares(template):
    whole = yaml.safe_dump([template["definition"]["nodes"]], allow_unicode=True)

    unused = [
        name
        for name in template["definition"]["parameters"]
        if not re.search(rf"\${name}\b|parameters\.{name}\b", whole)
    ]
    assert unused == []
