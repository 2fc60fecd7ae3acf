"""Predictions have no key to their ML backend any more: checking it for each row that a job writes
took a sixth of the time. Who names one holds it, who deletes one takes its name off predictions.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0005_storage_cascades")]

    operations = [
        migrations.AlterField(
            model_name="prediction",
            name="model",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="An ML Backend instance that created the prediction.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="predictions",
                to="predictions.mlbackend",
            ),
        ),
    ]
