"""Every adapter there is: each file in `channels/adapters` is found by itself."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

from channels import adapters as package
from channels.contract import Adapter
from journeys.language.errors import AlreadyRegistered, NotRegistered


@cache
def adapters() -> Mapping[str, Adapter]:
    """Give one instance of every adapter, by name.

    Raises:
        AlreadyRegistered: two files use the same name.
    """
    found: dict[str, Adapter] = {}
    for entry in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for cls in _adapters_of(import_module(entry.name)):
            if cls.name in found:
                message = f"Two adapters are called {cls.name!r}: give {cls.__module__} another name."
                raise AlreadyRegistered(message)
            found[cls.name] = cls()
    return MappingProxyType(found)


def adapter_named(name: str) -> Adapter:
    """Give the adapter with this name.

    Raises:
        NotRegistered: there is no such file in channels/adapters.
    """
    if name not in adapters():
        message = f"There is no provider {name!r}: put its adapter into channels/adapters/{name}.py."
        raise NotRegistered(message)
    return adapters()[name]


def _adapters_of(module: ModuleType) -> list[type[Adapter]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Adapter)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
    ]
