"""What the pages fetch: the API's numbers, cut for a page. The API's answers are the oracle."""

import base64
import gzip
from typing import Any

import numpy as np
import pytest
from django.test import Client
from label_studio_sdk.converter.brush import encode_rle

from accounts.models import Membership
from evals.models import EvalImage, ModelEval
from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import CAR, box, computed, load, task
from tests.evals.desk.conftest import page

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
SPLITS = ("train", "valid", "test")


@pytest.fixture
def reader(desks: dict[str, Client]) -> Client:
    return desks["reader"]


def api(client: Client, evaluation: ModelEval, panel: str, **query: Any) -> Any:
    answer = client.get(f"/lab/model-evals/{evaluation.eval_id}/{panel}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def data(client: Client, evaluation: ModelEval, panel: str, **query: Any) -> Any:
    answer = client.get(page(evaluation, f"data/{panel}"), query)
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.parametrize(
    ("path", "who", "squeezed"),
    [
        ("/admin/evals/modeleval/{}/data/curves", "reader", True),
        # Somebody at the desk asks the API.
        ("/lab/model-evals/{}/confidence-sweep", "reader", True),
        # A program does.
        ("/lab/model-evals/{}/confidence-sweep", "key", False),
        ("/admin/evals/modeleval/{}/data/f1", "reader", False),
        # Too little to be worth it.
        ("/admin/evals/modeleval/{}/data/cards", "reader", False),
    ],
)
def test_data_is_compressed_for_a_browser(
    reader: Client, ada: Caller, evaluation: ModelEval, path: str, who: str, squeezed: bool
) -> None:
    client = reader if who == "reader" else ada.client
    plain = client.get(path.format(evaluation.eval_id))
    answer = client.get(path.format(evaluation.eval_id), headers={"accept-encoding": "gzip, br"})

    assert "Content-Encoding" not in plain
    if not squeezed:
        assert "Content-Encoding" not in answer
        assert answer.content == plain.content
        return
    assert answer["Content-Encoding"] == "gzip"
    assert all("Accept-Encoding" in one["Vary"] for one in (plain, answer))
    assert int(answer["Content-Length"]) == len(answer.content) < len(plain.content) / 3
    assert gzip.decompress(answer.content) == plain.content


@pytest.mark.parametrize("split", SPLITS)
def test_numbers_are_those_of_the_sweep_and_the_metrics(
    reader: Client, evaluation: ModelEval, split: str
) -> None:
    swept = api(reader, evaluation, "confidence-sweep")["splits"][split]
    measured = api(reader, evaluation, "map-results")["splits"][split]
    for confidence in range(100):
        found = data(reader, evaluation, "numbers", split=split, confidence=confidence)
        key = f"{confidence / 100:.2f}"
        assert found["confidenceThreshold"] == confidence / 100
        assert {name: found[name] for name in ("precision", "recall", "f1")} == swept[
            "perThreshold"
        ][key]
        assert [
            {name: one[name] for name in ("precision", "recall", "f1")} for one in found["classes"]
        ] == [swept["perClass"][one["className"]]["perThreshold"][key] for one in found["classes"]]
        for one, expected in [
            (found, measured),
            *((one, measured["perClass"][one["className"]]) for one in found["classes"]),
        ]:
            names = ("map50", "map50_95", "map75")
            assert one["averagePrecision"] == {
                name: expected[name] for name in names if expected[name] is not None
            }


@pytest.mark.parametrize("split", [*SPLITS, "all"])
def test_counts_are_the_sums_of_the_images(
    reader: Client, evaluation: ModelEval, split: str
) -> None:
    for confidence in (0, 20, 55, 100):
        found = data(reader, evaluation, "numbers", split=split, confidence=confidence)
        listed = api(reader, evaluation, "image-predictions", split=split, confidence=confidence)
        names = ("truePositives", "falsePositives", "falseNegatives")
        sums = {name: sum(i["stats"][name] for i in listed["images"]) for name in names}
        assert {name: found[name] for name in names} == sums
        assert found["images"] == listed["totalImages"]
        assert found["objects"] == sums["truePositives"] + sums["falseNegatives"]
        assert found["detections"] == sums["truePositives"] + sums["falsePositives"]


def test_curves_are_the_sweep_in_columns(reader: Client, evaluation: ModelEval) -> None:
    swept = api(reader, evaluation, "confidence-sweep")["splits"]
    found = data(reader, evaluation, "curves", **{"class": ["Car", "nobody"]})["splits"]

    def columns(curve: Any) -> Any:
        points = curve["perThreshold"]
        return (
            {
                "confidence": list(points),
                **{
                    name: [p[name] for p in points.values()]
                    for name in ("precision", "recall", "f1")
                },
                "optimalThreshold": curve["optimalThreshold"],
                "optimalMetrics": curve["optimalMetrics"],
            }
            if "optimalThreshold" in curve
            else None
        )

    assert found == {
        split: {
            "overall": columns(curves),
            "macro": columns(curves["macro"]),
            "perClass": {"Car": columns(curves["perClass"]["Car"])},
            "optima": {
                name: {"threshold": one["optimalThreshold"], **one["optimalMetrics"]}
                for name, one in curves["perClass"].items()
            },
        }
        for split, curves in swept.items()
    }


def test_f1_of_images_is_the_apis(reader: Client, evaluation: ModelEval) -> None:
    for confidence in (0, 20, 70):
        answer = reader.get(page(evaluation, "data/f1"), {"confidence": confidence})
        listed = api(reader, evaluation, "image-predictions", confidence=confidence)["images"]
        thousandths = np.frombuffer(answer.content, dtype="<u2").tolist()
        assert thousandths == [round(1000 * image["stats"]["f1"]) for image in listed]


def test_points_are_the_apis(ada: Caller, reader: Client, project: Project) -> None:
    load(
        ada,
        project,
        [
            task(f"i{n}", split=SPLITS[n % 3], truth=[], said={"v1": []}, embedding=[n % 4, n, 1.5])
            for n in range(20)
        ]
        + [task("bare", truth=[], said={"v1": []})],
    )
    found = computed(ada, project)
    body = reader.get(page(found, "data/points")).content
    listed = api(reader, found, "image-predictions")["images"]

    n = len(body) // 18
    assert (n, len(body) % 18, listed.pop()["cluster"]) == (20, 0, None)
    assert np.frombuffer(body, "<i4", n).tolist() == list(range(20))
    xy = np.frombuffer(body, "<f4", 2 * n, 4 * n).reshape(2, n)
    expected = np.array([image["cluster"]["embedding2D"] for image in listed], dtype="<f4")
    assert np.array_equal(xy.T, expected)
    assert np.frombuffer(body, "<i4", n, 12 * n).tolist() == [i["cluster"]["id"] for i in listed]
    assert [SPLITS[s] for s in np.frombuffer(body, "<i2", n, 16 * n)] == [
        image["split"] for image in listed
    ]


def test_no_map_is_said(reader: Client, evaluation: ModelEval) -> None:
    assert reader.get(page(evaluation, "data/points")).content == b""
    text = reader.get(page(evaluation, "vectors/")).content.decode()
    assert "The evaluated tasks carry no embeddings. Send them as meta.embedding" in text
    # Nothing is left for the script to ask for.
    assert "data-panel" not in text


def test_cards_are_the_apis_images(
    reader: Client, evaluation: ModelEval, task_ids: list[int]
) -> None:
    listed = api(reader, evaluation, "image-predictions", confidence=70)["images"]
    wanted = [task_ids[1], task_ids[0]]
    found = data(reader, evaluation, "cards", image=wanted, confidence=70)
    by_place = data(reader, evaluation, "cards", position=[1, 0, 99], confidence=70)

    assert found == by_place
    assert found["confidenceThreshold"] == 0.7
    for card, record in zip(found["cards"], listed[:2], strict=True):
        assert {name: card[name] for name in record} == record
        whole = api(reader, evaluation, f"image-predictions/{card['imageId']}", confidence=70)
        assert {n: card[n] for n in ("taskId", "annotationId", "predictionId")} == {
            n: whole[n] for n in ("taskId", "annotationId", "predictionId")
        }
        assert card["regions"] == {
            "groundTruth": columns(whole["groundTruth"], wrong="fn"),
            "predictions": columns(
                [one for one in whole["predictions"] if one["score"] >= 0.7], wrong="fp"
            ),
        }
    assert found["cards"][0]["image"] == "http://images.test/set/one.jpg?size=1"


def columns(objects: list[Any], *, wrong: str) -> Any:
    """Objects of the API as the desk draws them; in images of 100 by 100 pixels per cent are
    pixels.
    """
    became = [wrong if one["verdict"] == "wrong_class" else one["verdict"] for one in objects]
    return {
        "labels": [one["class"] for one in objects],
        "verdicts": became,
        **({"scores": [one["score"] for one in objects]} if wrong == "fp" else {}),
        "boxes": [number for one in objects for number in one["box"]],
        "shapes": {},
    }


POLYGONS = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="Person"/></PolygonLabels></View>'
)
CHOICES = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="Car"/><Choice value="Person"/></Choices></View>'
)
CORNERS = [[10, 10], [30, 10], [30, 30], [10, 30]]


