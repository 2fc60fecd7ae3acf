"""Images keep what was read of their task, so that an evaluation is never judged anew by what the
task tells later. Of images from before nobody knows it: null.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evals", "0002_cascades")]

    operations = [
        migrations.AddField(
            model_name="evalimage",
            name="told",
            field=models.TextField(
                help_text="What its task told: evals.db.snapshot.stored.", null=True
            ),
        ),
    ]
