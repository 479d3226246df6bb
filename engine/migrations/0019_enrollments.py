"""Let many clients enter a journey at once, and begin a passage with fewer indexes to write."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import journeys.fields

# Django adds it for LIKE, which nothing asks of a public id; every start would write it.
DROP_INDEX_FOR_LIKE = """
DO $$
DECLARE
    found text;
BEGIN
    FOR found IN
        SELECT indexname FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename = 'engine_instance'
            AND indexname LIKE 'engine_instance_public_id_%_like'
    LOOP
        EXECUTE format('DROP INDEX %I', found);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("engine", "0018_fewer_indexes"), ("journeys", "0007_by_date")]

    operations = [
        migrations.AlterField(
            model_name="instance",
            name="client",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="instances",
                to="journeys.client",
            ),
        ),
        migrations.AlterField(
            model_name="instance",
            name="journey",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="instances",
                to="journeys.journey",
            ),
        ),
        migrations.AlterField(
            model_name="instance",
            name="vendor",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="instances",
                to="journeys.vendor",
            ),
        ),
        migrations.AlterField(
            model_name="instance",
            name="trigger_event",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="instances",
                to="engine.triggerevent",
            ),
        ),
        migrations.AddIndex(
            model_name="instance",
            index=models.Index(
                condition=models.Q(("trigger_event__isnull", False)),
                fields=["trigger_event"],
                name="instance_of_event",
            ),
        ),
        # The foreign key's own index serves as well: a wedding has few passages.
        migrations.RemoveIndex(model_name="instance", name="instance_live_of_wedding"),
        migrations.RunSQL(DROP_INDEX_FOR_LIKE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Enrollment",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "public_id",
                    journeys.fields.PublicIdField(
                        blank=True, editable=False, max_length=32, prefix="enr", unique=True
                    ),
                ),
                ("dry_run", models.BooleanField(default=False)),
                (
                    "listed",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, null=True, size=None
                    ),
                ),
                ("tag", models.CharField(blank=True, default="", max_length=60)),
                ("status", models.CharField(blank=True, default="", max_length=40)),
                ("condition", models.TextField(blank=True, default="")),
                ("variables", journeys.fields.EncryptedJSONField(null=True)),
                ("per_hour", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Under way"),
                            ("paused", "Paused"),
                            ("cancelled", "Cancelled"),
                            ("finished", "Finished"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("last", models.BigIntegerField()),
                ("cursor", models.BigIntegerField(default=0)),
                ("examined", models.PositiveIntegerField(default=0)),
                ("entered", models.PositiveIntegerField(default=0)),
                ("refused", models.JSONField(default=dict)),
                ("paced_from", models.DateTimeField()),
                ("paced_after", models.PositiveIntegerField(default=0)),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=100)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "journey",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="enrollments",
                        to="journeys.journey",
                    ),
                ),
                (
                    "vendor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="journeys.vendor"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["journey", "-id"], name="enrollment_newest"),
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["id"], name="enrollment_open"
                    ),
                ],
            },
        ),
    ]
