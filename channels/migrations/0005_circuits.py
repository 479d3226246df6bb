"""Accounts of providers and hosts of webhooks have circuits."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import journeys.fields


class Migration(migrations.Migration):
    dependencies = [("channels", "0004_longest_sink_key"), ("journeys", "0006_task_choices")]

    operations = [
        migrations.CreateModel(
            name="Circuit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_id", journeys.fields.PublicIdField(blank=True, editable=False, max_length=32, prefix="cir", unique=True)),
                ("key", models.CharField(max_length=300, unique=True)),
                ("kind", models.CharField(choices=[("account", "Account of a provider"), ("host", "Service that webhooks call")], max_length=10)),
                ("name", models.CharField(max_length=255)),
                ("state", models.CharField(choices=[("closed", "Works"), ("open", "Stopped"), ("half_open", "Being tried")], default="closed", max_length=10)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("code", models.CharField(blank=True, default="", max_length=60)),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                ("opens", models.PositiveIntegerField(default=0)),
                ("probe_at", models.DateTimeField(blank=True, null=True)),
                ("probe_fence", models.BigIntegerField(default=0)),
                ("probe_lease", models.DateTimeField(blank=True, null=True)),
                ("failures", models.JSONField(blank=True, default=list)),
                ("forced", models.CharField(blank=True, choices=[("", "By itself"), ("open", "Stopped by hand"), ("closed", "Let through by hand")], default="", max_length=6)),
                ("changed_by", models.CharField(blank=True, default="engine", max_length=100)),
                ("changed_at", models.DateTimeField()),
                ("vendor", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="circuits", to="journeys.vendor")),
            ],
            options={
                "indexes": [models.Index(fields=["vendor", "-id"], name="circuit_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "closed"),
                            models.Q(("opened_at__isnull", False), ("probe_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="circuit_open_since",
                    )
                ],
            },
        ),
    ]
