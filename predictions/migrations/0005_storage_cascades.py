"""Deletes of what export storages belong to cascade in the database itself, as 0002 has it."""

from django.db import migrations

# table, column, parent table, what its deletion does
KEYS = [
    ("predictions_exportstorage", "project_id", "predictions_project", "CASCADE"),
    ("predictions_exportstorage", "root_id", "predictions_imageroot", "CASCADE"),
    ("predictions_exportstorage", "created_by_id", "accounts_user", "SET NULL"),
    ("predictions_exportedannotation", "storage_id", "predictions_exportstorage", "CASCADE"),
]
DROP = """
DO $$
DECLARE name text;
BEGIN
    SELECT conname INTO STRICT name FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.conrelid = '{table}'::regclass AND a.attname = '{column}';
    EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name);
END $$;
"""
ADD = (
    "ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk FOREIGN KEY ({column})"
    " REFERENCES {parent} (id) ON DELETE {action};"
)
# Spread by its slot.
WITH_SLOT = """
ALTER TABLE predictions_exportedannotation DROP CONSTRAINT predictions_exportedannotation_pkey,
    ADD CONSTRAINT predictions_exportedannotation_pkey PRIMARY KEY (id, slot);
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0004_storages")]

    operations = [
        *[
            migrations.RunSQL(
                DROP.format(table=table, column=column)
                + ADD.format(table=table, column=column, parent=parent, action=action),
                migrations.RunSQL.noop,
            )
            for table, column, parent, action in KEYS
        ],
        migrations.RunSQL(WITH_SLOT, migrations.RunSQL.noop),
    ]
