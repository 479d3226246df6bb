"""Find the node types, trigger types and fact roots: one file for each, and no list of them anywhere."""

from __future__ import annotations

import importlib
import pkgutil

from engine import fact_roots, nodes, triggers


def discover() -> None:
    """Import every module of `engine.nodes`, `engine.triggers` and `engine.fact_roots`; twice changes nothing."""
    for package in (nodes, triggers, fact_roots):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
