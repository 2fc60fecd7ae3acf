"""How Postgres keeps the hot tables.

A share of a large table is a large number of rows: by the defaults ten million predictions would
gather two million dead ones before they are swept, and as many new ones before the planner hears
of them. Lists count on both: on the planner, and on the visibility map for index-only counts.

Predictions stay at fillfactor 100. Five regions are some 1.2 kB, six rows a page: ten per cent
left free would not hold another one, and rows are rarely changed. Each single create or change
of a prediction touches its task, though, and tasks are small: at 90 per cent the new version stays
on the page, no index is written, and the old one is reused without a vacuum.
"""

from django.db import migrations

SETTINGS = {
    "predictions_prediction": {
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.02,
    },
    "predictions_task": {
        "fillfactor": 90,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.02,
    },
    # Every key is written twice and deleted after a day.
    "predictions_idempotentrequest": {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.05},
}


def listed(settings):
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


class Migration(migrations.Migration):
    dependencies = [("predictions", "0002_cascades")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET ({listed(settings)})",
            f"ALTER TABLE {table} RESET ({', '.join(settings)})",
        )
        for table, settings in SETTINGS.items()
    ]