def shaped(kind: str, *, score: float | None = None, **value: Any) -> dict[str, Any]:
    """A region of another kind on an image of 100 by 100 pixels."""
    size = {"original_width": 100, "original_height": 100}
    named = {"id": kind, "from_name": "label", "to_name": "image", "type": kind}
    region = {**named, **size, "value": {**value, kind: [CAR]}}
    return region if score is None else {**region, "score": score}


def masked(ada: Caller, project: Project, **more: Any) -> ModelEval:
    painted = np.zeros((100, 100, 4), np.uint8)
    painted[10:30, 10:30] = 255
    said = [
        shaped("polygonlabels", points=CORNERS, score=0.1),
        shaped("brushlabels", format="rle", rle=encode_rle(painted.ravel()), score=0.9),
        {**box(CAR, 50, 50, 20, 4, 0.8), "id": "turned"},
    ]
    truth = [shaped("polygonlabels", points=CORNERS)]
    load(ada, project, [task("a", truth=truth, said={"v1": said}), task("b", truth=[])])
    return computed(ada, project, **more)


@pytest.mark.parametrize(
    ("task_type", "verdicts"),
    [
        ("instance-segmentation", ("tp", ["tp", "fp"])),
        ("semantic-segmentation", (None, [None] * 2)),
    ],
)
def test_cards_have_outlines_where_a_shape_is_no_box(
    ada: Caller, reader: Client, make_project: MakeProject, task_type: str, verdicts: Any
) -> None:
    """Of the three detections the first is not kept."""
    found = masked(ada, make_project(ada, POLYGONS), taskType=task_type)
    one, none = data(reader, found, "cards", position=[0, 1], confidence=50)["cards"]
    stored = Prediction.objects.get(model_version="v1").result[1]["value"]["rle"]

    assert one["regions"] == {
        "groundTruth": {
            "labels": [CAR],
            "verdicts": [verdicts[0]],
            "boxes": [10, 10, 20, 20],
            "shapes": {"0": {"kind": "polygon", "geometry": {"points": CORNERS}}},
        },
        "predictions": {
            "labels": [CAR, CAR],
            "verdicts": verdicts[1],
            "scores": [0.9, 0.8],
            "boxes": [10, 10, 20, 20, 50, 50, 20, 4],
            "shapes": {
                "0": {"kind": "brush", "geometry": {"rle": stored, "width": 100, "height": 100}},
            },
        },
    }
    nothing: dict[str, Any] = {"labels": [], "verdicts": [], "boxes": [], "shapes": {}}
    assert none["regions"] == {"groundTruth": nothing, "predictions": {**nothing, "scores": []}}


