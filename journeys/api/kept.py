"""Serializers that are built once and used again: building their fields costs more than most answers do."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

Kind = type[serializers.BaseSerializer[Any]]

#: What is not in use, by class. One that is in use belongs to its request alone: another one is built meanwhile.
_idle: defaultdict[Kind, deque[Any]] = defaultdict(lambda: deque(maxlen=16))
#: What a reader remembers of the body that it has checked.
_REMEMBERED = ("initial_data", "_validated_data", "_errors", "_data")


def write_one(kind: Kind, value: Any, *, context: Mapping[str, Any]) -> Any:
    """Give what `kind(value, context=…).data` gives."""
    return write_many(kind, [value], context=context)[0]


def write_many(kind: Kind, values: Iterable[Any], *, context: Mapping[str, Any]) -> list[Any]:
    """Give what `kind(values, many=True, context=…).data` gives."""
    writer = _taken(kind, context)
    written = [writer.to_representation(value) for value in values]
    _give_back(kind, writer)
    return written


def read(kind: Kind, data: Any, *, context: Mapping[str, Any]) -> dict[str, Any]:
    """Check the data and return their values.

    Raises:
        ValidationError: naming every field that is wrong.
    """
    reader = _taken(kind, context)
    reader.initial_data = data
    reader.is_valid(raise_exception=True)
    values = dict(reader.validated_data)
    _give_back(kind, reader)
    return values


def _taken(kind: Kind, context: Mapping[str, Any]) -> Any:
    try:
        serializer = _idle[kind].pop()
    except IndexError:
        return kind(context=dict(context))
    serializer._context = dict(context)  # noqa: SLF001 where Django REST framework itself puts it
    return serializer


def _give_back(kind: Kind, serializer: Any) -> None:
    """Forget the request and lie ready; one whose work was broken off is not given back."""
    serializer._context = {}  # noqa: SLF001 the same
    for name in _REMEMBERED:
        serializer.__dict__.pop(name, None)
    _idle[kind].append(serializer)
