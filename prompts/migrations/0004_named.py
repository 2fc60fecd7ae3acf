"""A run keeps the name under which it stores predictions, whatever its prompt is called later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prompts", "0003_spent")]

    operations = [
        migrations.AddField(
            model_name="modelrun",
            name="named",
            field=models.TextField(
                help_text=(
                    "What stands in model_version of its predictions; null where it is older."
                ),
                null=True,
            ),
        ),
    ]
