"""Classes that files of one project number differently: lists of results name them by number."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from predictions.models import Prediction, Project
from tests.conftest import Caller, MakeProject, MakeTask
from tests.predictions.imports.datasets.loading import load

WARNING = (
    "Warning: The file numbers classes otherwise than the project: {told} in the labelling config."
    " From now on a list of results, which names them by number, needs the file of its images"
    " beside it."
)
NO_NUMBERS = (
    "predictions: results name classes by number: give the ground truth's file, too, load into a"
    " project whose labels have their numbers, or give a whole COCO file with scores."
)

SIZE = {"image_size": {"width": 200, "height": 100}}
POSES = """<View><Image name="image" value="$image"/>
  <RectangleLabels name="b" toName="image"><Label value="p" category="1"/></RectangleLabels>
  <KeyPointLabels name="k" toName="image">
    <Label value="right" model_index="1"/><Label value="left" model_index="0"/>
  </KeyPointLabels></View>"""


def truth(path: Path, image: int, **classes: int) -> Path:
    document = {
        "images": [{"id": image, "file_name": f"{image}.jpg", "width": 100, "height": 100}],
        "categories": [{"id": number, "name": name} for name, number in classes.items()],
        "annotations": [],
    }
    path.write_text(json.dumps(document))
    return path


def results(path: Path, image: int) -> Path:
    path.write_text(
        json.dumps([{"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])
    )
    return path


def labels() -> list[Any]:
    every = Prediction.objects.order_by("task_id").values_list("result", flat=True)
    return [[one["value"]["rectanglelabels"] for one in result] for result in every]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"a": 2, "b": 1}, "2 is 'a' in the file, and 'b'"),
        ({"b": 1}, "1 is 'b' in the file, and 'a'"),
        ({"a": 5, "b": 2}, "5 is 'a' in the file, and no class"),
    ],
)
def test_numbers_that_files_contradict_are_said_and_no_longer_read(
    ada: Caller, tmp_path: Path, second: dict[str, int], told: str
) -> None:
    first = truth(tmp_path / "first.json", 1, a=1, b=2)
    other = truth(tmp_path / "other.json", 2, **second)
    said = results(tmp_path / "said.json", 2)
    load("coco", "--ground-truth", first, "-P", "Files")
    Project.objects.update(control_weights={"box": {"overall": 0.5}})
    for _ in range(2):
        _, warned = load("coco", "--ground-truth", other, "-P", "Files")
        assert warned == [WARNING.format(told=told)]
    project = Project.objects.get()
    assert project.control_weights == {"box": {"overall": 0.5}}
    for name, number in second.items():
        is_other = {"a": 1, "b": 2}[name] != number
        assert (f'other_categories="{number}"' in project.label_config) == is_other
    alone = ("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    with pytest.raises(CommandError) as caught:
        load(*alone)
    assert str(caught.value).splitlines()[0] == NO_NUMBERS
    if 1 in second.values():
        load(*alone, "--ground-truth", other)
        assert labels() == [[["b"]]]


@pytest.mark.django_db
def test_the_same_numbers_are_read(ada: Caller, tmp_path: Path) -> None:
    load("coco", "--ground-truth", truth(tmp_path / "first.json", 1, a=1, b=2), "-P", "Files")
    other = truth(tmp_path / "other.json", 2, b=2)
    assert load("coco", "--ground-truth", other, "-P", "Files")[1] == []
    said = results(tmp_path / "said.json", 2)
    load("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    assert labels() == [[["a"]]]


@pytest.mark.django_db
def test_key_points_of_results_are_in_the_order_of_their_index(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, tmp_path: Path
) -> None:
    project = make_project(ada, POSES, title="Files")
    make_task(ada, project, data={"image": "1.jpg"}, meta={"image_id": "1", **SIZE})
    result = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "score": 0.5}
    said = tmp_path / "said.json"
    said.write_text(json.dumps([{**result, "keypoints": [10, 20, 2, 30, 40, 2]}]))
    load("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    points = [one["value"] for one in Prediction.objects.get().result][1:]
    assert {one["keypointlabels"][0]: one["x"] for one in points} == {"left": 5.0, "right": 15.0}


@pytest.mark.django_db
def test_a_number_of_two_labels_is_none(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, tmp_path: Path
) -> None:
    second = """<PolygonLabels name="o" toName="image"><Label value="p" category="2"/>
      <Label value="q" category="1"/></PolygonLabels></View>"""
    first = POSES.replace("</RectangleLabels>", '<Label value="q" category="2"/></RectangleLabels>')
    project = make_project(ada, first.replace("</View>", second), title="Files")
    make_task(ada, project, data={"image": "1.jpg"}, meta={"image_id": "1", **SIZE})
    said = results(tmp_path / "said.json", 1)
    with pytest.raises(CommandError) as caught:
        load("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    assert str(caught.value).splitlines()[0] == NO_NUMBERS


@pytest.mark.django_db
def test_a_label_has_two_names(ada: Caller, make_project: MakeProject, tmp_path: Path) -> None:
    config = POSES.replace('value="p"', 'value="Person" alias="p"')
    make_project(ada, config, title="Files")
    for n, name in enumerate(("Person", "p")):
        file = truth(tmp_path / f"{name}.json", n, **{name: 1})
        assert load("coco", "--ground-truth", file, "-P", "Files")[1] == []
    other = truth(tmp_path / "other.json", 3, Person=2)
    told = "2 is 'p' in the file, and no class"
    warned = load("coco", "--ground-truth", other, "-P", "Files")[1]
    assert warned == [WARNING.format(told=told)]


A_POSE = {"bbox": [0, 0, 50, 50], "keypoints": [10, 20, 2, 30, 40, 2]}
LABELS = "labels/1.txt"
GUESSED = (
    "Warning: The key points are told by their order alone, and the labelling config does not"
    " number them (model_index): they are taken in its order: 1 is 'right', 2 is 'left'. If that"
    " is another one, number them there."
)
OTHER_ORDER = (
    "Warning: The file lists the key points of 'q' in another order than the labelling config"
    " ('left', 'right'): a list of results, or label files, which tell them by their order alone,"
    " need the file of these images beside them."
)


def pose_labels(folder: Path, *lines: str, **more: str) -> Path:
    """YOLO's label file of the image `1`."""
    files = {"classes.txt": "p\nq\n", LABELS: "\n".join(lines), **more}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def poses(path: Path, **points: list[str]) -> Path:
    """COCO's ground truth: one object of each class, with the key points of these names."""
    document = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 200, "height": 100}],
        "categories": [
            {"id": n, "name": name, "keypoints": names}
            for n, (name, names) in enumerate(points.items(), 1)
        ],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": n, "area": 2500, **A_POSE}
            for n in range(1, len(points) + 1)
        ],
    }
    path.write_text(json.dumps(document))
    return path


