"""Templates as YAML files: what is wrong is found with its place, and what is written is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.discovery import discover
from journeys.services.template_files import FileProblem, TemplateFile, read, written
from journeys.services.templates import FOLDER

FILE = """\
key: letters
name: Letters
vendor_kind: venue
definition:
  schema_version: 1
  goals:
    - {name: paid, if: "payments.total > 0"}
  nodes:
    - id: start
      type: start
      settings: {trigger: {type: manual}}
    - id: letter
      type: email
      name: A letter
      settings:
        to: [couple]
        subject: "Dear {{ client.display_name }}"
        body: |
          Dear both,

          see you soon.
    - {id: end, type: end}
  edges:
    - {from: start, to: letter}
    - {from: letter, to: end}
"""


@pytest.fixture(autouse=True)
def _types() -> None:
    discover()


def problems(*changes: tuple[str, str]) -> list[FileProblem]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read(text).problems


def test_a_good_file_is_read():
    reading = read(FILE)

    assert [] == reading.problems
    assert reading.file is not None
    assert ("letters", "Letters", "venue") == (reading.file.key, reading.file.name, reading.file.vendor_kind)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_written_is_read_again(path: Path):
    reading = read(path.read_text(encoding="utf-8"))

    assert [] == reading.problems
    assert reading.file is not None
    assert reading.file == read(written(reading.file)).file


@pytest.mark.parametrize(
    ("change", "code", "line", "column"),
    [
        (("see you soon.", "see {{ client.nme }} soon."), "unknown_variable", 21, 18),
        (("Dear {{ client.display_name }}", "Dear {{ client.nme }}"), "unknown_variable", 17, 27),
        (("payments.total > 0", "payments.sum > 0"), "unknown_variable", 7, 25),
        (("type: email", "type: telegram"), "unknown_type", 13, 13),
        (("to: [couple]", "to: [couple]\n        cc: [x]"), "bad_settings", 17, 13),
        (("to: letter}", "to: nobody}"), "unknown_target", 9, 7),
        (("name: Letters", "name: [Letters]"), "bad_field", 2, 7),
        (("vendor_kind: venue", "vendor_kind: baker"), "bad_vendor_kind", 3, 14),
        (("key: letters", "key: My Letters"), "bad_key", 1, 6),
        (("name: Letters", "title: Letters"), "unknown_field", 2, 1),
        (("key: letters\n", "key: letters\nkey: more\n"), "bad_yaml", 2, 1),
        (("schema_version: 1", "schema_version: [1"), "bad_yaml", 6, 8),
        (("schema_version: 1", "schema_version: !!python/name:os 1"), "bad_yaml", 5, 19),
    ],
)
def test_a_problem_is_named_with_its_line_and_column(change, code, line, column):
    found = problems(change)

    assert (code, line, column) in [(one.code, one.line, one.column) for one in found]


def test_what_stands_for_other_parts_is_refused():
    (found,) = read("name: &n A\nkey: *n\n").problems

    assert ("bad_yaml", 2) == (found.code, found.line)


def test_words_and_times_are_texts():
    reading = read(FILE.replace("name: A letter", "name: yes").replace("name: Letters", "name: 09:00"))

    assert reading.file is not None
    assert ("09:00", "yes") == (reading.file.name, reading.file.definition["nodes"][1]["name"])


def test_a_file_that_is_too_long_is_refused():
    (found,) = read("name: " + "x" * 1_000_001).problems

    assert "too_large" == found.code


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    reading = read(text)

    assert (reading.file is None) == bool(reading.problems)
    assert all(one.line >= 1 and one.column >= 1 for one in reading.problems)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_value_comes_back_as_it_went_out(definition: dict[str, Any]):
    import yaml

    from journeys.services.template_files import Loader

    file = TemplateFile("A", definition, "a")

    assert definition == yaml.load(written(file), Loader)["definition"]  # noqa: S506 a safe loader of our own
