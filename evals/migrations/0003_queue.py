"""How often an evaluation was queued, and the index by which lost ones are found."""

from django.db import migrations, models

# Whatever waits or was left behind is swept up by the first worker.
DUE = """
UPDATE evals_modeleval SET lease_until = now()
WHERE status = 'running' AND origin = 'computed' AND lease_until IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("evals", "0002_cascades")]

    operations = [
        migrations.AddField(
            "modeleval",
            "n_queued",
            models.PositiveSmallIntegerField(
                default=0, help_text="How often it was queued since a worker had it."
            ),
        ),
        migrations.RunSQL(DUE, migrations.RunSQL.noop),
        migrations.AddIndex(
            "modeleval",
            models.Index(
                fields=["lease_until"],
                condition=models.Q(("status", "running")),
                name="evals_modeleval_open_idx",
            ),
        ),
    ]
