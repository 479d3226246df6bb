"""Every text of every template, as a couple would read it."""

from __future__ import annotations

import pytest
import yaml

from engine.discovery import discover
from journeys.language.texts import render
from journeys.recipients import recipients
from journeys.selectors import facts_of, main_wedding
from journeys.services.clients import client_add
from journeys.services.templates import FOLDER
from journeys.services.weddings import WeddingData
from journeys.validation import graph_of

FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture
def bare(vendor, now):
    """A client of whom nothing is known but a name."""
    return client_add(vendor=vendor, display_name="Mei & Jo", wedding=WeddingData(), now=now, actor="user:1")


@pytest.mark.parametrize("known", ["everything", "only a name"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_letter_can_be_written(file, known, client, bare, now):
    discover()
    person = client if known == "everything" else bare
    wedding = main_wedding(person)
    graph = graph_of(yaml.safe_load(file.read_text(encoding="utf-8"))["definition"])
    facts = {
        **facts_of(client=person, wedding=wedding, now=now),
        "parameters": dict(graph.parameters),
        "recipient": recipients(wedding, person, ["couple"])[0].facts(),
        "link": "https://example.com/r/abc",
        "referrals": {"link": "https://example.com/with/abc"},
    }

    written = {
        f"{node.id}.{field}": render(source, facts)
        for node in graph.nodes.values()
        for field, source in node.node_type.texts(node.settings)
    }

    assert len(written) >= 6
    assert [
        place for place, text in written.items() if "{{" in text or "None" in text or "  " in text.strip()
    ] == []
    assert all(
        text.strip().endswith(person.vendor.name) for place, text in written.items() if place.endswith("body")
    )
