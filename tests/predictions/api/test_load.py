"""POST /api/load and POST /api/projects/:id/import?format=coco: files in by HTTP."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, PredictionComment, Project, Task
from tests.conftest import Caller, MakeProject, assert_invalid, assert_refused, who_may_write

TRUTH = {
    "images": [
        {"id": 1, "file_name": "a b.jpg", "width": 200, "height": 100},
        {"id": 2, "file_name": "c.jpg", "width": 200, "height": 100},
    ],
    "categories": [{"id": 7, "name": "Car"}, {"id": 9, "name": "Person"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 50], "area": 2000}
    ],
}
IMAGE_SIZE = {"width": 200, "height": 100}
RESULTS = [{"image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 40], "score": 0.5}]
CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="Car" category="7"/>
    <Label value="Person" category="9"/>
  </RectangleLabels>
</View>"""


def file(document: Any, name: str = "file.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, json.dumps(document).encode())


def form(**more: Any) -> dict[str, Any]:
    return {
        "title": "Cars of May",
        "ground_truth": file(TRUTH),
        "predictions": file(RESULTS),
        "model_version": "v1",
        **more,
    }


def box(n: int, height: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{n}",
        "from_name": "box",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": {
            "x": 10.0,
            "y": 10.0,
            "width": 20.0,
            "height": height,
            "rotation": 0.0,
            "rectanglelabels": ["Car"],
        },
        **more,
    }


def imported(**more: Any) -> dict[str, Any]:
    return {
        "task_count": 2,
        "annotation_count": 2,
        "prediction_count": 2,
        "file_upload_ids": [],
        "could_be_tasks_list": False,
        "found_formats": {".json": 2},
        "data_columns": ["image"],
        "found": {
            "images": 2,
            "categories": 2,
            "ground_truth_regions": 1,
            "prediction_regions": 1,
        },
        "warnings": [],
        **more,
    }


def without_duration(document: dict[str, Any]) -> dict[str, Any]:
    assert document.pop("duration") >= 0
    return document


def assert_loaded(project: Project) -> None:
    tasks = Task.objects.filter(project=project).order_by("id")
    assert [(one.data, one.meta, one.inner_id) for one in tasks] == [
        (
            {"image": "https://x.y/p/a%20b.jpg"},
            {"image_id": "1", "image_name": "a b.jpg", "split": "test", "image_size": IMAGE_SIZE},
            1,
        ),
        (
            {"image": "https://x.y/p/c.jpg"},
            {"image_id": "2", "image_name": "c.jpg", "split": "test", "image_size": IMAGE_SIZE},
            2,
        ),
    ]
    truths = Annotation.objects.filter(project=project).order_by("task_id")
    assert [(one.task_id, one.result, one.ground_truth) for one in truths] == [
        (tasks[0].pk, [box(1, 50.0, meta={"area": 2000.0})], True),
        (tasks[1].pk, [], True),
    ]
    said = Prediction.objects.filter(project=project).order_by("task_id")
    assert [(one.task_id, one.result, one.score, one.model_version) for one in said] == [
        (tasks[0].pk, [box(1, 40.0, score=0.5)], 0.5, "v1"),
        (tasks[1].pk, [], None, "v1"),
    ]


def test_makes_a_project_and_starts_an_evaluation(ada: Caller) -> None:
    body = form(image_root="https://x.y/p", evaluate="true")
    response = ada.client.post("/api/load?format=coco", body)
    assert response.status_code == 201, response.content
    document = response.json()
    project = Project.objects.get()
    evaluation = ModelEval.objects.get()
    assert without_duration(document["import"]) == imported()
    assert document["evaluation"] == {
        "evalId": evaluation.eval_id,
        "url": f"/admin/evals/modeleval/{evaluation.eval_id}/",
    }
    shown = ada.client.get(f"/api/projects/{project.pk}/").json()
    assert document["project"] == shown
    assert (shown["title"], shown["label_config"]) == ("Cars of May", CONFIG)
    assert_loaded(project)
    entry = AuditEntry.objects.get(action="dataset.loaded")
    assert (entry.target, entry.details) == (
        f"project {project.pk}",
        {"tasks": 2, "ground_truth": 2, "predictions": 2},
    )


def test_recognises_the_format(ada: Caller) -> None:
    response = ada.client.post("/api/load", form())
    assert without_duration(response.json()["import"]) == imported(
        warnings=["file.json is taken for COCO: instances, keypoints, results (coco)."]
    )


