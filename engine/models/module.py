"""How modules are set at run time, and how much of them each vendor has used."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models import Vendor


class ModuleSetting(models.Model):
    """Whether a module is on, and what differs from what it declares; without a vendor, for everybody."""

    public_id = PublicIdField(prefix="mod")
    vendor = models.ForeignKey(
        Vendor, on_delete=models.CASCADE, null=True, blank=True, related_name="module_settings"
    )
    #: Name of the step type: "email", "review", …
    module = models.CharField(max_length=40)
    enabled = models.BooleanField(default=True)
    #: See journeys.language.modules.ModuleOverrides.
    overrides = models.JSONField(default=dict, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["vendor", "module"], name="module_setting_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.module}, {'on' if self.enabled else 'off'}"


class ModuleUse(models.Model):
    """How often a vendor used a module within one minute of the engine's time; what the rate limit counts."""

    #: No constraint in the database: short-lived rows that are written with every send.
    vendor = models.ForeignKey(Vendor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    module = models.CharField(max_length=40)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vendor", "module", "minute"], name="module_use_once"),
        ]
        indexes = [models.Index(fields=["minute"], name="module_use_oldest")]

    def __str__(self) -> str:
        return f"{self.module}: {self.count}"
