"""What a prediction or failure took outlives it: tokens and seconds are of its run."""

import django.db.models.deletion
from django.db import migrations, models

DROP = (
    "ALTER TABLE prompts_predictionmeta DROP CONSTRAINT prompts_predictionmeta_{column}_fk"  # noqa: S608
)


class Migration(migrations.Migration):
    dependencies = [("prompts", "0002_cascades")]

    operations = [
        migrations.RunSQL(DROP.format(column="prediction_id"), migrations.RunSQL.noop),
        migrations.RunSQL(DROP.format(column="failed_prediction_id"), migrations.RunSQL.noop),
        migrations.AlterField(
            "predictionmeta",
            "prediction",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="predictions.prediction",
            ),
        ),
        migrations.AlterField(
            "predictionmeta",
            "failed_prediction",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="metas",
                to="prompts.failedprediction",
            ),
        ),
    ]