def predicted_points() -> dict[str, float]:
    result = Prediction.objects.get().result
    values = [one["value"] for one in result if one["type"] == "keypointlabels"]
    return {value["keypointlabels"][0]: value["x"] for value in values}


@pytest.mark.django_db
@pytest.mark.parametrize("format_", ["coco", "yolo"])
def test_key_points_without_numbers_are_read_with_a_warning(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, tmp_path: Path, format_: str
) -> None:
    config = POSES.replace(' model_index="1"', "").replace(' model_index="0"', "")
    project = make_project(ada, config, title="Files")
    meta = {"image_id": "1", "image_name": "1.jpg", **SIZE}
    make_task(ada, project, data={"image": "1.jpg"}, meta=meta)
    said = tmp_path / "said.json"
    said.write_text(json.dumps([{"image_id": 1, "category_id": 1, "score": 0.5, **A_POSE}]))
    if format_ == "yolo":
        said = pose_labels(tmp_path / "said", "0 0.1 0.2 0.2 0.4 0.05 0.2 2 0.15 0.4 2 0.5")
        (said / "classes.txt").write_text("p\n")
    _, warned = load(format_, "--predictions", said, "-P", "Files", "--model-version", "v1")
    assert warned == [GUESSED]
    assert predicted_points() == {"right": 5.0, "left": 15.0}


@pytest.mark.django_db
def test_classes_list_the_same_key_points_in_two_orders(ada: Caller, tmp_path: Path) -> None:
    """Each line of label files is read by its class's list; who loads these alone was warned."""
    file = poses(tmp_path / "truth.json", p=["left", "right"], q=["right", "left"])
    said = pose_labels(tmp_path / "said", "1 0.1 0.2 0.2 0.4 0.05 0.2 2 0.15 0.4 2 0.5")
    both = ("--predictions", said, "--predictions-format", "yolo", "--model-version", "v1")
    for _ in range(2):
        assert load("coco", "--ground-truth", file, *both, "-P", "New")[1] == [OTHER_ORDER]
    assert predicted_points() == {"right": 5.0, "left": 15.0}
    (said / "classes.txt").write_text("first\nsecond\n")
    names = tmp_path / "names.json"
    names.write_text('{"first": "p", "second": "q"}')
    mapped = ("--map-labels", names, "-P", "Mapped")
    Prediction.objects.all().delete()
    load("coco", "--ground-truth", file, *both, *mapped)
    assert predicted_points() == {"right": 5.0, "left": 15.0}


@pytest.mark.django_db
@pytest.mark.parametrize("names", ["", "kpt_names: {0: [left, right]}\n"])
def test_label_files_name_their_key_points_as_the_ground_truth_does(
    ada: Caller, tmp_path: Path, names: str
) -> None:
    """`data.yaml` seldom says how they are called."""
    file = poses(tmp_path / "truth.json", p=["left", "right"])
    line = "0 0.1 0.2 0.2 0.4 0.05 0.2 2 0.15 0.4 2 0.5"
    yaml = {"data.yaml": f"names: [p]\nkpt_shape: [2, 3]\n{names}"}
    said = pose_labels(tmp_path / "said", line, **yaml)
    both = ("--predictions", said, "--predictions-format", "yolo", "--model-version", "v1")
    assert load("coco", "--ground-truth", file, *both, "-P", "New")[1] == []
    assert predicted_points() == {"left": 5.0, "right": 15.0}


@pytest.mark.django_db
def test_key_points_that_the_ground_truth_has_not(ada: Caller, tmp_path: Path) -> None:
    file = poses(tmp_path / "truth.json", p=["left", "right"])
    line = "0 0.1 0.2 0.2 0.4 0.05 0.2 2 0.15 0.4 2 0.5"
    yaml = {"data.yaml": "names: [p]\nkpt_shape: [2, 3]\nkpt_names: [links, right]\n"}
    said = pose_labels(tmp_path / "said", line, **yaml)
    both = ("--predictions", said, "--predictions-format", "yolo", "--model-version", "v1")
    assert load("coco", "--ground-truth", file, *both, "-P", "New")[1] == [
        "Warning: The ground truth has no key points 'links' of 'p': those of the predictions count"
        " for nothing. It has 'left', 'right'."
    ]
