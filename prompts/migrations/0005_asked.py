"""A run keeps what it asks, whatever its version says later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prompts", "0004_named")]

    operations = [
        migrations.AddField(
            model_name="modelrun",
            name="asked",
            field=models.JSONField(
                help_text="What its version said when it was made; null where it is older.",
                null=True,
            ),
        ),
    ]
