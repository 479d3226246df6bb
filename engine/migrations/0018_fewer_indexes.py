"""Write fewer indexes for each step, and keep the statistics of the hot tables fresh for prepared plans."""

import django.db.models.deletion
from django.db import migrations, models

#: A plan that was prepared while a table was small is made anew when the table is analyzed: do that soon.
TUNE = """
ALTER TABLE engine_schedule SET (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
ALTER TABLE engine_wake SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
"""
UNTUNE = """
ALTER TABLE engine_schedule RESET (autovacuum_analyze_scale_factor, autovacuum_analyze_threshold);
ALTER TABLE engine_wake RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay,
    autovacuum_analyze_scale_factor, autovacuum_analyze_threshold
);
"""


class Migration(migrations.Migration):
    dependencies = [("engine", "0017_roll_backs")]

    operations = [
        migrations.AlterField(
            model_name="nodeexecution",
            name="instance",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="executions",
                to="engine.instance",
            ),
        ),
        migrations.AlterField(
            model_name="nodeexecution",
            name="vendor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="journeys.vendor",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="instance",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="schedules",
                to="engine.instance",
            ),
        ),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
