"""Partition the audit trail by month, and let the database refuse changes to what never changes."""

from django.db import migrations

from journeys.partitions import CREATE_FUNCTION, DROP_FUNCTION, partition_by_month

# A row may leave a partition only while `ensure_month_partition` moves it into its own.
# TRUNCATE stays possible: it needs the owner's rights, and tests empty tables with it.
REFUSE_AUDIT_CHANGE = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('journeys.moving_rows', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit trail is append-only: write a new record instead.'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON journeys_auditrecord
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
"""
ALLOW_AUDIT_CHANGE = """
DROP TRIGGER IF EXISTS audit_is_append_only ON journeys_auditrecord;
DROP FUNCTION IF EXISTS refuse_audit_change();
"""

# A new data key writes the same definition anew: `rotate_keys` announces that for its own transaction.
REFUSE_VERSION_CHANGE = """
CREATE FUNCTION refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    expected journeys_version := OLD;
BEGIN
    IF current_setting('journeys.rotating_keys', true) = 'on' THEN
        expected.definition := NEW.definition;
    END IF;
    IF NEW IS DISTINCT FROM expected THEN
        RAISE EXCEPTION 'A published version never changes: publish a new one.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_never_changes BEFORE UPDATE ON journeys_version
    FOR EACH ROW EXECUTE FUNCTION refuse_version_change();
"""
ALLOW_VERSION_CHANGE = """
DROP TRIGGER IF EXISTS version_never_changes ON journeys_version;
DROP FUNCTION IF EXISTS refuse_version_change();
"""


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_FUNCTION, DROP_FUNCTION),
        partition_by_month("journeys_auditrecord"),
        migrations.RunSQL(REFUSE_AUDIT_CHANGE, ALLOW_AUDIT_CHANGE),
        migrations.RunSQL(REFUSE_VERSION_CHANGE, ALLOW_VERSION_CHANGE),
    ]
