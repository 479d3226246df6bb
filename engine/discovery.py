"""Find the node and trigger types: one file for each, and no list of them anywhere."""

from __future__ import annotations

import importlib
import pkgutil

from engine import nodes, triggers


def discover() -> None:
    """Import every module of `engine.nodes` and `engine.triggers`; a second call changes nothing."""
    for package in (nodes, triggers):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
