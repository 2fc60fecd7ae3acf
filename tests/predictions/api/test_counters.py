"""However rows come and go, after each step every count and list is what SQL finds there."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from rest_framework.test import APIClient

from predictions.imports import resumable
from predictions.models import Project
from tests.conftest import Caller, MakeProject, region

LINES = "application/x-ndjson"
N_MORE = 8
VERSIONS = ["v1", "v2", "", None, "undefined"]
Row = tuple[Any, ...]


def rows(sql: str, *params: Any) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


class Store:
    """Random operations on some projects, through every path that writes."""

    def __init__(self, caller: Caller, projects: list[Project], seed: int) -> None:
        # Thousands of answers: that they are as documented is another test's business.
        self.client = APIClient()
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {caller.key}")
        self.projects = projects
        self.random = random.Random(seed)
        self.steps: dict[str, Callable[[], None]] = {
            name.removeprefix("do_"): getattr(self, name)
            for name in sorted(dir(self))
            if name.startswith("do_")
        }

    def work(self) -> Iterator[str]:
        """Every operation once, in a random order, and some once more; its name after each."""
        names = list(self.steps)
        for name in self.random.sample(names, len(names)) + self.random.choices(names, k=N_MORE):
            self.steps[name]()
            yield name

    # What stands in the store.

    def project(self) -> int:
        return int(self.random.choice(self.projects).pk)

    def some(self, table: str) -> Row | None:
        """(id, project id) of a row."""
        found = rows(f"SELECT id, project_id FROM predictions_{table} ORDER BY id")
        return self.random.choice(found) if found else None

    def task(self) -> Row:
        """A task, made if there is none left."""
        found = self.some("task")
        if found is None:
            self.do_create_task()
            found = self.some("task")
        assert found is not None
        return found

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        more = more or {"format": "json"}
        response = getattr(self.client, method)(f"/api/{path}", body, **more)
        assert response.status_code in {200, 201, 204}, (path, response.content)
        return response

    def prediction(self, task: int, *, null: bool = True) -> dict[str, Any]:
        version = self.random.choice([v for v in VERSIONS if null or v is not None])
        score = self.random.choice([None, 0.25, 0.5])
        return {"task": task, "result": [region()], "model_version": version, "score": score}

    def tasks_with_children(self) -> list[dict[str, Any]]:
        return [
            {
                "data": {"image": "a"},
                "predictions": [self.prediction(0) for _ in range(self.random.randrange(3))],
                "annotations": [{"result": [], "was_cancelled": self.random.random() < 0.3}],
            },
            {"image": "flat"},
        ]

    # Every path that writes.

    def do_create_task(self) -> None:
        self.send("post", "tasks/", {"project": self.project(), "data": {"image": "a.jpg"}})

    def do_import_nested_tasks(self) -> None:
        self.send("post", f"projects/{self.project()}/import", self.tasks_with_children())

    def do_import_lines_of_tasks(self) -> None:
        body = "\n".join(map(json.dumps, self.tasks_with_children()))
        self.send("post", f"projects/{self.project()}/import", body, content_type=LINES)

    def do_import_a_file_of_tasks(self) -> None:
        form = {"file": SimpleUploadedFile("a.csv", b"image,n\na,1\nb,2\n")}
        self.send("post", f"projects/{self.project()}/import", form, format="multipart")

    def do_import_without_commit(self) -> None:
        path = f"projects/{self.project()}/import?commit_to_project=false"
        self.send("post", path, self.tasks_with_children())

    def do_refused_import(self) -> None:
        path = f"/api/projects/{self.project()}/import"
        body = [*self.tasks_with_children(), 7]
        assert self.client.post(path, body, format="json").status_code == 400

    def do_create(self) -> None:
        self.send("post", "predictions/", self.prediction(self.task()[0]))

    def do_create_array(self) -> None:
        many = [self.prediction(self.task()[0]) for _ in range(3)]
        self.send("post", "predictions/", many)

    def do_replace(self) -> None:
        self.send("post", "predictions/?upsert=1", self.prediction(self.task()[0]))

    def do_replace_array(self) -> None:
        task = self.task()[0]
        ((other,),) = rows("SELECT max(id) FROM predictions_task")
        many = [self.prediction(pk) for pk in {task, other}]
        self.send("post", "predictions/?upsert=true", many)

    def import_predictions(self, query: str, items: list[Any], project: int) -> Any:
        return self.send("post", f"projects/{project}/import/predictions{query}", items)

    def do_import_predictions(self) -> None:
        task, project = self.task()
        self.import_predictions("", [self.prediction(task) for _ in range(3)], project)

    def do_import_good_predictions(self) -> None:
        task, project = self.task()
        items = [self.prediction(task), {"task": 0}, self.prediction(task)]
        answer = self.import_predictions("?on_error=skip", items, project).json()
        assert answer["created"] == 2

    def do_import_over_predictions(self) -> None:
        task, project = self.task()
        self.import_predictions("?upsert=1", [self.prediction(task)], project)

    def do_import_lines_of_predictions(self) -> None:
        task, project = self.task()
        body = "\n".join(json.dumps(self.prediction(task)) for _ in range(2))
        path = f"projects/{project}/import/predictions"
        self.send("post", path, body, content_type=LINES)

    def do_import_file_of_predictions(self) -> None:
        task, project = self.task()
        resumable.run(
            Project.objects.get(pk=project),
            lambda: [self.prediction(task) for _ in range(3)],
            batch_size=2,
        )

    def do_take_out_and_in_again(self) -> None:
        """What is exported can be imported."""
        project = self.task()[1]
        exported = self.send("get", f"predictions/export?format=ndjson&project={project}")
        body = b"".join(exported)
        path = f"projects/{project}/import/predictions?upsert=true&on_error=skip"
        self.send("post", path, body, content_type=LINES)

    def do_copy_a_project(self) -> None:
        exported = self.send("get", f"projects/{self.project()}/export?source=predictions")
        tasks = json.loads(b"".join(exported))[:3]
        if tasks:
            self.send("post", f"projects/{self.project()}/import", tasks)

    def do_annotate_or_skip(self) -> None:
        made = self.some("prediction")
        task = self.task()[0]
        body: dict[str, Any] = {
            "result": [],
            "was_cancelled": self.random.random() < 0.5,
            "parent_prediction": made[0] if made else None,
        }
        self.send("post", f"tasks/{task}/annotations/", body)

    def do_unskip(self) -> None:
        if drawn := self.some("annotation"):
            cancelled = self.random.random() < 0.5
            self.send("patch", f"annotations/{drawn[0]}/", {"was_cancelled": cancelled})

    def do_delete_annotation(self) -> None:
        if drawn := self.some("annotation"):
            self.send("delete", f"annotations/{drawn[0]}/")

    def do_rename_version(self) -> None:
        if made := self.some("prediction"):
            version = self.random.choice(VERSIONS[:3])
            self.send("patch", f"predictions/{made[0]}/", {"model_version": version})

    def do_move_prediction(self) -> None:
        if made := self.some("prediction"):
            self.send("patch", f"predictions/{made[0]}/", {"task": self.task()[0]})

    def do_put_prediction(self) -> None:
        if made := self.some("prediction"):
            self.send("put", f"predictions/{made[0]}/", self.prediction(self.task()[0]))

    def do_delete_prediction(self) -> None:
        if made := self.some("prediction"):
            self.send("delete", f"predictions/{made[0]}/")

    def do_delete_version(self) -> None:
        version = self.random.choice(VERSIONS)
        body = {"model_version": version}
        self.send("delete", f"projects/{self.project()}/model-versions/", body)

    def do_delete_version_by_query(self) -> None:
        named = self.random.choice(
            ["model_version=v1", "model_version=", "model_version__isnull=1"]
        )
        self.send("delete", f"predictions/?project={self.project()}&{named}")

    def do_delete_task(self) -> None:
        self.send("delete", f"tasks/{self.task()[0]}/")

    def do_delete_project(self) -> None:
        gone = self.projects.pop(self.random.randrange(len(self.projects)))
        self.send("delete", f"projects/{gone.pk}/")
        made = self.send("post", "projects/", {"title": "Next", "label_config": gone.label_config})
        self.projects.append(Project.objects.get(pk=made.json()["id"]))

    # What is answered, against what SQL counts.

    def check(self) -> None:
        left = rows("SELECT id FROM predictions_project ORDER BY id")
        assert sorted(project.pk for project in self.projects) == [row[0] for row in left]
        listed = self.client.get("/api/projects/").json()
        counted = {p["id"]: p["total_predictions_number"] for p in listed["results"]}
        for project in self.projects:
            n = self.check_project(project.pk)
            assert counted[project.pk] == n
            self.check_tasks(project.pk)
            self.check_versions(project.pk)

    def check_project(self, pk: int) -> int:
        ids = [
            row[0]
            for row in rows(
                "SELECT p.id FROM predictions_prediction p JOIN predictions_task t"
                " ON t.id = p.task_id WHERE t.project_id = %s ORDER BY p.id",
                pk,
            )
        ]
        ((tasks, done, skipped),) = rows(
            "SELECT (SELECT count(*) FROM predictions_task WHERE project_id = %s),"
            " count(a.id) FILTER (WHERE NOT a.was_cancelled),"
            " count(a.id) FILTER (WHERE a.was_cancelled)"
            " FROM predictions_annotation a JOIN predictions_task t ON t.id = a.task_id"
            " WHERE t.project_id = %s",
            pk,
            pk,
        )
        document = self.client.get(f"/api/projects/{pk}/").json()
        assert document["total_predictions_number"] == len(ids)
        assert document["task_number"] == tasks
        assert document["total_annotations_number"] == done
        assert document["skipped_annotations_number"] == skipped
        response = self.client.get(f"/api/predictions/?project={pk}&count=true&limit=1000")
        assert [row["id"] for row in response.json()] == ids
        assert response["X-Total-Count"] == str(len(ids))
        assert {row["project"] for row in response.json()} <= {pk}
        page = self.client.get(f"/api/tasks/?project={pk}&page_size=1&include=id").json()
        totals = [page[f"total{name}"] for name in ("", "_predictions", "_annotations")]
        assert totals == [tasks, len(ids), done]
        return len(ids)

    def check_tasks(self, pk: int) -> None:
        expected = rows(
            "SELECT t.id, count(p.id), array_remove(array_agg(p.id ORDER BY p.id), NULL),"
            " coalesce(string_agg(DISTINCT p.model_version, ',' ORDER BY p.model_version)"
            " FILTER (WHERE p.model_version <> ''), ''), avg(p.score)"
            " FROM predictions_task t LEFT JOIN predictions_prediction p ON p.task_id = t.id"
            " WHERE t.project_id = %s GROUP BY t.id ORDER BY t.id",
            pk,
        )
        page = self.client.get(f"/api/tasks/?project={pk}&page_size=1000&fields=all").json()
        assert [
            (
                task["id"],
                task["total_predictions"],
                [p["id"] for p in task["predictions"]],
                task["predictions_model_versions"],
                pytest.approx(task["predictions_score"]),
            )
            for task in page["tasks"]
        ] == expected
        drawn = rows(
            "SELECT t.id, count(a.id) FILTER (WHERE NOT a.was_cancelled),"
            " count(a.id) FILTER (WHERE a.was_cancelled) FROM predictions_task t"
            " LEFT JOIN predictions_annotation a ON a.task_id = t.id"
            " WHERE t.project_id = %s GROUP BY t.id ORDER BY t.id",
            pk,
        )
        names = ("id", "total_annotations", "cancelled_annotations")
        assert [tuple(task[name] for name in names) for task in page["tasks"]] == drawn

    def check_versions(self, pk: int) -> None:
        expected: dict[str | None, int] = dict(
            rows(
                "SELECT model_version, count(*) FROM predictions_prediction p"
                " JOIN predictions_task t ON t.id = p.task_id WHERE t.project_id = %s GROUP BY 1",
                pk,
            )
        )
        versions = self.client.get(f"/api/projects/{pk}/model-versions/").json()
        names = {name: "null" if name is None else name for name in expected}
        assert versions == {names[name]: n for name, n in expected.items()}
        extended = self.client.get(f"/api/projects/{pk}/model-versions/?extended=true").json()
        assert {row["model_version"]: row["count"] for row in extended["static"]} == expected


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_counts_and_lists_are_right_after_anything(
    ada: Caller, project: Project, make_project: MakeProject, seed: int
) -> None:
    store = Store(ada, [project, make_project(ada)], seed)
    for _ in store.work():
        store.check()
