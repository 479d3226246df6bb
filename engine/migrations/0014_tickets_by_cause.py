"""Tickets gather the steps that one cause has stopped: today's tickets become their lines."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import journeys.fields

#: Indexes and the sequence keep a table's old name when it is renamed; the new table needs those names.
_RENAME_INDEXES = """
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT c.relname AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END AS kind
             FROM pg_class c
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('i', 'S')
               AND starts_with(c.relname, 'engine_interventionticket') LOOP
        EXECUTE 'ALTER ' || r.kind || ' ' || quote_ident(r.name) || ' RENAME TO '
            || quote_ident(replace(r.name, 'engine_interventionticket', 'engine_ticketline'));
    END LOOP;
END $$;
"""

#: Each ticket of today keeps its public id and gets one line.
_GIVE_TICKETS = """
INSERT INTO engine_interventionticket (public_id, vendor_id, cause, level, status, error_class, code, summary,
    created_at, resolved_at, resolved_by, resolution)
SELECT public_id, vendor_id, 'place:' || schedule_id, level, status, error_class, code, summary, created_at,
    resolved_at, resolved_by, resolution
FROM engine_ticketline ORDER BY id;
UPDATE engine_ticketline l SET ticket_id = t.id, public_id = 'tln_' || substr(l.public_id, 5)
FROM engine_interventionticket t WHERE t.public_id = l.public_id;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
_TAKE_TICKETS = "UPDATE engine_ticketline SET public_id = 'tkt_' || substr(public_id, 5)"

LEVELS = [("support", "Support"), ("engineering", "Engineering"), ("emergency", "Emergency")]
STATUSES = [("open", "Open"), ("resolved", "Resolved")]


class Migration(migrations.Migration):
    """Tickets by cause, with lines."""

    dependencies = [
        ("engine", "0013_wake_written_at"),
        ("journeys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex("InterventionTicket", name="ticket_open"),
        migrations.RemoveConstraint("InterventionTicket", name="ticket_one_open"),
        migrations.RenameModel("InterventionTicket", "TicketLine"),
        migrations.RunSQL(_RENAME_INDEXES, migrations.RunSQL.noop),
        migrations.AlterField(
            "TicketLine",
            "public_id",
            journeys.fields.PublicIdField(
                blank=True, editable=False, max_length=32, prefix="tln", unique=True
            ),
        ),
        migrations.AlterField(
            "TicketLine",
            "vendor",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ticket_lines",
                to="journeys.vendor",
            ),
        ),
        migrations.AlterField(
            "TicketLine",
            "instance",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ticket_lines",
                to="engine.instance",
            ),
        ),
        migrations.CreateModel(
            name="InterventionTicket",
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
                        blank=True, editable=False, max_length=32, prefix="tkt", unique=True
                    ),
                ),
                ("cause", models.CharField(max_length=200)),
                ("level", models.CharField(choices=LEVELS, default="support", max_length=12)),
                ("status", models.CharField(choices=STATUSES, default="open", max_length=10)),
                ("error_class", models.CharField(blank=True, default="", max_length=12)),
                ("code", models.CharField(blank=True, default="", max_length=60)),
                ("summary", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
                ("assigned_at", models.DateTimeField(blank=True, null=True)),
                ("escalated_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_by", models.CharField(blank=True, default="", max_length=100)),
                ("resolution", models.CharField(blank=True, default="", max_length=12)),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "vendor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tickets",
                        to="journeys.vendor",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "open")), fields=["vendor", "-id"], name="ticket_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "open")),
                        fields=("vendor", "cause"),
                        name="ticket_one_of_cause",
                    )
                ],
            },
        ),
        migrations.AddField(
            "TicketLine",
            "ticket",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="engine.interventionticket",
            ),
        ),
        migrations.AddField("TicketLine", "pauses", models.BooleanField(default=False)),
        migrations.RunSQL(_GIVE_TICKETS, _TAKE_TICKETS),
        migrations.AlterField(
            "TicketLine",
            "ticket",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="engine.interventionticket",
            ),
        ),
        migrations.AddConstraint(
            "TicketLine",
            models.UniqueConstraint(
                condition=models.Q(("status", "open")), fields=("schedule_id",), name="line_one_open"
            ),
        ),
        migrations.AddIndex(
            "TicketLine",
            models.Index(condition=models.Q(("status", "open")), fields=["ticket", "id"], name="line_open"),
        ),
    ]
