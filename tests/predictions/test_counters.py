"""However rows come and go, every count is the number of rows there are."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, MakeProject, region

Step = Callable[[], Any]


class Store:
    """Random operations on two projects, through the API alone."""

    def __init__(self, caller: Caller, projects: list[int], seed: int) -> None:
        self.client = caller.client
        self.projects = projects
        self.random = random.Random(seed)

    def some(self, model: Any) -> int | None:
        ids = list(model.objects.order_by("id").values_list("pk", flat=True))
        return self.random.choice(ids) if ids else None

    def send(self, method: str, path: str, body: Any = None) -> None:
        response = getattr(self.client, method)(f"/api/{path}", body, format="json")
        assert response.status_code in {200, 201, 204}, response.content

    def prediction(self) -> dict[str, Any]:
        version = self.random.choice(["v1", "v2", ""])
        return {"task": self.some(Task), "result": [region()], "model_version": version}

    def step(self) -> None:
        task, made = self.some(Task), self.some(Prediction)
        drawn, project = self.some(Annotation), self.random.choice(self.projects)
        steps: list[Step] = [
            lambda: self.send("post", "tasks/", {"project": project, "data": {}}),
            lambda: self.send(
                "post",
                f"projects/{project}/import",
                [
                    {
                        "data": {},
                        "predictions": [{"result": []}] * 2,
                        "annotations": [{"result": []}],
                    }
                ],
            ),
        ]
        if task:
            place = Task.objects.get(pk=task).project_id
            steps += [
                lambda: self.send("post", "predictions/", self.prediction()),
                lambda: self.send("post", "predictions/?upsert=1", self.prediction()),
                lambda: self.send("post", "predictions/", [self.prediction() for _ in range(3)]),
                lambda: self.send(
                    "post",
                    f"projects/{place}/import/predictions?upsert=1",
                    [{"task": task, "result": []}],
                ),
                lambda: self.send(
                    "post",
                    f"tasks/{task}/annotations/",
                    {"was_cancelled": self.random.random() < 0.3, "parent_prediction": None},
                ),
                lambda: self.send(
                    "delete",
                    f"projects/{place}/model-versions/",
                    {"model_version": self.random.choice(["v1", "", "undefined"])},
                ),
            ]
            if self.random.random() < 0.2:
                steps.append(lambda: self.send("delete", f"tasks/{task}/"))
        if made:
            steps += [
                lambda: self.send("patch", f"predictions/{made}/", {"task": task}),
                lambda: self.send("delete", f"predictions/{made}/"),
            ]
        if drawn:
            steps += [
                lambda: self.send("patch", f"annotations/{drawn}/", {"was_cancelled": True}),
                lambda: self.send("delete", f"annotations/{drawn}/"),
            ]
        self.random.choice(steps)()

    def check(self) -> None:
        for task in Task.objects.all():
            predictions = Prediction.objects.filter(task=task)
            annotations = Annotation.objects.filter(task=task)
            document = self.client.get(f"/api/tasks/{task.pk}/").json()
            assert document["total_predictions"] == predictions.count()
            assert len(document["predictions"]) == predictions.count()
            assert document["total_annotations"] == annotations.filter(was_cancelled=False).count()
            assert (
                document["cancelled_annotations"] == annotations.filter(was_cancelled=True).count()
            )
            assert set(predictions.values_list("project", flat=True)) <= {task.project_id}
        for pk in self.projects:
            rows = Prediction.objects.filter(project=pk)
            document = self.client.get(f"/api/projects/{pk}/").json()
            page = self.client.get(f"/api/tasks/?project={pk}&page_size=1").json()
            versions = self.client.get(f"/api/projects/{pk}/model-versions/").json()
            listed = self.client.get(f"/api/predictions/?project={pk}&count=true&limit=1")
            assert document["total_predictions_number"] == rows.count()
            assert page["total_predictions"] == rows.count()
            assert sum(versions.values()) == rows.count()
            assert listed["X-Total-Count"] == str(rows.count())
            assert document["task_number"] == page["total"]
            assert page["total"] == Task.objects.filter(project=pk).count()


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_right_after_anything(
    ada: Caller, project: Project, make_project: MakeProject, seed: int
) -> None:
    store = Store(ada, [project.pk, make_project(ada).pk], seed)

    for n in range(60):
        store.step()
        if n % 20 == 19:
            store.check()
    assert Prediction.objects.exists()
