"""Vector analysis of tasks that carry embeddings, and what is written back to predictions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evals.models import EvalImage, ModelEval
from predictions.models import Prediction, Project
from tests.conftest import Caller
from tests.evals.conftest import Json, box, computed, load, task

CAR = box("Car", 10, 10, 20, 20)


def embedded_tasks() -> list[Json]:
    """Two far groups of eight images; in the second, every Car is called Person."""
    random = np.random.default_rng(3)
    items = []
    for n in range(16):
        group = n // 8
        vector = (random.normal(0, 0.1, 8) + 10 * group).tolist()
        said = box("Person" if group else "Car", 10, 10, 20, 20, 0.9)
        split = "test" if n % 2 else "valid"
        items.append(task(str(n), split=split, truth=[CAR], said={"v1": [said]}, embedding=vector))
    return items


@pytest.fixture
def task_ids(ada: Caller, project: Project) -> list[int]:
    return load(ada, project, embedded_tasks())


def test_panel(ada: Caller, project: Project, task_ids: list[int]) -> None:
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/vector-analysis"
    document = ada.client.get(path).json()

    assert found.status == "done", found.failure_reason
    assert document["evalId"] == found.eval_id
    clustering = document["clustering"]
    assert clustering.pop("processingTimeSeconds") > 0
    assert 0.9 < clustering["metrics"].pop("silhouetteScore") <= 1
    assert clustering == {
        "method": "hdbscan",
        "nClusters": 2,
        "metrics": {"noiseRatio": 0.0},
        "parameters": {
            "min_cluster_size": 5,
            "min_samples": 5,
            "cluster_selection_method": "eom",
            "metric": "euclidean",
        },
    }
    assert document["preprocessing"] == {
        "method": "pca",
        "originalDimensions": 8,
        "targetDimensions": 8,
    }
    by_f1 = {cluster["metrics"]["f1Mean"]: cluster for cluster in document["clusters"]}
    assert by_f1[1.0]["numImages"] == by_f1[0.0]["numImages"] == 8
    assert by_f1[1.0]["splitDistribution"] == {"valid": 4, "test": 4}
    assert by_f1[1.0]["sampleImages"] == [f"{n}.jpg" for n in range(5)]
    # Nothing is kept at 95 percent.
    silent = ada.client.get(path, {"confidence": 95}).json()["clusters"]
    assert {cluster["metrics"]["f1Mean"] for cluster in silent} == {0.0}


def test_images_have_their_cluster(ada: Caller, project: Project, task_ids: list[int]) -> None:
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    images = ada.client.get(path).json()["images"]

    ids = [image["cluster"]["id"] for image in images]
    assert len(set(ids[:8])) == len(set(ids[8:])) == 1
    assert ids[0] != ids[8]
    assert all(len(image["cluster"]["embedding2D"]) == 2 for image in images)
    mine = ada.client.get(path, {"cluster": ids[8]}).json()
    assert [i["imageName"] for i in mine["images"]] == [f"{n}.jpg" for n in range(8, 16)]


@pytest.mark.parametrize("meta", [{}, {"embedding": None}])
def test_images_without_an_embedding_are_in_no_cluster(
    ada: Caller, project: Project, task_ids: list[int], meta: dict[str, Any]
) -> None:
    load(ada, project, [task("bare", truth=[CAR], said={"v1": []}, **meta)])
    found = computed(ada, project)

    assert EvalImage.objects.get(evaluation=found, position=16).cluster is None
    assert EvalImage.objects.filter(evaluation=found, cluster=None).count() == 1


@pytest.mark.parametrize(
    ("embedding", "reason"),
    [
        ([1.0] * 7, "has 7 numbers, that of task"),
        ([1.0] * 7 + [None], "no number"),
        ([1.0] * 7 + ["NaN"], "no number"),
        ([1.0] * 7 + [1e300], "no number"),
        ([[1.0] * 8], "must be a list of numbers"),
        ("12345678", "must be a list of numbers"),
        ([], "must be a list of numbers"),
        ([1.0] * 7 + ["x"], "must be a list of numbers"),
    ],
)
def test_fails_on_odd_embeddings(
    ada: Caller, project: Project, task_ids: list[int], embedding: Any, reason: str
) -> None:
    [odd] = load(ada, project, [task("odd", truth=[CAR], said={"v1": []}, embedding=embedding)])
    found = computed(ada, project)

    assert found.status == "failed"
    assert f"Task {odd}: meta.embedding" in found.failure_reason
    assert reason in found.failure_reason


def test_nothing_is_written_back_unasked(
    ada: Caller, project: Project, task_ids: list[int]
) -> None:
    computed(ada, project)

    assert set(Prediction.objects.values_list("cluster", "neighbors", "mislabeling")) == {
        (None, None, 0.0)
    }


def test_writes_back(ada: Caller, project: Project, task_ids: list[int]) -> None:
    before = list(Prediction.objects.order_by("id").values_list("updated_at", flat=True))
    found = computed(ada, project, writeBack=True)
    stored = list(Prediction.objects.order_by("task_id"))

    assert found.status == "done", found.failure_reason
    clusters = [prediction.cluster for prediction in stored]
    assert clusters == [
        image.cluster for image in EvalImage.objects.filter(evaluation=found).order_by("position")
    ]
    for n, prediction in enumerate(stored):
        near = prediction.neighbors or []
        group = task_ids[:8] if n < 8 else task_ids[8:]
        assert len(near) == 10
        assert prediction.task_id not in near
        assert set(near[:7]) == set(group) - {prediction.task_id}
    # Cars are found at 0.9; no Person ever is, so being sure of one proves nothing.
    assert {prediction.mislabeling for prediction in stored} == {0.0}
    assert list(Prediction.objects.order_by("id").values_list("updated_at", flat=True)) == before


def test_nearest_are_nearest(ada: Caller, project: Project, task_ids: list[int]) -> None:
    computed(ada, project, writeBack=True)
    vectors = {
        task_id: np.asarray(item["meta"]["embedding"], dtype=np.float32)
        for task_id, item in zip(task_ids, embedded_tasks(), strict=True)
    }
    for prediction in Prediction.objects.all():
        mine = vectors[prediction.task_id]
        order = sorted(
            (float(np.linalg.norm(vectors[other] - mine)), other)
            for other in task_ids
            if other != prediction.task_id
        )
        assert prediction.neighbors == [other for _, other in order[:10]]


def test_mislabeling_is_confident_contradiction(ada: Caller, project: Project) -> None:
    right = box("Car", 10, 10, 20, 20, 0.6)
    unsure, sure = box("Car", 60, 60, 20, 20, 0.5), box("Car", 60, 60, 20, 20, 0.9)
    load(
        ada,
        project,
        [
            task("right", truth=[CAR], said={"v1": [right]}),
            task("unsure", truth=[CAR], said={"v1": [right, unsure]}),
            task("sure", truth=[CAR], said={"v1": [right, sure]}),
            task("missed", truth=[CAR], said={"v1": []}),
            task("swapped", truth=[box("Person", 10, 10, 20, 20)], said={"v1": [sure, right]}),
        ],
    )
    computed(ada, project, writeBack=True)

    # The mean score of right Cars is 0.6: only what is at least as sure is believed over the label.
    scores = list(Prediction.objects.order_by("task_id").values_list("mislabeling", flat=True))
    assert scores == [0.0, 0.0, 0.9, 0.0, 0.9]


def test_mislabeling_goes_by_what_is_kept(ada: Caller, project: Project) -> None:
    """A closer box with a score below the confidence takes the match from none that is kept."""
    sure, stray = box("Car", 10, 10, 20, 19, 0.9), box("Car", 10, 10, 20, 20, 0.05)
    load(ada, project, [task("right", truth=[CAR], said={"v1": [sure, stray]})])
    found = computed(ada, project, writeBack=True)

    image = EvalImage.objects.get(evaluation=found)
    assert (image.tp, image.fp, image.fn) == (1, 0, 0)
    assert Prediction.objects.get().mislabeling == 0.0


def test_mislabeling_of_a_prediction_is_of_its_worst_page(
    ada: Caller, make_project: Callable[..., Project]
) -> None:
    config = (
        '<View><Image name="image" valueList="$pages"/><RectangleLabels name="label"'
        ' toName="image"><Label value="Car"/></RectangleLabels></View>'
    )
    project = make_project(ada, config)
    first, second = ({**CAR, "id": str(page), "item_index": page} for page in (0, 1))
    item = task("pages", truth=[first], said={"v1": [{**first, "score": 0.8}]})
    item["predictions"][0]["result"].append({**second, "score": 0.9})
    item["data"] = {"pages": ["http://x.y/1.jpg", "http://x.y/2.jpg"]}
    load(ada, project, [item])
    found = computed(ada, project, writeBack=True)

    assert found.status == "done", found.failure_reason
    assert [i.fp for i in EvalImage.objects.filter(evaluation=found).order_by("position")] == [0, 1]
    assert Prediction.objects.get().mislabeling == 0.9


def test_an_import_brings_its_own_map(ada: Caller, project: Project) -> None:
    from tests.evals.imports.test_import import DOCUMENT

    clustering: Json = {
        "clustering": {"method": "hdbscan", "nClusters": 1},
        "preprocessing": {"method": "umap"},
        "clusters": [{"id": 1, "numImages": 3}],
    }
    body = {**DOCUMENT, "clustering": clustering}
    made = ada.client.post("/lab/model-evals/import", body, format="json").json()
    path = f"/lab/model-evals/{made['evalId']}/vector-analysis"
    document = ada.client.get(path).json()

    assert {key: document[key] for key in clustering} == clustering
    assert ada.client.get(path, {"confidence": 20}).json() == document
    # The file has a report at 60, and other numbers of clusters than those it has at 20.
    refused = ada.client.get(path, {"confidence": 60})
    assert (refused.status_code, refused.json()["error"]) == (404, "report_not_found")
    assert ModelEval.objects.get().status == "done"
