"""Tasks by id or by one of their names."""

from collections.abc import Iterator

from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left
from django.http import HttpRequest
from django.urls import reverse

from desk.search import MOST_FOUND, Found, number_in
from desk.workspace_admin import visible
from predictions.models import Project, Task


def tasks(request: HttpRequest, text: str) -> Iterator[Found]:
    """Whose id, `external_id`, `meta.image_id` or `meta.image_name` is the text.

    Each by its own index on (project, name), which lists nothing of other projects.
    """
    names = {name: Left(KeyTextTransform(name, "meta"), 200) for name in ("image_id", "image_name")}
    of_name = Q(external_id=text)
    for name in names:
        of_name |= Q(**{"meta__has_key": name, f"called_{name}": text})
    rows = Task.objects.annotate(**{f"called_{name}": column for name, column in names.items()})
    rows = rows.filter(
        of_name | Q(pk=number_in(text) or 0), project__in=visible(request, Project.objects.all())
    )
    rows = rows.annotate(of=F("project__title")).only("pk").order_by("-pk")
    for task in rows[:MOST_FOUND]:
        url = reverse("admin:predictions_task_review", args=[task.pk])
        title = f"Task {task.pk}" if text.removeprefix("#") == str(task.pk) else text
        yield Found(title, f"task {task.pk} of {task.of}", url, "image")
