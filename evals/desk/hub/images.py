"""What evaluations of a project hold in the database."""

from collections.abc import Sequence

from django.db.models import F, Func, IntegerField

from evals.models import EvalImage
from predictions.db.counting.held import SAMPLE, Held

#: Of a row beside its events and slices, with its entries in indexes.
REST = 400
SIZE = Func(F("events"), function="pg_column_size", output_field=IntegerField()) + Func(
    F("slices"), function="pg_column_size", output_field=IntegerField()
)


def held_of(project_id: int) -> Sequence[Held]:
    """The images of its evaluations. Two statements."""
    rows = EvalImage.objects.filter(evaluation__project_id=project_id)
    n = rows.count()
    sizes = list(rows.annotate(size=SIZE).values_list("size", flat=True)[:SAMPLE])
    size = REST + sum(sizes) / len(sizes) if sizes else 0
    return [Held("images and tasks of evaluations", n, round(n * size))]
