"""What the database itself refuses, whoever writes."""

import pytest
from django.db import IntegrityError, transaction

from predictions.models import Prediction, Project, Task


@pytest.fixture
def other(project: Project) -> Project:
    """Another project of the same workspace."""
    return Project.objects.create(workspace=project.workspace, slug="other")


def test_a_predictions_task_is_one_of_its_project(project: Project, other: Project) -> None:
    task = Task.objects.create(project=project, data={})
    Prediction.objects.create(project=project, task=task, result=[])
    for place in (
        {"project": other, "task": task},
        {"project": project, "task_id": task.pk + 1},
        {"project_id": other.pk + 1, "task": task},
    ):
        with pytest.raises(IntegrityError, match="task_id_fk"), transaction.atomic():
            Prediction.objects.create(result=[], **place)
    with pytest.raises(IntegrityError, match="task_id_fk"), transaction.atomic():
        Prediction.objects.update(project_id=other.pk)
    assert Prediction.objects.count() == 1


def test_a_deleted_project_takes_its_predictions_along(project: Project, other: Project) -> None:
    for owner in (project, other):
        task = Task.objects.create(project=owner, data={})
        Prediction.objects.bulk_create(
            [Prediction(project=owner, task=task, result=[]) for _ in range(3)]
        )
    Project.objects.filter(pk=project.pk)._raw_delete("default")
    assert set(Prediction.objects.values_list("project_id", flat=True)) == {other.pk}
    assert Task.objects.count() == 1
