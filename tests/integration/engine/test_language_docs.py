"""The reference of the language is what the code declares."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from engine.language_docs import pages, rewritten
from journeys.language.functions import FUNCTIONS
from journeys.language.registry import node_types, trigger_types

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_reference_is_current() -> None:
    out = StringIO()

    call_command("languagedocs", "--check", stdout=out)

    assert "current" in out.getvalue()


def test_the_reference_names_everything() -> None:
    written = (DOCS / "language.md").read_text() + (DOCS / "expressions.md").read_text()

    assert {"expressions.md", "language.md"} <= {page.name for page in pages(DOCS)}
    for name in (*node_types.types(), *trigger_types.types()):
        assert f"`{name}`" in written
    for function in FUNCTIONS.values():
        assert function.signature.replace("|", "\\|") in written


def test_a_page_that_is_out_of_date_is_told(tmp_path: Path, settings: object) -> None:
    settings.BASE_DIR = tmp_path
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("Words\n<!-- written: functions -->\nold\n<!-- end -->\nmore words\n")

    with pytest.raises(CommandError, match="page.md"):
        call_command("languagedocs", "--check")
    call_command("languagedocs", stdout=StringIO())
    call_command("languagedocs", "--check", stdout=StringIO())

    assert page.read_text().startswith("Words\n<!-- written: functions -->\n| Function |")
    assert page.read_text().endswith("<!-- end -->\nmore words\n")
    with pytest.raises(KeyError):
        rewritten("<!-- written: nobody -->\n<!-- end -->")
