"""Workers prove their life by a lock; a claim says whose it is."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("engine", "0014_tickets_by_cause")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("pid", models.IntegerField()),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("missed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="schedule",
            name="claimed_by",
            field=models.IntegerField(blank=True, null=True),
        ),
    ]
