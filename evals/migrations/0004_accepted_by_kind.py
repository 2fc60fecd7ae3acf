"""One evaluation of each kind may be the accepted one of a control: that of its masks as instances,
and that as pixels.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evals", "0003_told")]

    operations = [
        migrations.RemoveConstraint(model_name="modeleval", name="evals_modeleval_accepted"),
        migrations.AlterField(
            model_name="modeleval",
            name="is_accepted",
            field=models.BooleanField(
                default=False,
                help_text="Whether later versions are measured by it: one of a project, kind and "
                "control.",
            ),
        ),
        migrations.AddConstraint(
            model_name="modeleval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_accepted", True), ("project__isnull", False)),
                fields=("project", "task_type", "control"),
                name="evals_modeleval_accepted",
                nulls_distinct=False,
            ),
        ),
    ]
