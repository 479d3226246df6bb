"""The one door to rows that belong to a vendor."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

from journeys.models import Vendor

M = TypeVar("M", bound=models.Model)


def owned_by(vendor: Vendor, model: type[M]) -> models.QuerySet[M]:
    """Give the rows of `model` that belong to `vendor`, and no others.

    Raises:
        FieldError: `model` has no `vendor` field, so nobody can own its rows.
    """
    return model._default_manager.filter(vendor=vendor)  # noqa: SLF001 the documented door to any model's rows
