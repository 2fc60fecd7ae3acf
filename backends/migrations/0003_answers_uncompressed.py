"""Ids of answered tasks are stored as they are: compressing those of a batch took as long as ending
its items.
"""

from django.db import migrations

# A cluster changes how a column is stored in its shards only.
SET_STORAGE = """
DO $do$
DECLARE
    change CONSTANT text := 'ALTER TABLE %s ALTER COLUMN task_ids SET STORAGE {storage}';
BEGIN
    IF to_regclass('pg_dist_partition') IS NULL THEN
        EXECUTE format(change, 'backends_answeredtasks');
    ELSIF EXISTS (
        SELECT FROM pg_dist_partition WHERE logicalrelid = 'backends_answeredtasks'::regclass
    ) THEN
        PERFORM run_command_on_shards('backends_answeredtasks', change);
    ELSE
        EXECUTE format(change, 'backends_answeredtasks');
    END IF;
END $do$
"""


class Migration(migrations.Migration):
    dependencies = [("backends", "0002_cascades")]

    operations = [
        migrations.RunSQL(
            SET_STORAGE.format(storage="EXTERNAL"), SET_STORAGE.format(storage="EXTENDED")
        ),
    ]
