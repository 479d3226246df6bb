"""Declaring types and finding them again."""

from __future__ import annotations

import pytest

from journeys.language.errors import AlreadyRegistered, LanguageError, NotRegistered
from journeys.language.registry import NodeType, Registry
from tests.unit.language.world import Letter, node_types


def test_registry_keeps_one_instance_and_returns_the_class():
    registry: Registry[NodeType] = Registry("step type")

    assert Letter is registry.register(Letter)
    assert isinstance(registry.get("letter"), Letter)
    assert "letter" in registry
    assert "email" not in registry


def test_registry_refuses_a_name_that_is_taken():
    registry: Registry[NodeType] = Registry("step type")
    registry.register(Letter)

    with pytest.raises(AlreadyRegistered, match="'letter' is declared twice, by Letter and by Letter"):
        registry.register(Letter)


def test_registry_names_what_it_knows_when_asked_for_something_else():
    with pytest.raises(NotRegistered, match="no step type 'pigeon'. Known: choice, end, letter"):
        node_types.get("pigeon")


def test_registry_goes_through_its_members_by_name():
    assert node_types.types() == [member.type for member in node_types]
    assert len(node_types) == 6


def test_error_without_a_sentence_says_what_its_class_says():
    assert "No type carries this name." == str(NotRegistered())
    assert isinstance(NotRegistered(), LanguageError)
