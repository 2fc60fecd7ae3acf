"""Leases of exports made in the background, so that a worker that dies costs its lease alone."""

from django.db import migrations, models

# Whatever waits or was left behind is swept up by the first worker.
DUE = """
UPDATE predictions_projectexport SET lease_until = now() WHERE status IN ('queued', 'running')
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0003_storage")]

    operations = [
        migrations.AddField("projectexport", "lease_owner", models.UUIDField(blank=True, null=True)),
        migrations.AddField(
            "projectexport", "lease_until", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            "projectexport",
            "attempts",
            models.PositiveSmallIntegerField(default=0, help_text="Workers that took it up."),
        ),
        migrations.AddField(
            "projectexport",
            "n_queued",
            models.PositiveSmallIntegerField(
                default=0, help_text="How often it was queued since a worker had it."
            ),
        ),
        migrations.RunSQL(DUE, migrations.RunSQL.noop),
    ]
