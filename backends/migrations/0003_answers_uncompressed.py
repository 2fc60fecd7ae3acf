"""Ids of answered tasks are stored as they are: compressing those of a batch took as long as ending
its items.
"""

from django.db import migrations

SET_STORAGE = "ALTER TABLE backends_answeredtasks ALTER COLUMN task_ids SET STORAGE {storage}"


class Migration(migrations.Migration):
    dependencies = [("backends", "0002_cascades")]

    operations = [
        migrations.RunSQL(
            SET_STORAGE.format(storage="EXTERNAL"), SET_STORAGE.format(storage="EXTENDED")
        ),
    ]
