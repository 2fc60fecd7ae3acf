"""Deletes cascade in the database itself, as in `predictions`."""

from django.db import migrations

# table, column, parent table, what its deletion does
KEYS = [
    ("backends_webhook", "workspace_id", "accounts_workspace", "CASCADE"),
    ("backends_webhook", "project_id", "predictions_project", "CASCADE"),
    ("backends_webhook", "ml_backend_id", "predictions_mlbackend", "CASCADE"),
    ("backends_delivery", "webhook_id", "backends_webhook", "CASCADE"),
    ("backends_delivery", "payload_id", "backends_payload", "CASCADE"),
    ("backends_endpoint", "backend_id", "predictions_mlbackend", "CASCADE"),
    ("backends_endpoint", "access_key_id", "accounts_apitoken", "SET NULL"),
    ("backends_training", "backend_id", "predictions_mlbackend", "CASCADE"),
    ("backends_training", "created_by_id", "accounts_user", "SET NULL"),
    ("backends_predictionjob", "project_id", "predictions_project", "CASCADE"),
    ("backends_predictionjob", "backend_id", "predictions_mlbackend", "CASCADE"),
    ("backends_predictionjob", "retry_of_id", "backends_predictionjob", "SET NULL"),
    ("backends_predictionjob", "created_by_id", "accounts_user", "SET NULL"),
    ("backends_jobitem", "job_id", "backends_predictionjob", "CASCADE"),
    ("backends_jobshare", "backend_id", "predictions_mlbackend", "CASCADE"),
    ("backends_jobshare", "job_id", "backends_predictionjob", "CASCADE"),
    ("backends_answeredtask", "backend_id", "predictions_mlbackend", "CASCADE"),
]
# Tables that are spread by their slot, and the keys of these among such tables.
SPREAD = ("backends_jobitem", "backends_answeredtask")
SLOT_KEYS = [
    ("backends_answeredtask", "task_id", "predictions_task"),
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
WITH_SLOT = (
    "ALTER TABLE {table} DROP CONSTRAINT {table}_pkey,"
    " ADD CONSTRAINT {table}_pkey PRIMARY KEY (id, slot);"
)
ADD_WITH_SLOT = (
    "ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk FOREIGN KEY ({column}, slot)"
    " REFERENCES {parent} (id, slot) ON DELETE CASCADE;"
)


class Migration(migrations.Migration):
    dependencies = [("backends", "0001_initial"), ("predictions", "0002_cascades")]

    operations = [
        # Foreign keys of the first migration are pending until its deferred SQL has run.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        *[
            migrations.RunSQL(
                DROP.format(table=table, column=column)
                + ADD.format(table=table, column=column, parent=parent, action=action),
                migrations.RunSQL.noop,
            )
            for table, column, parent, action in KEYS
        ],
        *[
            migrations.RunSQL(WITH_SLOT.format(table=table), migrations.RunSQL.noop)
            for table in SPREAD
        ],
        *[
            migrations.RunSQL(
                ADD_WITH_SLOT.format(table=table, column=column, parent=parent),
                migrations.RunSQL.noop,
            )
            for table, column, parent in SLOT_KEYS
        ],
    ]
