"""Passages can be put back to an earlier step, and say who paused them."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import journeys.fields


class Migration(migrations.Migration):
    dependencies = [
        ("engine", "0016_dead_letters"),
    ]

    operations = [
        # With a default in the database, for processes of the version before that still start passages.
        migrations.AddField(
            model_name="instance",
            name="paused_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.CreateModel(
            name="RollBack",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    journeys.fields.PublicIdField(
                        blank=True, editable=False, max_length=32, prefix="rbk", unique=True
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("node_id", models.CharField(max_length=64)),
                ("visit", models.PositiveIntegerField()),
                (
                    "messages",
                    models.CharField(
                        choices=[
                            ("keep", "Not again what has gone out"),
                            ("send_again", "Send everything again"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "due",
                    models.CharField(
                        choices=[
                            ("now", "At once"),
                            ("by_its_timing", "When the step's own timing says so"),
                        ],
                        max_length=16,
                    ),
                ),
                ("taken", models.JSONField(default=list)),
                ("status_before", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("after", models.BigIntegerField(default=0)),
                ("last_message", models.BigIntegerField(default=0)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=100)),
                (
                    "instance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roll_backs",
                        to="engine.instance",
                    ),
                ),
                (
                    "vendor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="journeys.vendor",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["vendor", "-id"], name="roll_back_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("instance", "number"), name="roll_back_number_once")
                ],
            },
        ),
    ]