def test_fills_a_project(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, CONFIG)
    url = f"/api/projects/{project.pk}/import?format=coco&return_task_ids=true"
    response = ada.client.post(url, form(image_root="https://x.y/p/"))
    assert response.status_code == 201, response.content
    ids = list(Task.objects.order_by("id").values_list("id", flat=True))
    assert without_duration(response.json()) == imported(task_ids=ids)
    assert_loaded(project)


def test_the_same_again_changes_nothing(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, CONFIG)
    url = f"/api/projects/{project.pk}/import?format=coco"
    for n_new in (2, 0):
        response = ada.client.post(url, form(image_root="https://x.y/p/"))
        assert without_duration(response.json()) == imported(
            task_count=n_new, annotation_count=n_new, prediction_count=n_new
        )
    assert_loaded(project)


def test_predictions_that_say_the_same_stay_with_what_people_said_of_them(
    ada: Caller, make_project: MakeProject
) -> None:
    project = make_project(ada, CONFIG)
    url = f"/api/projects/{project.pk}/import?format=coco"
    ada.client.post(url, form(image_root="https://x.y/p/"))
    first, second = before = list(Prediction.objects.order_by("task_id"))
    for one in before:
        path = f"/api/predictions/{one.pk}/comments/"
        assert ada.client.post(path, {"text": "Sure?"}, format="json").status_code == 201

    def rows() -> list[Any]:
        names = ("pk", "task_id", "score", "result", "created_at")
        found = Prediction.objects.order_by("task_id", "pk").values_list(*names)
        said = dict(PredictionComment.objects.values_list("prediction_id", "text"))
        return [(*row, said.get(row[0])) for row in found]

    kept = rows()
    ada.client.post(url, {"predictions": file(RESULTS), "model_version": "v1"})
    ada.client.post(url, form(image_root="https://x.y/p/"))
    assert rows() == kept
    # What says something else takes its place.
    other = [{**RESULTS[0], "score": 0.125}]
    response = ada.client.post(url, form(predictions=file(other), image_root="https://x.y/p/"))
    assert response.json()["prediction_count"] == 1
    changed = rows()
    assert [row[1:3] for row in changed] == [(first.task_id, 0.125), (second.task_id, None)]
    assert (changed[0][-1], changed[1]) == (None, kept[1])
    # Beside another one of the version it is replaced: there is one again.
    body = {"task": second.task_id, "model_version": "v1", "result": []}
    assert ada.client.post("/api/predictions/", body, format="json").status_code == 201
    response = ada.client.post(url, form(image_root="https://x.y/p/"))
    assert response.json()["prediction_count"] == 2
    assert Prediction.objects.count() == 2


def test_predictions_alone_go_to_the_tasks_that_are_there(
    ada: Caller, make_project: MakeProject
) -> None:
    project = make_project(ada, CONFIG)
    url = f"/api/projects/{project.pk}/import?format=coco"
    ada.client.post(url, {"ground_truth": file(TRUTH)})
    response = ada.client.post(url, {"predictions": file(RESULTS), "model_version": "v2"})
    assert without_duration(response.json()) == imported(
        task_count=0,
        annotation_count=0,
        prediction_count=1,
        found_formats={".json": 1},
        found={
            "images": 1,
            "categories": 2,
            "ground_truth_regions": 0,
            "prediction_regions": 1,
        },
    )
    made = Prediction.objects.get()
    assert (made.task.meta["image_id"], made.result) == ("1", [box(1, 40.0, score=0.5)])


