"""Deletes cascade in the database itself.

Django writes its foreign keys without ON DELETE and cascades in Python, a row at a time; here a
deleted project, task or prediction takes what belongs to it along in the same statement, whoever
deletes it. NOT DEFERRABLE: a missing parent is refused where it is written, not at commit.

The keys of tables that are spread by their slot have it as their last column, as a cluster wants it
of keys. The parents of annotations have no key: a cluster cannot write null into a part of one, so
whoever deletes a parent does.
"""

from django.db import migrations

# table, column, parent table, what its deletion does
KEYS = [
    ("predictions_project", "workspace_id", "accounts_workspace", "CASCADE"),
    ("predictions_project", "created_by_id", "accounts_user", "SET NULL"),
    ("predictions_mlbackend", "project_id", "predictions_project", "CASCADE"),
    ("predictions_task", "project_id", "predictions_project", "CASCADE"),
    ("predictions_task", "updated_by_id", "accounts_user", "SET NULL"),
    ("predictions_projectcounter", "project_id", "predictions_project", "CASCADE"),
    ("predictions_annotation", "project_id", "predictions_project", "CASCADE"),
    ("predictions_annotation", "completed_by_id", "accounts_user", "SET NULL"),
    ("predictions_annotation", "updated_by_id", "accounts_user", "SET NULL"),
    ("predictions_prediction", "project_id", "predictions_project", "CASCADE"),
    ("predictions_prediction", "model_id", "predictions_mlbackend", "SET NULL"),
    ("predictions_tasktag", "project_id", "predictions_project", "CASCADE"),
    ("predictions_savedview", "project_id", "predictions_project", "CASCADE"),
    ("predictions_savedview", "user_id", "accounts_user", "SET NULL"),
    ("predictions_imageroot", "workspace_id", "accounts_workspace", "CASCADE"),
    ("predictions_idempotentrequest", "workspace_id", "accounts_workspace", "CASCADE"),
    ("predictions_importcheckpoint", "project_id", "predictions_project", "CASCADE"),
    ("predictions_projectexport", "project_id", "predictions_project", "CASCADE"),
    ("predictions_importstorage", "project_id", "predictions_project", "CASCADE"),
    ("predictions_importstorage", "root_id", "predictions_imageroot", "CASCADE"),
    ("predictions_importstorage", "created_by_id", "accounts_user", "SET NULL"),
    ("predictions_importedfile", "storage_id", "predictions_importstorage", "CASCADE"),
    ("predictions_predictioncomment", "project_id", "predictions_project", "CASCADE"),
    ("predictions_predictioncomment", "author_id", "accounts_user", "SET NULL"),
    ("predictions_predictionreview", "project_id", "predictions_project", "CASCADE"),
    ("predictions_predictionreview", "reviewer_id", "accounts_user", "CASCADE"),
]
# Tables that are spread by their slot: their primary keys, without it.
PRIMARY_KEYS = {
    "predictions_projectcounter": "project_id",
    "predictions_task": "id",
    "predictions_annotation": "id",
    "predictions_prediction": "id",
    "predictions_tasktag": "task_id, name",
    "predictions_predictioncomment": "id",
    "predictions_predictionreview": "id",
    "predictions_importedfile": "id",
}
# Keys among them: table, column, parent table. All of a project has one slot.
SLOT_KEYS = [
    ("predictions_annotation", "task_id", "predictions_task"),
    ("predictions_prediction", "task_id", "predictions_task"),
    ("predictions_tasktag", "task_id", "predictions_task"),
    ("predictions_predictioncomment", "task_id", "predictions_task"),
    ("predictions_predictioncomment", "prediction_id", "predictions_prediction"),
    ("predictions_predictionreview", "task_id", "predictions_task"),
    ("predictions_predictionreview", "prediction_id", "predictions_prediction"),
    ("predictions_importedfile", "task_id", "predictions_task"),
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
    " ADD CONSTRAINT {table}_pkey PRIMARY KEY ({columns}, slot);"
)
ADD_WITH_SLOT = (
    "ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk FOREIGN KEY ({column}, slot)"
    " REFERENCES {parent} (id, slot) ON DELETE CASCADE;"
)


class Migration(migrations.Migration):
    dependencies = [("predictions", "0001_initial")]

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
            migrations.RunSQL(
                WITH_SLOT.format(table=table, columns=columns), migrations.RunSQL.noop
            )
            for table, columns in PRIMARY_KEYS.items()
        ],
        *[
            migrations.RunSQL(
                ADD_WITH_SLOT.format(table=table, column=column, parent=parent),
                migrations.RunSQL.noop,
            )
            for table, column, parent in SLOT_KEYS
        ],
    ]