def test_cards_of_labelled_images_have_no_shapes(
    ada: Caller, reader: Client, make_project: MakeProject
) -> None:
    made = make_project(ada, CHOICES)
    chosen = {"from_name": "label", "to_name": "image", "type": "choices"}
    truth, said = ({**chosen, "value": {"choices": [name]}} for name in ("Car", "Person"))
    load(ada, made, [task("a", truth=[truth], said={"v1": [said]})])
    (card,) = data(reader, computed(ada, made), "cards", position=[0])["cards"]

    assert {name: side["labels"] for name, side in card["regions"].items()} == {
        "groundTruth": [],
        "predictions": [],
    }
    assert card["confusion"] == [[0, 1, 1]]


def test_cards_of_a_changed_annotation_have_no_objects(
    reader: Client, evaluation: ModelEval, task_ids: list[int]
) -> None:
    Annotation.objects.get(task_id=task_ids[0]).delete()
    first, second = data(reader, evaluation, "cards", position=[0, 1])["cards"]
    assert (first["regions"], first["stats"]["truePositives"]) == (None, 1)
    assert second["regions"] is not None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("&".join(["position=1"] * 101), "invalid_pagination"),
        ("position=-1", "invalid_pagination"),
        ("position=x", "invalid_pagination"),
        ("position=1&confidence=200", "invalid_confidence"),
    ],
)
def test_cards_refuse(reader: Client, evaluation: ModelEval, query: str, code: str) -> None:
    answer = reader.get(page(evaluation, f"data/cards?{query}"))
    assert (answer.status_code, answer.json()["error"]) == (400, code)


