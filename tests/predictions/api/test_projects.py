"""/api/projects/ and /api/projects/{id}/."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import (
    A_MOMENT,
    IMAGE_CONFIG,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    who_may_read,
    who_may_write,
)

Make = Callable[..., dict[str, Any]]
URL = "/api/projects/"
NO_PROJECT = "No Project matches the given query."
INVALID_CHOICE = "Select a valid choice. That choice is not one of the available choices."
UNKNOWN_VERSION = "Model version doesn't exist either as live model or as static predictions."
COUNTS = (
    "num_tasks_with_annotations",
    "task_number",
    "useful_annotation_number",
    "ground_truth_number",
    "skipped_annotations_number",
    "total_annotations_number",
    "total_predictions_number",
    "finished_task_number",
)


def document_of(ada: Caller, project_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": project_id,
        "title": "Cars on roads",
        "description": "",
        "label_config": IMAGE_CONFIG,
        "expert_instruction": "",
        "show_instruction": False,
        "show_skip_button": True,
        "enable_empty_annotation": True,
        "show_annotation_history": False,
        "organization": ada.workspace.pk,
        "color": "#FFFFFF",
        "maximum_annotations": 1,
        "is_published": False,
        "model_version": "",
        "is_draft": False,
        "created_by": {
            "id": ada.user.pk,
            "first_name": "",
            "last_name": "",
            "email": "ada@example.com",
            "avatar": None,
        },
        "created_at": A_MOMENT,
        "min_annotations_to_start_training": 0,
        "start_training_on_annotation_update": False,
        "show_collab_predictions": True,
        "num_tasks_with_annotations": None,
        "task_number": None,
        "useful_annotation_number": None,
        "ground_truth_number": None,
        "skipped_annotations_number": None,
        "total_annotations_number": None,
        "total_predictions_number": None,
        "sampling": "Sequential sampling",
        "show_ground_truth_first": False,
        "annotator_evaluation_enabled": False,
        "show_overlap_first": False,
        "overlap_cohort_percentage": 100,
        "task_data_login": None,
        "task_data_password": None,
        "control_weights": {
            "label": {
                "overall": 1.0,
                "type": "RectangleLabels",
                "labels": {"Car": 1.0, "Person": 1.0},
            }
        },
        "parsed_label_config": {
            "label": {
                "type": "RectangleLabels",
                "to_name": ["image"],
                "inputs": [{"type": "Image", "valueType": None, "value": "image"}],
                "labels": ["Car", "Person"],
                "labels_attrs": {"Car": {"value": "Car"}, "Person": {"value": "Person"}},
            }
        },
        "evaluate_predictions_automatically": False,
        "config_has_control_tags": True,
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "reveal_preannotations_interactively": False,
        "pinned_at": None,
        "finished_task_number": None,
        "queue_total": 0,
        "queue_done": 0,
        "config_suitable_for_bulk_annotation": False,
        "state": None,
        "slug": "cars-on-roads",
        "validate_predictions": False,
        **changes,
    }


def test_creates_a_project(ada: Caller) -> None:
    body = {"title": "Cars on roads", "label_config": IMAGE_CONFIG}

    response = ada.client.post(URL, body, format="json")

    assert response.status_code == 201
    created = response.json()
    expected = document_of(ada, created["id"])
    assert list(created) == list(expected)
    assert created == expected
    got = ada.client.get(f"{URL}{created['id']}/")
    assert got.json() == {**created, **dict.fromkeys(COUNTS, 0)}


def test_counts_what_it_holds(
    ada: Caller, project: Project, task: int, make_prediction: Make, make_annotation: Make
) -> None:
    make_prediction(ada, task)
    make_annotation(ada, task, ground_truth=True)
    make_annotation(ada, task)
    make_annotation(ada, task, was_cancelled=True)

    document = ada.client.get(f"{URL}{project.pk}/").json()

    assert {name: document[name] for name in (*COUNTS, "queue_total", "queue_done")} == {
        "num_tasks_with_annotations": 1,
        "task_number": 1,
        # Without the ground truth.
        "useful_annotation_number": 1,
        "ground_truth_number": 1,
        "skipped_annotations_number": 1,
        "total_annotations_number": 2,
        "total_predictions_number": 1,
        "finished_task_number": 1,
        "queue_total": 1,
        "queue_done": 1,
    }
    for name in (*COUNTS, "queue_total", "queue_done"):
        listed = ada.client.get(f"{URL}?include={name},title").json()["results"]
        assert listed == [{"id": project.pk, name: document[name], "title": document["title"]}]
    kept = Annotation.objects.get(was_cancelled=False, ground_truth=False)
    assert ada.client.delete(f"/api/annotations/{kept.pk}/").status_code == 204
    left = ada.client.get(f"{URL}{project.pk}/").json()
    names = ("num_tasks_with_annotations", "useful_annotation_number", "finished_task_number")
    assert [left[name] for name in names] == [0, 0, 1]


def test_everything_may_be_left_out(ada: Caller) -> None:
    document = ada.client.post(URL, {}, format="json").json()

    assert (document["title"], document["label_config"], document["slug"]) == (
        "",
        "<View></View>",
        "project",
    )
    assert document["config_has_control_tags"] is False


def test_equal_titles_get_slugs_of_their_own(ada: Caller, olga: Caller) -> None:
    titles = ["Cars", "Cars", "cars!", "  Cars  "]
    slugs = [ada.client.post(URL, {"title": t}, format="json").json()["slug"] for t in titles]

    assert slugs == ["cars", "cars-2", "cars-3", "cars-4"]
    assert olga.client.post(URL, {"title": "Cars"}, format="json").json()["slug"] == "cars"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"title": "ab"}, {"title": ["Ensure this field has at least 3 characters."]}),
        ({"title": "x" * 51}, {"title": ["Ensure this field has no more than 50 characters."]}),
        ({"title": "a\0bc"}, {"title": ["Null characters are not allowed."]}),
        ({"title": None}, {"title": ["This field may not be null."]}),
        ({"title": ["abc"]}, {"title": ["Not a valid string."]}),
        ({"label_config": "<View"}, {"label_config": ["unclosed token: line 1, column 0"]}),
        (
            {"label_config": "<View><View>"},
            {"label_config": ["no element found: line 1, column 12"]},
        ),
        (
            {"label_config": '<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>'},
            {"label_config": ["Not allowed in a labelling config: EntitiesForbidden"]},
        ),
        (
            {
                "label_config": '<View><Labels name="c" toName="t"><Label value="a"/>'
                "</Labels></View>"
            },
            {"label_config": ['The control "c" names no object of the config in toName.']},
        ),
        (
            {"sampling": "Random"},
            {"sampling": ['"Random" is not a valid choice.']},
        ),
        (
            {"maximum_annotations": 2**31},
            {"maximum_annotations": ["Ensure this value is less than or equal to 2147483647."]},
        ),
        (
            {"validate_predictions": "perhaps"},
            {"validate_predictions": ["Must be a valid boolean."]},
        ),
        ({"control_weights": [1]}, {"control_weights": ["Expected a JSON object."]}),
        (
            [],
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        ),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refuses(ada: Caller, project: Project, body: Any, errors: Any) -> None:
    assert_invalid(ada.client.post(URL, body, format="json"), errors)
    assert_invalid(ada.client.patch(f"{URL}{project.pk}/", body, format="json"), errors)
    assert Project.objects.count() == 1


def test_patches_a_project(ada: Caller, project: Project) -> None:
    before = ada.client.get(f"{URL}{project.pk}/").json()

    response = ada.client.patch(
        f"{URL}{project.pk}/",
        {"title": "Trucks", "validate_predictions": True, "id": 9, "organization": 9, "slug": "x"},
        format="json",
    )

    assert response.status_code == 200
    changed = {"title": "Trucks", "validate_predictions": True}
    assert response.json() == {**before, **changed}
    assert ada.client.get(f"{URL}{project.pk}/").json() == {**before, **changed}


def test_a_new_config_brings_new_controls(ada: Caller, project: Project) -> None:
    response = ada.client.patch(f"{URL}{project.pk}/", {"label_config": TEXT_CONFIG}, format="json")

    assert list(response.json()["parsed_label_config"]) == ["sentiment"]
    assert list(response.json()["control_weights"]) == ["sentiment"]
    assert response.json()["config_suitable_for_bulk_annotation"] is True


def test_put_keeps_what_it_leaves_out(ada: Caller, project: Project) -> None:
    response = ada.client.put(f"{URL}{project.pk}/", {"description": "new"}, format="json")

    assert response.status_code == 200
    assert (response.json()["title"], response.json()["description"]) == ("Cars", "new")
    assert response.json()["label_config"] == IMAGE_CONFIG


def test_a_model_version_must_exist(
    ada: Caller, project: Project, task: int, make_prediction: Make
) -> None:
    url = f"{URL}{project.pk}/"
    refused = ada.client.patch(url, {"model_version": "v1"}, format="json")
    assert_invalid(refused, {"model_version": [UNKNOWN_VERSION]})
    make_prediction(ada, task, model_version="v1")

    for sent, kept in (("v1", "v1"), ("v1", "v1"), (None, ""), ("", "")):
        response = ada.client.patch(url, {"model_version": sent}, format="json")
        assert (response.status_code, response.json()["model_version"]) == (200, kept)


def test_lists_projects_newest_first(ada: Caller, olga: Caller, make_project: MakeProject) -> None:
    make_project(olga, title="Foreign")
    made = [make_project(ada, title=title) for title in ("Cars", "Trucks", "Old cars")]
    ids = [p.pk for p in made][::-1]

    response = ada.client.get(URL)

    page = response.json()
    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], page["next"], page["previous"]) == (3, None, None)
    assert page["results"] == [ada.client.get(f"{URL}{pk}/").json() for pk in ids]

    def listed(query: str) -> list[int]:
        return [p["id"] for p in ada.client.get(f"{URL}?{query}").json()["results"]]

    assert listed("title=CARS") == [ids[0], ids[2]]
    assert listed("archived=false") == ids
    assert listed("archived=true") == []
    assert listed("members_limit=1") == ids
    assert listed(f"ids={ids[1]}&ids={ids[2]}") == ids[1:]
    assert listed(f"ids={ids[1]}, {ids[2]},{'9' * 19}") == ids[1:]
    refused = {f"ids={ids[1]},x": "ids", f"ids[]={ids[1]}": "ids[]", "Title=Cars": "Title"}
    for query, name in refused.items():
        answer = ada.client.get(f"{URL}?{query}")
        assert (answer.status_code, list(answer.json()["validation_errors"])) == (400, [name])
    assert listed("page_size=2") == ids[:2]
    assert listed("page_size=2&page=2") == ids[2:]
    slim = ada.client.get(f"{URL}?include=id,title").json()["results"]
    assert slim[0] == {"id": ids[0], "title": "Old cars"}


def test_finds_orders_and_pins_projects(
    ada: Caller, olga: Caller, make_project: MakeProject
) -> None:
    make_project(olga, title="Foreign cars")
    cars, trucks, old = (make_project(ada, title=title).pk for title in ("Cars", "Trucks", "Old"))
    assert ada.client.patch(f"{URL}{old}/", {"description": "CARS of 1950"}).status_code == 200

    def listed(query: str = "") -> tuple[list[int], int]:
        page = ada.client.get(f"{URL}?{query}").json()
        return [p["id"] for p in page["results"]], page["count"]

    assert listed("search=cars") == ([old, cars], 2)
    assert listed("search=cars&title=ol") == ([old], 1)
    assert listed("search=unheard") == ([], 0)
    assert listed("filter=pinned_only") == ([], 0)
    for pk, at in ((cars, "2026-01-01T00:00:00Z"), (trucks, "2026-02-01T00:00:00Z")):
        assert ada.client.patch(f"{URL}{pk}/", {"pinned_at": at}).status_code == 200
    assert listed() == ([trucks, cars, old], 3)
    assert listed("filter=all") == ([trucks, cars, old], 3)
    assert listed("filter=pinned_only") == ([trucks, cars], 2)
    assert listed("filter=exclude_pinned") == ([old], 1)
    assert listed("ordering=title") == ([cars, old, trucks], 3)
    assert listed("ordering=-created_at") == listed("ordering=-id") == ([old, trucks, cars], 3)


REFUSED: list[tuple[str, Any]] = [
    ("ordering=color", {"ordering": [INVALID_CHOICE]}),
    ("state=done", {"state": ["Projects have no states here."]}),
    ("workspaces=1", {"workspaces": ["A key is for one workspace: its projects are listed."]}),
    ("source_interface_id=3.0", {"source_interface_id": ["Projects have no interfaces here."]}),
]


@pytest.mark.parametrize(
    ("url", "query", "errors"),
    [
        (URL, "filter=pinned", {"filter": [INVALID_CHOICE]}),
        *((url, *one) for url in (URL, "/api/prompts/compatible-projects") for one in REFUSED),
    ],
)
def test_what_projects_cannot_be_chosen_by_is_refused(
    ada: Caller, project: Project, url: str, query: str, errors: Any
) -> None:
    assert_invalid(ada.client.get(f"{url}?{query}"), errors)


def test_the_pages_end_in_a_404(ada: Caller, project: Project) -> None:
    for page in ("2", "0", "x", "9" * 30):
        assert_refused(ada.client.get(f"{URL}?page={page}"), 404, "Invalid page.")


def test_deletes_a_project_with_all_in_it(
    ada: Caller,
    project: Project,
    task: int,
    make_project: MakeProject,
    make_prediction: Make,
    make_annotation: Make,
) -> None:
    kept = make_project(ada)
    made = make_prediction(ada, task)
    make_annotation(ada, task, parent_prediction=made["id"])
    url = f"{URL}{project.pk}/"

    response = ada.client.delete(url)

    assert (response.status_code, response.content) == (204, b"")
    assert list(Project.objects.values_list("pk", flat=True)) == [kept.pk]
    assert not Task.objects.exists()
    assert not Prediction.objects.exists()
    assert_refused(ada.client.delete(url), 404, NO_PROJECT)
    assert ada.client.get(f"/api/predictions/{made['id']}/").status_code == 404


@pytest.mark.parametrize("method", ["get", "patch", "put", "delete"])
def test_not_found(ada: Caller, method: str) -> None:
    for pk in ("999999", "9" * 40):
        assert_refused(getattr(ada.client, method)(f"{URL}{pk}/"), 404, NO_PROJECT)


@who_may_write(201, foreign=201)
def test_who_may_create(someone: Callable[[str], APIClient], who: str, status: int) -> None:
    assert someone(who).post(URL, {"title": "Cars"}, format="json").status_code == status
    assert Project.objects.count() == (status == 201)


@who_may_read(foreign=200)
def test_who_may_list(
    someone: Callable[[str], APIClient], ada: Caller, project: Project, who: str, status: int
) -> None:
    response = someone(who).get(URL)

    assert response.status_code == status
    if status == 200:
        assert response.json()["count"] == (who != "foreign")


@who_may_write(200)
def test_who_may_patch(
    someone: Callable[[str], APIClient], ada: Caller, project: Project, who: str, status: int
) -> None:
    url = f"{URL}{project.pk}/"

    assert someone(who).patch(url, {"title": "Trucks"}, format="json").status_code == status
    assert Project.objects.filter(title="Trucks").exists() == (status == 200)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, make_project: MakeProject, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    for _ in range(n):
        make_project(ada)

    # The key, the count of pages, the projects; one statement for all their counts.
    with django_assert_num_queries(4):
        assert len(ada.client.get(URL).json()["results"]) == n
    with django_assert_num_queries(3):
        ada.client.get(f"{URL}?include=id,title")
    with django_assert_num_queries(4):
        ada.client.get(f"{URL}?include=id,task_number")