@pytest.mark.parametrize(
    ("more", "errors"),
    [
        (
            {"predictions": file([{**RESULTS[0], "image_id": 3}])},
            {
                "non_field_errors": [
                    "predictions[0].image_id: '3' is not among the images of the ground truth."
                ]
            },
        ),
        (
            {"ground_truth": None, "predictions": None},
            {"non_field_errors": ["Give a file of ground truth, of predictions, or both."]},
        ),
        (
            {"ground_truth": None, "predictions": file({**TRUTH, "annotations": []})},
            {"non_field_errors": ["There is no project yet: give a file of ground truth."]},
        ),
        (
            {"model_version": ""},
            {
                "non_field_errors": [
                    "Predictions need the name of their model version: --model-version"
                    " (`model_version`)."
                ]
            },
        ),
        (
            {"model_version": "", "evaluate": "true"},
            {"evaluate": ["To evaluate, `predictions` and their `model_version` are needed."]},
        ),
        (
            {"ground_truth": None, "predictions": None, "evaluate": "true"},
            {"non_field_errors": ["Give a file of ground truth, of predictions, or both."]},
        ),
        ({"title": "ab"}, {"title": ["Ensure this field has at least 3 characters."]}),
        (
            {"image_root": "/etc"},
            {"non_field_errors": ["'/etc' is no address of pictures, as https://... is."]},
        ),
        (
            {"image_root": "0123456789abcdef"},
            {"non_field_errors": ["There is no image root '0123456789abcdef'."]},
        ),
        ({"label_map": "{"}, {"label_map": ["Value must be valid JSON."]}),
        (
            {"label_map": '{"Car": 1}'},
            {
                "non_field_errors": [
                    "A map of labels is a JSON object of names to names, or to null."
                ]
            },
        ),
        ({"shapes": "squares"}, {"shapes": ['"squares" is not a valid choice.']}),
        (
            {"ground_truth": SimpleUploadedFile("a.json", b"")},
            {"non_field_errors": ["a.json: is empty."]},
        ),
        (
            {"ground_truth": SimpleUploadedFile("a.zip", b"PK\x03\x04...")},
            {"non_field_errors": ["a.zip: cannot be read as ZIP: File is not a zip file"]},
        ),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing_behind(ada: Caller, more: Any, errors: Any) -> None:
    body = {name: value for name, value in form(**more).items() if value is not None}
    assert_invalid(ada.client.post("/api/load?format=coco", body), errors)
    assert not Project.objects.exists()


COCO_READS = "those that read it are coco, lvis."


@pytest.mark.parametrize(
    ("format", "more", "error"),
    [
        ("csv", {"shapes": "boxes"},
         f"--shapes boxes (`shapes`) is not read of csv: {COCO_READS}"),
        ("csv", {"shapes": "masks"},
         "--shapes masks (`shapes`) is not read of csv: those that read it are coco, yolo, lvis."),
        ("csv", {"category_offset": "1"},
         f"--category-offset (`category_offset`) is not read of csv: {COCO_READS}"),
        ("coco", {"image_column": "name"}, "--image-column (`image_column`) is not read of coco:"
         " those that read it are supervision, inference."),
        ("coco", {"truth_field": "ground_truth"},
         "--truth-field (`truth_field`) is not read of coco: fiftyone alone reads it."),
        ("coco", {"predictions_field": "said"},
         "--predictions-field (`predictions_field`) is not read of coco: fiftyone alone reads it."),
        ("coco", {"shapes": "boxes", "predictions_format": "csv", "ground_truth": None},
         f"--shapes boxes (`shapes`) is not read of csv: {COCO_READS}"),
        ("coco", {"predictions": None, "category_offset": "1"}, "--category-offset"
         " (`category_offset`) is for the predictions, and no such file is given."),
        ("coco", {"predictions": None, "label_map": '{"a": null}'},
         "--map-labels (`label_map`) is for the predictions, and no such file is given."),
        ("coco", {"predictions": None, "predictions_format": "csv"}, "--predictions-format"
         " (`predictions_format`) is for the predictions, and no such file is given."),
        ("fiftyone", {"ground_truth": None, "truth_field": "a"},
         "--truth-field (`truth_field`) is for the ground truth, and no such file is given."),
    ],
)  # fmt: skip
def test_options_that_nothing_reads_are_refused(
    ada: Caller, format: str, more: Any, error: str
) -> None:
    body = {name: value for name, value in form(**more).items() if value is not None}
    response = ada.client.post(f"/api/load?format={format}", body)
    assert_invalid(response, {"non_field_errors": [error]})
    assert not Project.objects.exists()


def no_such(what: str, advice: str) -> list[str]:
    return [f"There is no such {what}: {advice}"]


ONE_FILE = ["Give one file of each name; a folder is sent as one ZIP."]


@pytest.mark.parametrize(
    ("query", "more", "errors"),
    [
        ("", {"labelMap": "{}", "map_labels": "{}"},
         {"labelMap": no_such("field", "did you mean label_map?"),
          "map_labels": no_such("field", "did you mean add_labels?")}),
        ("", {"prediction": file(RESULTS)},
         {"prediction": no_such("field", "did you mean predictions?")}),
        ("", {"predictions": [file(RESULTS), file([])]},
         {"ground_truth": ONE_FILE, "predictions": ONE_FILE}),
        ("&evaluate=true", {}, {"evaluate": no_such("parameter", "leave it out.")}),
        ("&format=coco", {}, {"format": ["Give it once."]}),
    ],
)  # fmt: skip
def test_names_that_nothing_reads_are_refused(
    ada: Caller, query: str, more: Any, errors: Any
) -> None:
    assert_invalid(ada.client.post(f"/api/load?format=coco{query}", form(**more)), errors)
    assert not Project.objects.exists()


def test_so_they_are_into_a_project(ada: Caller, make_project: MakeProject) -> None:
    url = f"/api/projects/{make_project(ada, CONFIG).pk}/import?format=coco"
    errors = {"evaluate": no_such("field", "leave it out.")}
    assert_invalid(ada.client.post(url, form(evaluate="true")), errors)
    errors = {"split": no_such("parameter", "leave it out.")}
    assert_invalid(ada.client.post(f"{url}&split=train", form()), errors)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("asked", "name"),
    [("commit_to_project=false", "commit_to_project"),
     ("preannotated_from_fields=label", "preannotated_from_fields")],
)  # fmt: skip
def test_what_is_told_of_tasks_is_refused_with_a_format(
    ada: Caller, make_project: MakeProject, asked: str, name: str
) -> None:
    made = make_project(ada, CONFIG)
    response = ada.client.post(f"/api/projects/{made.pk}/import?format=coco&{asked}", form())
    assert_invalid(response, {name: ["This is of tasks, and is not read with `format`."]})
    assert not made.tasks.exists()


def packed(**files: bytes) -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return SimpleUploadedFile("a.zip", content.getvalue())


def link() -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return SimpleUploadedFile("a.zip", content.getvalue())


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        (packed(**{"../a.txt": b""}), "a.zip: holds an entry outside of it: '../a.txt'."),
        (packed(**{"/a.txt": b""}), "a.zip: holds an entry outside of it: '/a.txt'."),
        (packed(**{"a/b.jpg": b""}), "a.zip: holds a picture, 'a/b.jpg': send the labels alone, and"
         " say where the pictures are with --images or `image_root`."),
        (link(), "a.zip: holds a link: 'link'."),
        (packed(bomb=bytes(4_000_000)), "a.zip: unpacks to over 20 times its size."),
        (packed(a=b"", b=b""), "a.zip: holds 2 files, and this format is one."),
    ],
)  # fmt: skip
def test_archives_that_are_refused(ada: Caller, archive: SimpleUploadedFile, error: str) -> None:
    archive.seek(0)
    response = ada.client.post("/api/load?format=coco", form(ground_truth=archive))
    assert_invalid(response, {"non_field_errors": [error]})
    assert not Project.objects.exists()


