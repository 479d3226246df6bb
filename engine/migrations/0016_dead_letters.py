"""What could not be carried out is kept whole; what breaks in the outbox is counted and put off."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import journeys.fields


class Migration(migrations.Migration):
    dependencies: ClassVar = [("engine", "0015_workers"), ("journeys", "0006_task_choices")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="DeadLetter",
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
                        blank=True, editable=False, max_length=32, prefix="ddl", unique=True
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=200)),
                ("payload", journeys.fields.EncryptedJSONField(null=True)),
                ("error_class", models.CharField(blank=True, default="", max_length=100)),
                ("error", models.CharField(blank=True, default="", max_length=500)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("replayed", "Done again"),
                            ("discarded", "Discarded"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_by", models.CharField(blank=True, default="", max_length=100)),
                (
                    "vendor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dead_letters",
                        to="journeys.vendor",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["vendor", "-id"], name="dead_letter_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "open")),
                        fields=("kind", "key"),
                        name="dead_letter_once",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="wake",
            name="broke",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="wake",
            name="next_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
