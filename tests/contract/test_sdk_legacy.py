"""The SDK's legacy client against a live server: paths without a slash, results in shorthand."""

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from label_studio_sdk._legacy import Client, Project
from label_studio_sdk.data_manager import Column, Filters, Operator, Type

from predictions.models import Prediction
from tests.conftest import IMAGE_CONFIG, TEXT_CONFIG, Caller, region


@pytest.fixture
def client(address: str, ada: Caller) -> Iterator[Client]:
    """The legacy client with Ada's key."""
    with requests.Session() as session:
        yield Client(url=address, api_key=ada.key, session=session)


@pytest.fixture
def images(client: Client) -> Project:
    """A project of rectangles that the legacy client made."""
    return client.start_project(title="Street cars", label_config=IMAGE_CONFIG)


@pytest.fixture
def texts(client: Client) -> Project:
    """A project of choices that the legacy client made."""
    return client.start_project(title="Moods", label_config=TEXT_CONFIG)


def refusal(error: pytest.ExceptionInfo[requests.HTTPError]) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer that an exception carries."""
    response = error.value.response
    assert response is not None
    return response.status_code, response.json()


def test_the_constructor_reads_the_versions(client: Client) -> None:
    assert client.versions["release"] == "1.23.2"
    assert not client.is_enterprise


def test_check_connection(client: Client) -> None:
    assert client.check_connection() == {"status": "UP"}


def test_projects(client: Client, images: Project, texts: Project) -> None:
    assert images.title == "Street cars"
    assert client.get_project(images.id).get_params()["label_config"] == IMAGE_CONFIG
    assert [project.id for project in client.get_projects()] == [texts.id, images.id]
    images.set_params(title="Street")
    assert images.get_params()["title"] == "Street"
    assert client.delete_project(images.id).status_code == 204
    with pytest.raises(requests.HTTPError) as error:
        client.get_project(images.id)
    assert refusal(error)[0] == 404


def test_tasks_are_read_page_by_page(images: Project) -> None:
    ids = images.import_tasks([{"image": f"http://x.y/{n}.jpg"} for n in range(102)])
    assert images.get_tasks_ids() == ids
    task = images.get_task(ids[5])
    assert (task["id"], task["data"]) == (ids[5], {"image": "http://x.y/5.jpg"})


def test_tasks_are_filtered_ordered_and_selected(images: Project) -> None:
    ids = images.import_tasks(
        [
            {"data": {"image": f"{n}.jpg"}, "annotations": [{"result": []}] * (n < 2)}
            for n in range(103)
        ]
    )
    later = Filters.create(
        Filters.AND,
        [
            Filters.item(Column.id, Operator.GREATER, Type.Number, Filters.value(ids[0])),
            Filters.item(Column.data("image"), Operator.NOT_CONTAINS, Type.String, "5.jpg"),
            Filters.item(
                Column.created_at,
                Operator.IN,
                Type.Datetime,
                Filters.value(datetime(2020, 1, 1), datetime(2100, 1, 1)),
            ),
        ],
    )
    expected = [pk for n, pk in enumerate(ids) if n and n % 10 != 5]
    found = images.get_tasks(filters=later, ordering=["-" + Column.id])
    assert [task["id"] for task in found] == expected[::-1]
    assert images.get_tasks_ids(selected_ids=ids[3:5]) == ids[3:5]
    assert images.get_labeled_tasks_ids() == ids[:2]
    assert images.get_unlabeled_tasks_ids() == ids[2:]
    page = images.get_paginated_tasks(ordering=["-" + Column.total_annotations], page_size=2)
    assert [task["id"] for task in page["tasks"]] == ids[1::-1]
    assert (page["total"], page["total_annotations"]) == (103, 2)
    view = images.create_view(filters=later, ordering=["-" + Column.id])
    assert images.get_tasks_ids(view_id=view["id"]) == expected[::-1]
    assert images.get_tasks_ids(view_id=view["id"], selected_ids=ids[4:7]) == [ids[6], ids[4]]


def test_import_of_a_file(texts: Project, tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    table.write_text("text,mood\nGreat,pos\nAwful,neg\n")
    ids = texts.import_tasks(table, preannotated_from_fields=["mood"])
    tasks = [texts.get_task(pk) for pk in ids]
    assert [task["data"] for task in tasks] == [{"text": "Great"}, {"text": "Awful"}]
    predicted = [task["predictions"][0]["result"][0]["value"] for task in tasks]
    assert predicted == [{"choices": ["pos"]}, {"choices": ["neg"]}]


def test_create_prediction_of_regions(images: Project) -> None:
    (task,) = images.import_tasks([{"image": "http://x.y/1.jpg"}])
    created = images.create_prediction(task, result=[region()], score=0.9, model_version="v1")
    assert (created["result"], created["score"]) == ([region()], 0.9)
    assert (created["task"], created["project"]) == (task, images.id)
    assert images.get_task(task)["predictions"] == [created]
    stored = Prediction.objects.get(pk=created["id"])
    assert (stored.result, stored.model_version) == ([region()], "v1")


def test_create_prediction_sends_a_score_of_zero(images: Project) -> None:
    (task,) = images.import_tasks([{"image": "http://x.y/1.jpg"}])
    created = images.create_prediction(task, result=[])
    assert (created["score"], created["model_version"]) == (0.0, "")


@pytest.mark.parametrize("result", ["pos", {"choices": ["pos"]}])
def test_create_prediction_of_a_class_name(texts: Project, result: object) -> None:
    (task,) = texts.import_tasks([{"text": "well done"}])
    created = texts.create_prediction(task, result=result)
    (stored,) = created["result"]
    assert stored.pop("id")
    assert stored == {
        "from_name": "sentiment",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": ["pos"]},
    }


def test_create_prediction_that_is_refused_raises(images: Project) -> None:
    (task,) = images.import_tasks([{"image": "http://x.y/1.jpg"}])
    with pytest.raises(requests.HTTPError) as error:
        images.create_prediction(task, result="Car")
    status, body = refusal(error)
    assert (status, list(body["validation_errors"])) == (400, ["result"])
    assert not Prediction.objects.exists()


def test_create_predictions_and_their_versions(images: Project) -> None:
    ids = images.import_tasks([{"image": f"http://x.y/{n}.jpg"} for n in range(4)])
    answer = images.create_predictions(
        [{"task": pk, "result": [region()], "model_version": "v1"} for pk in ids]
    )
    assert answer["created"] == 4
    assert len(answer["prediction_ids"]) == 4
    images.create_predictions([{"task": ids[0], "result": [], "model_version": "v2"}])
    assert images.get_model_versions() == {"v2": 1, "v1": 4}
    assert images.get_predictions_coverage() == {"v2": 0.25, "v1": 1.0}
    images.set_model_version("v1")
    assert images.get_params()["model_version"] == "v1"


def test_annotations(images: Project, ada: Caller) -> None:
    (task,) = images.import_tasks([{"image": "http://x.y/1.jpg"}])
    created = images.create_annotation(task, result=[region()], ground_truth=True)
    assert (created["result"], created["completed_by"]) == ([region()], ada.user.pk)
    assert images.list_annotations(task) == [created]
    changed = images.update_annotation(created["id"], ground_truth=False)
    assert changed["ground_truth"] is False
    assert images.get_annotation(created["id"]) == changed
    assert images.delete_annotation(created["id"]) == 204
    assert images.list_annotations(task) == []


def test_an_unknown_key_raises(address: str) -> None:
    with requests.Session() as session:
        client = Client(url=address, api_key="0" * 39 + "a", session=session)
        with pytest.raises(requests.HTTPError) as error:
            client.get_projects()
    status, body = refusal(error)
    assert (status, body["detail"]) == (401, "Invalid token.")


def test_exports(images: Project, tmp_path: Path) -> None:
    done, open_ = images.import_tasks(
        [
            {"data": {"image": "1.jpg"}, "annotations": [{"result": [region()]}]},
            {"data": {"image": "2.jpg"}},
        ]
    )
    assert [task["id"] for task in images.export_tasks()] == [done]
    everything = images.export_tasks(download_all_tasks=True)
    assert [task["id"] for task in everything] == [done, open_]
    chosen = images.export_tasks(download_all_tasks=True, ids=[open_, done + 10_000])
    assert [task["id"] for task in chosen] == [open_]
    place = tmp_path / "coco.zip"
    images.export_tasks("COCO", export_location=str(place), download_resources=True)
    assert zipfile.ZipFile(place).namelist() == ["result.json"]
    with pytest.raises(requests.HTTPError) as error:
        images.export_tasks("BLAH", export_location=str(place))
    assert refusal(error)[0] == 400
