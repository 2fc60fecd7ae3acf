"""Deletes cascade in the database itself, as in the store (see its migration of the same name)."""

from django.db import migrations

# table, column, parent table, what its deletion does
KEYS = [
    ("evals_modeleval", "workspace_id", "accounts_workspace", "CASCADE"),
    ("evals_modeleval", "project_id", "predictions_project", "SET NULL"),
    ("evals_modeleval", "supersedes_id", "evals_modeleval", "SET NULL"),
    ("evals_evalimage", "evaluation_id", "evals_modeleval", "CASCADE"),
    ("evals_evalpanel", "evaluation_id", "evals_modeleval", "CASCADE"),
    ("evals_evalanswer", "evaluation_id", "evals_modeleval", "CASCADE"),
    ("evals_evalsource", "evaluation_id", "evals_modeleval", "CASCADE"),
    ("evals_evalchunk", "evaluation_id", "evals_modeleval", "CASCADE"),
    ("evals_evalpart", "evaluation_id", "evals_modeleval", "CASCADE"),
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


class Migration(migrations.Migration):
    dependencies = [("evals", "0001_initial"), ("predictions", "0002_cascades")]

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
    ]
