"""Evaluations of key points and of stretches of time over the API and at the desk."""

import io
import json
import zipfile
from typing import Any

import pytest

from evals.documents.refusals import Refusal
from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject, desk_of
from tests.evals.conftest import computed, load
from tests.evals.desk.conftest import page

Json = dict[str, Any]
POSE = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="bird"/></RectangleLabels>
<KeyPointLabels name="point" toName="image">
<Label value="left_eye" model_index="1"/><Label value="nose" model_index="0"/>
</KeyPointLabels></View>"""
SOUND = """<View><Labels name="label" toName="audio"><Label value="speech"/><Label value="music"/>
</Labels><Audio name="audio" value="$audio"/></View>"""


def bird(points: dict[str, tuple[float, float]], score: float | None = None) -> list[Json]:
    """A box of 50 x 100 pixels with key points, on an image of 100 x 100."""
    size = {"original_width": 100, "original_height": 100, "to_name": "image"}
    value = {"x": 0, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["bird"]}
    region = {"id": "b", "type": "rectanglelabels", "from_name": "box", "value": value, **size}
    return [region if score is None else {**region, "score": score}] + [
        {
            "id": f"b-{name}",
            "parentID": "b",
            "type": "keypointlabels",
            "from_name": "point",
            "value": {"x": x, "y": y, "width": 1, "keypointlabels": [name]},
            **size,
        }
        for name, (x, y) in points.items()
    ]


def sound(start: float, end: float, score: float | None = None) -> Json:
    value = {"start": start, "end": end, "labels": ["speech"]}
    region = {"type": "labels", "from_name": "label", "to_name": "audio", "value": value}
    return region if score is None else {**region, "score": score}


def task(truth: list[Json], said: list[Json], **data: Any) -> Json:
    return {
        "data": data,
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": [{"result": said, "model_version": "v1"}],
    }


@pytest.fixture
def pose(ada: Caller, make_project: MakeProject) -> ModelEval:
    made = make_project(ada, POSE, title="Birds")
    truth = bird({"nose": (10, 10), "left_eye": (20, 10)})
    load(ada, made, [task(truth, bird({"nose": (13, 14)}, 0.9), image="/a.jpg")])
    return computed(
        ada,
        made,
        taskType="keypoint-detection",
        iouThreshold=0.1,
        keypointSigmas={"left_eye": 0.025},
    )


@pytest.fixture
def speech(ada: Caller, make_project: MakeProject) -> ModelEval:
    made = make_project(ada, SOUND, title="Sounds")
    load(ada, made, [task([sound(2, 6)], [sound(3, 8, 0.9)], audio="/a.wav")])
    return computed(ada, made, iouInclusive=True)


def test_map_results_of_poses(ada: Caller, pose: ModelEval) -> None:
    assert pose.status == "done", pose.failure_reason
    path = f"/lab/model-evals/{pose.eval_id}"
    splits = ada.client.get(f"{path}/map-results").json()["splits"]
    none = {"map50": 0.0, "map50_95": 0.0, "map75": 0.0}
    large = {"small": None, "medium": none, "large": None}
    assert splits == {
        "test": {
            **none,
            "byObjectSize": large,
            "metrics": {"averageRecall20": 0.0},
            "perClass": {"bird": {**none, "byObjectSize": large}},
        }
    }
    header = ada.client.get(path).json()
    assert header["taskType"] == "keypoint-detection"
    assert header["summary"]["primary"] == {
        "name": "mAP50_95",
        "value": 0.0,
        "higherIsBetter": True,
    }
    assert header["ignored"] == []


def test_an_image_of_poses(ada: Caller, pose: ModelEval) -> None:
    path = f"/lab/model-evals/{pose.eval_id}/image-predictions"
    (record,) = ada.client.get(path).json()["images"]
    document = ada.client.get(f"{path}/{record['imageId']}").json()
    shape = {"class": "bird", "box": [0.0, 0.0, 50.0, 100.0], "polygon": None}
    match = {"verdict": "tp", "matched": 0, "iou": pytest.approx(0.198354, abs=1e-6)}
    assert document["groundTruth"] == [
        {
            "index": 0,
            **shape,
            **match,
            "keypoints": {"nose": [10.0, 10.0], "left_eye": [20.0, 10.0]},
        }
    ]
    assert document["predictions"] == [
        {"index": 0, **shape, **match, "score": 0.9, "keypoints": {"nose": [13.0, 14.0]}}
    ]
    lines: Any = ada.client.get(path, {"format": "jsonl"})
    assert [json.loads(line) for line in b"".join(lines.streaming_content).splitlines()] == [record]


def test_poses_without_points_are_told_how_to_have_them(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, POSE, title="Birds")
    load(ada, made, [task(bird({}), bird({}, 0.9), image="/a.jpg")])
    found = computed(ada, made, taskType="keypoint-detection")
    assert (found.status, found.failure_reason) == (
        "failed",
        "No region of the ground truth can be evaluated (no_keypoints: 1, such as task "
        f"{made.tasks.get().pk}, region b). A keypoint belongs to the rectangle whose id it has as "
        "its parentID.",
    )


def test_points_without_a_box_are_told_how_to_have_one(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, POSE, title="Birds")
    truth = bird({"nose": (10, 10)})
    said = [{**truth[1], "parentID": None}, {**truth[1], "id": "p", "parentID": "somewhere"}]
    load(ada, made, [task(truth, said, image="/a.jpg")])
    found = computed(ada, made, taskType="keypoint-detection")
    assert (found.status, found.failure_reason) == (
        "failed",
        "No region of the predictions can be evaluated (no_rectangle: 2, such as task "
        f"{made.tasks.get().pk}, region b-nose). A keypoint belongs to the rectangle whose id it "
        "has as its parentID.",
    )


def test_map_results_of_time(ada: Caller, speech: ModelEval) -> None:
    assert speech.status == "done", speech.failure_reason
    assert speech.task_type == "temporal-detection"
    path = f"/lab/model-evals/{speech.eval_id}"
    one = pytest.approx(1)
    tenth = {"map50": one, "map50_95": pytest.approx(0.1), "map75": 0.0, "byObjectSize": None}
    none = {"map50": None, "map50_95": None, "map75": None, "byObjectSize": None}
    assert ada.client.get(f"{path}/map-results").json()["splits"] == {
        "test": {
            **tenth,
            "metrics": {f"averageRecall{n}": pytest.approx(0.1) for n in (1, 10, 100)},
            "perClass": {"speech": tenth, "music": none},
        }
    }


def test_a_task_of_time(ada: Caller, speech: ModelEval) -> None:
    path = f"/lab/model-evals/{speech.eval_id}/image-predictions"
    (record,) = ada.client.get(path).json()["images"]
    document = ada.client.get(f"{path}/{record['imageId']}").json()
    nowhere = {"class": "speech", "box": None, "polygon": None}
    match = {"verdict": "tp", "matched": 0, "iou": 0.5}
    assert document["groundTruth"] == [{"index": 0, **nowhere, **match, "interval": [2.0, 6.0]}]
    assert document["predictions"] == [
        {"index": 0, **nowhere, **match, "score": 0.9, "interval": [3.0, 8.0]}
    ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"taskType": "temporal-detection"}, "unsupported_task_type"),
        ({"taskType": "object-detection", "keypointSigmas": {"nose": 1.0}}, "invalid_request"),
        ({"taskType": "keypoint-detection", "tolerance": 1.0}, "invalid_request"),
        ({"taskType": "keypoint-detection", "keypointSigmas": {"noes": 1.0}}, "invalid_request"),
        ({"taskType": "keypoint-detection", "control": "point"}, "unsupported_task_type"),
        ({"taskType": "keypoint-detection", "control": "wing"}, "unknown_control"),
    ],
)
def test_refuses(ada: Caller, make_project: MakeProject, more: Json, code: str) -> None:
    made: Project = make_project(ada, POSE, title="Birds")
    truth = bird({"nose": (10, 10)})
    load(ada, made, [task(truth, bird({"nose": (13, 14)}, 0.9), image="/a.jpg")])
    with pytest.raises(Refusal) as error:
        computed(ada, made, **more)
    assert error.value.code == code
    assert not ModelEval.objects.exists()


ALIASED = POSE.replace('value="nose"', 'value="nose" alias="0"')


EYE = {"left_eye": [20.0, 10.0]}


@pytest.mark.parametrize(
    ("label_map", "iou", "points", "left_out"),
    [
        ({}, 0.5, EYE, {"invalid_label": 1}),
        # With the sigma of COCO's nose, however it is written.
        ({"beak": "nose"}, 0.698354, {"0": [13.0, 14.0], **EYE}, {}),
        ({"beak": "0"}, 0.698354, {"0": [13.0, 14.0], **EYE}, {}),
        ({"nose": "beak"}, 0.698354, {"beak": [13.0, 14.0], **EYE}, {}),
        ({"nose": None, "beak": None}, 1.0, EYE, {"other_class": 2}),
    ],
)
def test_key_points_are_called_otherwise(
    ada: Caller,
    make_project: MakeProject,
    label_map: Json,
    iou: float,
    points: Json,
    left_out: Json,
) -> None:
    made = make_project(ada, ALIASED, title="Birds")
    truth = bird({"0": (10, 10), "left_eye": (20, 10)})
    load(ada, made, [task(truth, bird({"beak": (13, 14), "left_eye": (20, 10)}, 0.9), image="/a")])
    found = computed(ada, made, taskType="keypoint-detection", iouThreshold=0.1, labelMap=label_map)
    path = f"/lab/model-evals/{found.eval_id}"
    ignored = ada.client.get(path).json()["ignored"]
    assert {
        reason: sum(one["regions"] for one in ignored if one["reason"] == reason)
        for reason in {one["reason"] for one in ignored}
    } == left_out
    (record,) = ada.client.get(f"{path}/image-predictions").json()["images"]
    document = ada.client.get(f"{path}/image-predictions/{record['imageId']}").json()
    (said,) = document["predictions"]
    assert (said["iou"], said["keypoints"]) == (pytest.approx(iou, abs=1e-6), points)


@pytest.mark.parametrize(
    ("label_map", "shown", "called"),
    [({"0": "left_eye"}, "nose", "left_eye"), ({"left_eye": "0"}, "eye", "0")],
)
def test_a_point_shown_otherwise_goes_with_its_stored_name(
    ada: Caller, make_project: MakeProject, label_map: Json, shown: str, called: str
) -> None:
    """Where a labelMap calls two key points alike by the stored name of one."""
    made = make_project(ada, ALIASED.replace('"left_eye"', '"eye" alias="left_eye"'), title="Birds")
    truth, said = bird({shown: (10.0, 10.0)}), bird({shown: (13.0, 14.0)}, 0.9)
    load(ada, made, [task(truth, said, image="/a")])
    found = computed(ada, made, taskType="keypoint-detection", iouThreshold=0.1, labelMap=label_map)
    path = f"/lab/model-evals/{found.eval_id}"
    assert ada.client.get(path).json()["ignored"] == []
    (record,) = ada.client.get(f"{path}/image-predictions").json()["images"]
    document = ada.client.get(f"{path}/image-predictions/{record['imageId']}").json()
    assert [one["keypoints"] for one in document["predictions"]] == [{called: [13.0, 14.0]}]


@pytest.mark.parametrize("odd", [{}, {"extra": 1}], ids=["at once", "one by one"])
def test_points_of_one_name_are_told(ada: Caller, make_project: MakeProject, odd: Json) -> None:
    """A labelMap that calls two key points alike compares one with the other: the first counts."""
    made = make_project(ada, POSE, title="Birds")
    points = {"nose": (10.0, 10.0), "left_eye": (20.0, 10.0)}
    # A parent that is no rectangle's is read one by one.
    stray = [{**bird(points)[1], "parentID": "nobody"}] if odd else []
    load(ada, made, [task([*bird(points), *stray], bird(points, 0.9), image="/a.jpg")])
    asked: Json = {"taskType": "keypoint-detection", "labelMap": {"left_eye": "nose"}}
    assert computed(ada, made, **asked).warnings == [
        {
            "reason": "repeated_keypoints",
            "regions": 2,
            "message": "2 key points have the name of another one of their rectangle, as where a"
            " labelMap calls two alike: the first of a name counts.",
        }
    ]
    assert computed(ada, made, taskType="keypoint-detection").warnings == []


@pytest.mark.parametrize("name", ["0", "nose"])
def test_a_sigma_is_of_the_stored_or_the_shown_name(
    ada: Caller, make_project: MakeProject, name: str
) -> None:
    made = make_project(ada, ALIASED, title="Birds")
    load(ada, made, [task(bird({"0": (10, 10)}), bird({"0": (13, 14)}, 0.9), image="/a")])
    found = computed(
        ada, made, taskType="keypoint-detection", iouThreshold=0.1, keypointSigmas={name: 0.05}
    )
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    (record,) = ada.client.get(path).json()["images"]
    (said,) = ada.client.get(f"{path}/{record['imageId']}").json()["predictions"]
    # exp(-25 / (2 * 5000 * 0.1 ** 2))
    assert said["iou"] == pytest.approx(0.7788007830714049, abs=1e-12)


@pytest.mark.parametrize(
    ("sigmas", "differing"),
    [
        # What counts without them: COCO's of its nose, 0.05 of another point.
        ({"nose": 0.026, "beak": 0.05}, []),
        ({"0": 0.026}, []),
        ({"0": 0.027}, ["keypointSigmas"]),
        ({"beak": 0.026}, ["keypointSigmas"]),
    ],
)
def test_sigmas_that_count_without_being_asked_for_are_the_same(
    ada: Caller, make_project: MakeProject, sigmas: Json, differing: list[str]
) -> None:
    made = make_project(ada, ALIASED.replace("left_eye", "beak"), title="Birds")
    load(ada, made, [task(bird({"0": (10, 10)}), bird({"0": (13, 14)}, 0.9), image="/a")])
    asked: Json = {"taskType": "keypoint-detection"}
    plain = computed(ada, made, **asked)
    told = computed(ada, made, **asked, keypointSigmas=sigmas)
    path = f"/lab/model-evals/{plain.eval_id}/diff/{told.eval_id}"
    assert ada.client.get(path).json()["differingTerms"] == differing


@pytest.mark.parametrize(
    ("label_map", "called"), [({}, "0"), ({"snout": "left_eye"}, "left_eye"), ({"0": "tip"}, "tip")]
)
def test_two_controls_show_one_point_by_two_names(
    ada: Caller, make_project: MakeProject, label_map: Json, called: str
) -> None:
    second = (
        '<KeyPointLabels name="other" toName="image"><Label value="snout" alias="0"/>'
        "</KeyPointLabels></View>"
    )
    made = make_project(ada, ALIASED.replace("</View>", second), title="Birds")
    truth, said = bird({"nose": (10.0, 10.0)}), bird({"snout": (13.0, 14.0)}, 0.9)
    load(ada, made, [task(truth, said, image="/a")])
    asked: Json = {"taskType": "keypoint-detection", "labelMap": label_map}
    found = computed(ada, made, iouThreshold=0.1, **asked)
    path = f"/lab/model-evals/{found.eval_id}"
    header = ada.client.get(path).json()
    assert (header["ignored"], header["warnings"]) == ([], [])
    (record,) = ada.client.get(f"{path}/image-predictions").json()["images"]
    document = ada.client.get(f"{path}/image-predictions/{record['imageId']}").json()
    points = [[one["keypoints"] for one in document[s]] for s in ("groundTruth", "predictions")]
    assert points == [[{called: [10.0, 10.0]}], [{called: [13.0, 14.0]}]]


@pytest.mark.parametrize("sigma", [0, -1, "wide", None, 1e9])
def test_refuses_sigmas(ada: Caller, make_project: MakeProject, sigma: Any) -> None:
    made: Project = make_project(ada, POSE, title="Birds")
    body = {
        "project": made.slug,
        "modelVersion": "v1",
        "taskType": "keypoint-detection",
        "keypointSigmas": {"nose": sigma},
    }
    answer = ada.client.post("/lab/model-evals", body, format="json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_coco_files_of_poses(ada: Caller, pose: ModelEval) -> None:
    answer: Any = ada.client.get(f"/lab/model-evals/{pose.eval_id}/coco")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    truth = json.loads(archive.read("ground_truth.json"))
    (said,) = json.loads(archive.read("detections.json"))
    assert truth["categories"] == [
        {"id": 1, "name": "bird", "keypoints": ["nose", "left_eye"], "skeleton": []}
    ]
    (annotation,) = truth["annotations"]
    assert (annotation["keypoints"], annotation["num_keypoints"]) == ([10, 10, 2, 20, 10, 2], 2)
    assert (said["keypoints"], said["num_keypoints"]) == ([13, 14, 2, 0, 0, 0], 1)
    assert (annotation["bbox"], annotation["area"]) == ([0, 0, 50, 100], 5000)


def test_coco_files_of_images_without_poses_on_a_side(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, POSE, title="Birds")
    seen, found = bird({"nose": (10, 10)}), bird({"nose": (13, 14)}, 0.9)
    pairs: list[tuple[list[Json], list[Json]]] = [(seen, found), (seen, []), ([], found), ([], [])]
    load(ada, made, [task(truth, said, image="/a.jpg") for truth, said in pairs])
    evaluation = computed(ada, made, taskType="keypoint-detection")
    answer: Any = ada.client.get(f"/lab/model-evals/{evaluation.eval_id}/coco")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    truth = json.loads(archive.read("ground_truth.json"))
    said = json.loads(archive.read("detections.json"))
    ids = [one["id"] for one in truth["images"]]
    assert [one["image_id"] for one in truth["annotations"]] == ids[:2]
    assert [one["image_id"] for one in said] == [ids[0], ids[2]]
    points = [one["keypoints"] for one in (*truth["annotations"], *said)]
    assert points == [[10, 10, 2, 0, 0, 0]] * 2 + [[13, 14, 2, 0, 0, 0]] * 2


def test_coco_cannot_hold_time(ada: Caller, speech: ModelEval) -> None:
    answer = ada.client.get(f"/lab/model-evals/{speech.eval_id}/coco")
    assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found")


def test_the_desk_speaks_of_sizes_where_there_are_some(
    ada: Caller, pose: ModelEval, speech: ModelEval
) -> None:
    desk = desk_of(ada)
    for found, has_sizes in ((pose, True), (speech, False)):
        shown = desk.get(page(found)).content.decode()
        assert "Average precision counts all predictions" in shown
        assert ("small objects are below" in shown) == has_sizes


def test_the_desk_draws_poses_and_time(ada: Caller, pose: ModelEval, speech: ModelEval) -> None:
    desk = desk_of(ada)
    asked: Any = {"position": [0], "confidence": 0}
    (card,) = desk.get(page(pose, "data/cards"), asked).json()["cards"]
    assert card["regions"]["predictions"]["shapes"] == {
        "0": {
            "kind": "pose",
            "geometry": {
                "x": 0.0,
                "y": 0.0,
                "width": 50.0,
                "height": 100.0,
                "points": {"nose": [13.0, 14.0]},
            },
        }
    }
    (card,) = desk.get(page(speech, "data/cards"), asked).json()["cards"]
    assert card["answer"] == {
        "stretches": [
            ["ground_truth", "speech", 2.0, 6.0, "tp", None],
            ["prediction", "speech", 3.0, 8.0, "tp", 0.9],
        ],
        "isCut": False,
    }
