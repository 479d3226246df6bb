"""Partition the engine's history tables by month, and tune the hot one."""

from django.db import migrations

from journeys.partitions import partition_by_month

#: The work in hand changes all the time: leave room for changed rows on their page, and clean up early.
TUNE_SCHEDULE = """
ALTER TABLE engine_schedule SET (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
)
"""
UNTUNE_SCHEDULE = """
ALTER TABLE engine_schedule RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay
)
"""


class Migration(migrations.Migration):
    dependencies = [("engine", "0001_initial"), ("journeys", "0002_append_only")]

    operations = [
        partition_by_month("engine_nodeexecution"),
        partition_by_month("engine_errorlog"),
        migrations.RunSQL(TUNE_SCHEDULE, UNTUNE_SCHEDULE),
    ]
