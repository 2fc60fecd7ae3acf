"""Deletes cascade in the database itself, as in `predictions`.

Predictions of a run go with it: their column is a plain number to the room below, which knows
nothing of runs, and a real key to the database.
"""

from django.db import migrations

# table, column, parent table, what its deletion does
KEYS = [
    ("prompts_providerconnection", "workspace_id", "accounts_workspace", "CASCADE"),
    ("prompts_providerconnection", "created_by_id", "accounts_user", "SET NULL"),
    ("prompts_prompt", "workspace_id", "accounts_workspace", "CASCADE"),
    ("prompts_prompt", "created_by_id", "accounts_user", "SET NULL"),
    ("prompts_prompt_associated_projects", "prompt_id", "prompts_prompt", "CASCADE"),
    ("prompts_prompt_associated_projects", "project_id", "predictions_project", "CASCADE"),
    ("prompts_promptversion", "parent_model_id", "prompts_prompt", "CASCADE"),
    (
        "prompts_promptversion",
        "model_provider_connection_id",
        "prompts_providerconnection",
        "SET NULL",
    ),
    ("prompts_promptversion", "created_by_id", "accounts_user", "SET NULL"),
    ("prompts_modelrun", "project_id", "predictions_project", "CASCADE"),
    ("prompts_modelrun", "model_version_id", "prompts_promptversion", "CASCADE"),
    ("prompts_modelrun", "source_model_run_id", "prompts_modelrun", "SET NULL"),
    ("prompts_modelrun", "created_by_id", "accounts_user", "SET NULL"),
    ("prompts_runitem", "run_id", "prompts_modelrun", "CASCADE"),
    ("prompts_failedprediction", "project_id", "predictions_project", "CASCADE"),
    ("prompts_failedprediction", "model_run_id", "prompts_modelrun", "CASCADE"),
    ("prompts_failedprediction", "model_version_id", "prompts_promptversion", "CASCADE"),
    ("prompts_predictionmeta", "model_run_id", "prompts_modelrun", "CASCADE"),
    ("prompts_connectionshare", "connection_id", "prompts_providerconnection", "CASCADE"),
    ("prompts_connectionshare", "run_id", "prompts_modelrun", "CASCADE"),
    ("prompts_trial", "workspace_id", "accounts_workspace", "CASCADE"),
    ("prompts_refinement", "version_id", "prompts_promptversion", "CASCADE"),
    ("prompts_refinement", "project_id", "predictions_project", "CASCADE"),
    (
        "prompts_refinement",
        "teacher_connection_id",
        "prompts_providerconnection",
        "CASCADE",
    ),
    ("prompts_refinement", "new_version_id", "prompts_promptversion", "SET NULL"),
    ("prompts_refinement", "created_by_id", "accounts_user", "SET NULL"),
]
# Tables that are spread by their slot, and the keys of these among such tables.
SPREAD = ("prompts_runitem", "prompts_failedprediction", "prompts_predictionmeta")
SLOT_KEYS = [
    ("prompts_runitem", "task_id", "predictions_task"),
    ("prompts_failedprediction", "task_id", "predictions_task"),
    ("prompts_predictionmeta", "prediction_id", "predictions_prediction"),
    ("prompts_predictionmeta", "failed_prediction_id", "prompts_failedprediction"),
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
PREDICTIONS_OF_RUNS = ADD.format(
    table="predictions_prediction",
    column="model_run_id",
    parent="prompts_modelrun",
    action="CASCADE",
)


class Migration(migrations.Migration):
    dependencies = [("prompts", "0001_initial"), ("predictions", "0002_cascades")]

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
        migrations.RunSQL(
            PREDICTIONS_OF_RUNS,
            "ALTER TABLE predictions_prediction"
            " DROP CONSTRAINT predictions_prediction_model_run_id_fk",
        ),
    ]