def test_unknown_images_are_left_out(reader: Client, evaluation: ModelEval) -> None:
    assert data(reader, evaluation, "cards", image=["no", "\0"]) == {
        "confidenceThreshold": 0.2,
        "cards": [],
    }


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://images.test/a.jpg", "https://images.test/a.jpg"),
        (f"data:image/png;base64,{PNG}", "data/pictures/0"),
        ("data:image/svg+xml;base64,PHN2Zy8+", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("javascript:alert(1)", None),
        ("s3://bucket/a.jpg", "/tasks/{task}/resolve/?fileuri=czM6Ly9idWNrZXQvYS5qcGc="),
        *[("/data/local-files/?d=0123456789abcdef/a.jpg",) * 2],
        ("/api/predictions/?project=1", None),
        (f"/data/local-files/?d={'a' * 4096}", None),
    ],
)
def test_only_pictures_are_shown(
    ada: Caller, desks: dict[str, Client], project: Project, address: str, shown: str | None
) -> None:
    hit = [box(CAR, 1, 1, 9, 9, 0.9)]
    item = {
        **task("one", truth=[box(CAR, 1, 1, 9, 9)], said={"v1": hit}),
        "data": {"image": address},
    }
    load(ada, project, [item])
    found = computed(ada, project)

    (card,) = data(desks["reader"], found, "cards", position=[0])["cards"]
    picture = desks["reader"].get(page(found, "data/pictures/0"))
    if shown == "data/pictures/0":
        assert card["image"] == page(found, shown)
        assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
        assert picture.content == base64.b64decode(PNG)
        assert desks["stranger"].get(page(found, shown)).status_code == 404
    else:
        asked = shown and shown.format(task=Task.objects.get().pk)
        assert (card["image"], picture.status_code) == (asked, 404)
    assert desks["reader"].get(page(found, "data/pictures/7")).status_code == 404


def test_an_import_says_its_own(ada: Caller, reader: Client, evaluation: ModelEval) -> None:
    """Panels of a file stay as they came, so anything may stand in them."""
    document = {
        "versionId": "4",
        "classes": ["Car"],
        "mapResults": {"splits": {"test": {"perClass": {}}}},
        "confidenceSweep": {"splits": {"test": {"perThreshold": {"0.30": {"recall": 1}}}}},
        "reports": [
            {
                "confidence": 30,
                "image_results": [
                    {
                        "imageId": "a", "imageName": "a.jpg", "split": "test", "augmentations": 0,
                        "cluster": None, "confusion": [[0, 0, 2], [1, 0, 1]],
                    }
                ],
            }
        ],
    }  # fmt: skip
    answer = ada.client.post("/lab/model-evals/import", document, format="json")
    assert answer.status_code == 201, answer.content
    found = ModelEval.objects.get(eval_id=answer.json()["evalId"])

    numbers = data(reader, found, "numbers", split="test")
    assert (numbers["truePositives"], numbers["falsePositives"]) == (2, 1)
    assert numbers["averagePrecision"] == {}
    curves = data(reader, found, "curves")["splits"]["test"]
    assert curves["overall"] == {
        "confidence": ["0.30"],
        "precision": [None],
        "recall": [1],
        "f1": [None],
        "optimalThreshold": None,
        "optimalMetrics": None,
    }
    assert reader.get(page(found)).status_code == 200
    assert reader.get(page(found, "?confidence=31")).status_code == 404
    (card,) = data(reader, found, "cards", image=["a"])["cards"]
    assert (card["regions"], card["image"], card["predictionId"]) == (None, None, None)


def test_the_session_reads_the_workspace_that_the_path_names(
    desks: dict[str, Client], rita: Caller, olga: Caller, evaluation: ModelEval
) -> None:
    """Who is in several workspaces reads each of them; so does a superuser."""
    Membership.objects.create(user=olga.user, workspace=rita.workspace, role="reader")
    path = f"/lab/model-evals/{evaluation.eval_id}"

    for who, status in {"owner": 200, "reader": 200, "root": 200, "stranger": 200}.items():
        assert desks[who].get(path).status_code == status
        elsewhere = desks[who].get("/elsewhere/model-evals").status_code
        assert elsewhere == (200 if who in {"root", "stranger"} else 404)
    assert desks["anonymous"].get(path).status_code == 401
    refused = desks["stranger"].post(f"{path}/rerun")
    assert refused.status_code == 403
    assert EvalImage.objects.count() == Task.objects.count() - 1
