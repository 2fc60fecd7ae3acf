"""`/api/projects/{id}/exports/`: files made in the background, as Label Studio's clients ask for
them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from predictions.exports.project import TYPES
from predictions.models import Project, ProjectExport, Task
from tests.bulk.test_project_export import body_of, get, keep_files_in
from tests.checking import CheckingClient
from tests.conftest import (
    A_MOMENT,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    who_may_read,
    who_may_write,
)

ALL_KINDS = {"usual": True, "ground_truth": True, "skipped": True}
#: What the clients of Label Studio send, beside the title.
LEGACY = {
    "serialization_options": {
        "drafts": {"only_id": True},
        "predictions": {"only_id": True},
        "annotations__completed_by": {"only_id": True},
        "interpolate_key_frames": False,
    },
    "task_filter_options": {},
    "annotation_filter_options": ALL_KINDS,
}


def create(caller: Caller, project: Project, **body: Any) -> Any:
    return caller.client.post(f"/api/projects/{project.pk}/exports/", body, format="json")


def listed(caller: Caller, project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.client.get(f"/api/projects/{project.pk}/exports/").json()
    return found


@pytest.mark.django_db(transaction=True)
def test_made_listed_fetched_and_deleted(
    ada: Caller,
    filled: Project,
    settings: Any,
    tmp_path: Path,
) -> None:
    keep_files_in(settings, tmp_path)
    answer = create(ada, filled, title="Friday", **LEGACY)
    assert answer.status_code == 201
    job = answer.json()
    place = f"/api/projects/{filled.pk}/exports/{job['id']}"
    assert job == {
        "id": job["id"],
        "title": "Friday",
        "project": filled.pk,
        "exportType": "JSON",
        "source": "annotations",
        "ids": None,
        "download_all_tasks": True,
        "model_version": None,
        "status": "in_progress",
        "progress": 0.0,
        "error": "",
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "finished_at": None,
        "converted_formats": [],
        "url": f"{place}/",
        "download": None,
    }
    # The same again while it is made; another title is another file.
    assert create(ada, filled, title="Friday", **LEGACY).json()["id"] == job["id"]
    other = create(ada, filled, title="Saturday").json()["id"]
    assert [one["id"] for one in listed(ada, filled)] == [other, job["id"]]
    call_command("worker", once=True, verbosity=0)
    done = ada.client.get(place).json()
    assert done == listed(ada, filled)[1]
    assert (done["status"], done["finished_at"]) == ("completed", done["updated_at"])
    every = list(Task.objects.order_by("id").values_list("pk", flat=True))
    assert [task["id"] for task in json.loads(body_of(ada.client.get(done["download"])))] == every
    [file] = (tmp_path / "exports").glob(f"{job['id']}-*.json")
    assert ada.client.delete(place).status_code == 204
    assert not file.exists()
    assert [one["id"] for one in listed(ada, filled)] == [other]
    for verb in ("get", "delete"):
        gone = getattr(ada.client, verb)(place)
        assert_refused(gone, 404, "No ProjectExport matches the given query.")


@pytest.mark.django_db(transaction=True)
def test_which_tasks_and_as_what(
    ada: Caller,
    filled: Project,
    settings: Any,
    tmp_path: Path,
) -> None:
    keep_files_in(settings, tmp_path)
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    item = {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": second}
    data = {"filters": {"conjunction": "and", "items": [item]}}
    body = {"project": filled.pk, "data": data}
    view = ada.client.post("/api/dm/views/", body, format="json").json()["id"]
    item["value"] = second + 10_000
    nothing = ada.client.post("/api/dm/views/", body, format="json").json()["id"]
    wanted: dict[str, tuple[dict[str, Any], list[int]]] = {
        "annotated": ({"task_filter_options": {"only_with_annotations": True}}, [first]),
        "of a view": ({"task_filter_options": {"view": view}}, [second]),
        "of an empty view": ({"task_filter_options": {"view": nothing}}, []),
        "records": ({"exportType": "JSON_MIN", "source": "predictions"}, [first, second]),
    }
    for title, (options, _) in wanted.items():
        assert create(ada, filled, title=title, **options).status_code == 201
    call_command("worker", once=True, verbosity=0)
    found = {
        job["title"]: [one["id"] for one in json.loads(body_of(ada.client.get(job["download"])))]
        for job in listed(ada, filled)
    }
    assert found == {title: ids for title, (_, ids) in wanted.items()}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"title": 7 * "x" * 300}, {"title": None}),
        ({"exportType": "BLAH"}, {"exportType": ['"BLAH" is not a valid choice.']}),
        ({"exportType": "COCO"}, {"exportType": None}),
        ({"source": "guesses"}, {"source": ['"guesses" is not a valid choice.']}),
        ({"task_filter_options": {"finished": "only"}}, {"task_filter_options": None}),
        ({"task_filter_options": {"view": "x"}}, {"task_filter_options": None}),
        ({"task_filter_options": []}, {"task_filter_options": None}),
        ({"task_filter_options": {"ids": [1]}}, {"task_filter_options": None}),
        ({"annotation_filter_options": {"only": True}}, {"annotation_filter_options": None}),
        *(
            ({name: said}, {name: None})
            for name, said in {
                "ids": [1],
                "model_version": "v1",
                "view": 1,
                "escape": True,
                "download_all_tasks": False,
            }.items()
        ),
        (
            {"annotation_filter_options": {"ground_truth": True}},
            {"annotation_filter_options": None},
        ),
        (
            {"annotation_filter_options": {**ALL_KINDS, "skipped": False}},
            {"annotation_filter_options": None},
        ),
    ],
)
def test_refuses(
    ada: Caller, make_project: MakeProject, body: dict[str, Any], errors: dict[str, Any]
) -> None:
    answer = create(ada, make_project(ada, TEXT_CONFIG), **body)
    expected = answer.json()["validation_errors"]
    assert_invalid(answer, {name: text or expected[name] for name, text in errors.items()})
    assert not ProjectExport.objects.exists()


def test_a_view_of_another_project_is_unknown(
    ada: Caller, olga: Caller, project: Project, make_project: MakeProject
) -> None:
    for caller in (ada, olga):
        other = {"project": make_project(caller, title="Other").pk}
        view = caller.client.post("/api/dm/views/", other, format="json").json()["id"]
        answer = create(ada, project, task_filter_options={"view": view})
        assert_refused(answer, 404, "No View matches the given query.")
    assert not ProjectExport.objects.exists()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (TEXT_CONFIG, ["JSON", "JSON_MIN", "CSV", "TSV"]),
        (None, ["JSON", "JSON_MIN", "CSV", "TSV", "COCO", "VOC", "YOLO", "YOLO_OBB"]),
    ],
)
def test_formats(
    ada: Caller, make_project: MakeProject, config: str | None, expected: list[str]
) -> None:
    project = make_project(ada) if config is None else make_project(ada, config)
    answer = ada.client.get(f"/api/projects/{project.pk}/export/formats")
    assert answer.status_code == 200
    found = answer.json()
    assert [one["name"] for one in found if "disabled" not in one] == expected
    assert found[0] == {
        "title": "JSON",
        "description": "Tasks with their whole predictions or annotations, as they are stored.",
        "tags": [],
        "name": "JSON",
    }
    assert found[-1] == {
        "title": "Brush labels to COCO",
        "description": "One JSON file of run-length masks.",
        "tags": ["image segmentation"],
        "name": "BRUSH_TO_COCO",
        "disabled": True,
    }
    assert sorted(one["name"] for one in found) == sorted(TYPES)
    for export_type in expected:
        assert get(ada, project, f"exportType={export_type}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_listed_in_the_order_that_is_asked_for(
    ada: Caller, filled: Project, settings: Any, tmp_path: Path
) -> None:
    keep_files_in(settings, tmp_path)
    made = [
        create(ada, filled, title=title, exportType=of).json()["id"]
        for title, of in (("b", "JSON"), ("c", "CSV"), ("a", "TSV"))
    ]

    def listed_by(**query: str) -> list[int]:
        found = ada.client.get(f"/api/projects/{filled.pk}/exports/", query).json()
        return [one["id"] for one in found]

    assert listed_by() == made[::-1]
    assert listed_by(ordering="id") == listed_by(ordering="finished_at") == made
    assert listed_by(ordering="-title") == [made[1], made[0], made[2]]


@who_may_read()
@pytest.mark.parametrize("path", ["exports/", "export/formats"])
def test_who_may_read(
    someone: Callable[[str], CheckingClient], ada: Caller, project: Project,
    path: str, who: str, status: int,
) -> None:  # fmt: skip
    answer = someone(who).get(f"/api/projects/{project.pk}/{path}")
    assert answer.status_code == status


@who_may_write(201)
def test_who_may_create(
    someone: Callable[[str], CheckingClient], ada: Caller, project: Project, who: str, status: int
) -> None:
    answer = someone(who).post(f"/api/projects/{project.pk}/exports/", {}, format="json")
    assert answer.status_code == status
    assert ProjectExport.objects.exists() == (status == 201)


@who_may_write(204)
def test_who_may_delete(
    someone: Callable[[str], CheckingClient], ada: Caller, project: Project, who: str, status: int
) -> None:
    job = create(ada, project).json()
    assert someone(who).delete(job["url"]).status_code == status
    assert ProjectExport.objects.exists() == (status != 204)


def test_what_the_address_says_is_refused(ada: Caller, filled: Project) -> None:
    """Another type would be exported than was asked for."""
    path = f"/api/projects/{filled.pk}/exports/?exportType=CSV"
    answer = ada.client.post(path, {}, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["exportType"]
    assert not ProjectExport.objects.exists()
