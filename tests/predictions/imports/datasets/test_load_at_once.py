"""Two loads into one project at the same time: the second goes on from what the first stored."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.predictions.api.test_deleted_meanwhile import WAITING_SQL
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import coco_truth, truths

pytestmark = pytest.mark.django_db(transaction=True)

COUNTS = "2 images, 2 classes, {n} new tasks, {n} ground truths, 0 predictions."
TREES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="Tree"/></RectangleLabels></View>'
)


def one_waits(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """What both answer; the second begins before the first is stored, and waits for it."""

    def begin() -> Any:
        try:
            return second()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            answer = first()
            other = pool.submit(begin)
            waiting = 0
            while not waiting and not other.done():
                with connection.cursor() as cursor:
                    cursor.execute(WAITING_SQL)
                    (waiting,) = cursor.fetchone()
            assert waiting, "the second did not wait for the first"
        return [answer, other.result()]


def labels_of(project: Project) -> list[str]:
    project.refresh_from_db()
    labels: list[str] = project.parsed_label_config["box"]["labels"]
    return labels


def test_a_new_title_is_one_project(ada: Caller, tmp_path: Path) -> None:
    path = coco_truth(tmp_path)

    def fill() -> list[str]:
        return load("coco", "--ground-truth", path, "-P", "Cars")[0]

    told = one_waits(fill, fill)
    project = Project.objects.get()
    assert told == [
        [f"Project {project.pk} (Cars) made: {COUNTS.format(n=2)}", str(project.pk)],
        [f"Project {project.pk} (Cars) filled: {COUNTS.format(n=0)}", str(project.pk)],
    ]
    assert len(truths()) == 2


@pytest.mark.parametrize("by", ["pk", "title"])
def test_nothing_is_stored_twice_in_a_project(
    ada: Caller, make_project: MakeProject, tmp_path: Path, by: str
) -> None:
    both = TREES.replace("Tree", "cat").replace("/></R", '/><Label value="dog"/></R')
    project = make_project(ada, label_config=both)
    path = coco_truth(tmp_path)

    def fill() -> list[str]:
        return load("coco", "--ground-truth", path, "-P", str(getattr(project, by)))[0]

    told = one_waits(fill, fill)
    assert told == [
        [f"Project {project.pk} (Cars) filled: {COUNTS.format(n=n)}", str(project.pk)]
        for n in (2, 0)
    ]
    assert len(truths()) == 2


def test_labels_that_are_added_spare_a_config_that_is_just_changed(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(ada, label_config=TREES)
    path = coco_truth(tmp_path)

    def change() -> int:
        body = {"label_config": TREES.replace("Tree", "House")}
        answer = ada.client.patch(f"/api/projects/{project.pk}/", body, format="json")
        return int(answer.status_code)

    def fill() -> None:
        load("coco", "--ground-truth", path, "-P", str(project.pk), "--add-labels")

    assert one_waits(change, fill) == [200, None]
    assert labels_of(project) == ["House", "cat", "dog"]