def test_an_archive_of_one_file(ada: Caller) -> None:
    archive = packed(**{"val/truth.json": json.dumps(TRUTH).encode()})
    assert ada.client.post("/api/load?format=coco", form(ground_truth=archive)).status_code == 201


def test_only_a_form_is_taken(ada: Caller, make_project: MakeProject) -> None:
    response = ada.client.post("/api/load?format=coco", TRUTH, format="json")
    assert_refused(response, 415, 'Unsupported media type "application/json" in request.')
    url = f"/api/projects/{make_project(ada).pk}/import?format=coco"
    assert_invalid(
        ada.client.post(url, TRUTH, format="json"),
        {
            "non_field_errors": [
                "Send a form (multipart/form-data) with the files `ground_truth` and `predictions`."
            ]
        },
    )


def test_an_evaluation_needs_its_scope(someone: Callable[[str], APIClient]) -> None:
    response = someone("key to write").post("/api/load?format=coco", form(evaluate="true"))
    assert_refused(response, 403, 'This key lacks the scope "model-eval:write".')
    assert not Project.objects.exists()


def test_sent_twice_it_is_loaded_once(ada: Caller) -> None:
    answers = [
        ada.client.post("/api/load?format=coco", form(), HTTP_IDEMPOTENCY_KEY="k").content
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert AuditEntry.objects.filter(action="dataset.loaded").count() == 1


def test_the_number_of_statements_does_not_grow(
    ada: Caller, make_project: MakeProject, django_assert_num_queries: Any
) -> None:
    for n_images in (1, 100):
        project = make_project(ada, CONFIG)
        images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(n_images)]
        truth = {**TRUTH, "images": images, "annotations": []}
        url = f"/api/projects/{project.pk}/import?format=coco"
        with django_assert_num_queries(14):
            ada.client.post(url, {"ground_truth": file(truth)})


@who_may_write(201, foreign=201)
def test_who_may_load(someone: Callable[[str], APIClient], who: str, status: int) -> None:
    assert someone(who).post("/api/load?format=coco", form()).status_code == status
    assert Project.objects.count() == (status == 201)


def test_by_a_session_with_its_token(ada: Caller) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ada.user)
    refused = client.post("/api/load", form(image_root="https://x.y/p/"))
    assert_refused(refused, 403, "CSRF Failed: CSRF cookie not set.")
    client.cookies["csrftoken"] = token = "a" * 32
    headers = {"X-CSRFToken": token}
    loaded = client.post("/api/load", form(image_root="https://x.y/p/"), headers=headers)
    assert loaded.status_code == 201, loaded.content
    assert_loaded(Project.objects.get())
