"""How often a refinement was queued since a worker had it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prompts", "0002_cascades")]

    operations = [
        migrations.AddField(
            "refinement", "n_queued", models.PositiveSmallIntegerField(default=0)
        ),
    ]
