"""Two loads of one new title at the same time: one project."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, transaction

from predictions.models import Project
from tests.conftest import Caller
from tests.predictions.api.test_deleted_meanwhile import WAITING_SQL
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import coco_truth, truths

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_second_goes_on_with_the_project_of_the_first(ada: Caller, tmp_path: Path) -> None:
    path = coco_truth(tmp_path)

    def fill() -> list[str]:
        try:
            return load("coco", "--ground-truth", path, "-P", "Cars")[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first = load("coco", "--ground-truth", path, "-P", "Cars")[0]
            answer = pool.submit(fill)
            waiting = 0
            while not waiting and not answer.done():
                with connection.cursor() as cursor:
                    cursor.execute(WAITING_SQL)
                    (waiting,) = cursor.fetchone()
            assert waiting, "the second load did not wait for the first"
        second = answer.result()
    project = Project.objects.get()
    counts = "2 images, 2 classes, {} new tasks, {} ground truths, 0 predictions."
    assert [first, second] == [
        [f"Project {project.pk} (Cars) made: {counts.format(2, 2)}", str(project.pk)],
        [f"Project {project.pk} (Cars) filled: {counts.format(0, 0)}", str(project.pk)],
    ]
    assert len(truths()) == 2
