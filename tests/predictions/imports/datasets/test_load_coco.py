"""`manage.py load coco`: two files in, a project and an evaluation out."""

import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, MakeProject, MakeTask
from tests.predictions.imports.datasets.loading import load

SHARED = Path(os.environ.get("SHARED_DATA_DIR", "/nowhere")) / "coco_val2014_100"
NOTHING = "Nothing is stored."


def box(**more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], **more}


def result(**more: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.5, **more}


IMAGE = {"id": 1, "file_name": "one.jpg", "width": 100, "height": 80}


def whole(**more: Any) -> dict[str, Any]:
    return {
        "images": [IMAGE, {"id": 2, "file_name": "two.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [box()],
        **more,
    }


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(document: Any, name: str) -> Path:
        path = tmp_path / name
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        path.write_bytes(text)
        return path

    return make


@pytest.fixture
def try_load(ada: Caller, write: Write) -> Callable[..., tuple[list[str], list[str]]]:
    """Loads a truth, results or both into the project `Pets`."""

    def attempt(truth: Any = None, results: Any = None, *more: object) -> Any:
        given: list[object] = ["coco", "--project", "Pets"]
        if truth is not None:
            given += ["--ground-truth", write(truth, "truth.json")]
        if results is not None:
            given += ["--predictions", write(results, "results.json"), "--model-version", "v1"]
        return load(*given, *more)

    return attempt


def shapes(rows: Any) -> list[list[Any]]:
    """Type and value of each region of each row, in the order of tasks."""
    return [[(r["type"], r["value"]) for r in row.result] for row in rows.order_by("task_id")]


def labelled(kind: str, label: str, **value: Any) -> tuple[str, dict[str, Any]]:
    return kind, {**value, kind: [label]}


@pytest.mark.skipif(not SHARED.exists(), reason="COCO's sample is not on this machine")
def test_average_precision_is_that_of_the_files(ada: Caller) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, said = SHARED / "ground_truth.json", SHARED / "detections.json"
    lines, _ = load(
        "coco", "--ground-truth", truth, "--predictions", said, "--project", "Sample",
        "--model-version", "v1", "--evaluate",
    )  # fmt: skip
    with redirect_stdout(io.StringIO()):
        of_files = COCO(str(truth))
        oracle = COCOeval(of_files, of_files.loadRes(str(said)), "bbox")
        oracle.evaluate()
        oracle.accumulate()
        oracle.summarize()
    evaluation = ModelEval.objects.get(eval_id=lines[-1])
    assert evaluation.summary is not None
    found = evaluation.summary["metrics"]
    assert [found["mAP5095"], found["mAP"], found["mAP75"]] == pytest.approx(
        oracle.stats[:3].tolist(), abs=1e-15
    )


def test_says_what_was_done(try_load: Any) -> None:
    lines, warned = try_load(whole(), [result()])
    project = Project.objects.get()
    assert lines == [
        f"Project {project.pk} (Pets) made: 2 images, 2 classes, 2 new tasks, 2 ground truths,"
        " 2 predictions.",
        str(project.pk),
    ]
    assert warned == []


UPRIGHT = {"x": 10.0, "y": 25.0, "width": 30.0, "height": 50.0, "rotation": 0.0}
OUTLINE = [[10, 10, 20, 10, 20, 20]]
PARTS = [[0, 0, 2, 0, 2, 2, 0, 2], [4, 4, 6, 4, 6, 6, 4, 6]]
RUNS = {"size": [80, 100], "counts": [0, 2, 7998]}
PACKED = {"size": [80, 100], "counts": "02ni7"}


@pytest.mark.parametrize(
    ("annotation", "options", "expected"),
    [
        ({}, [], labelled("rectanglelabels", "cat", **UPRIGHT)),
        (
            {"segmentation": OUTLINE},
            [],
            labelled("polygonlabels", "cat", points=[[10.0, 12.5], [20.0, 12.5], [20.0, 25.0]]),
        ),
        (
            {"segmentation": OUTLINE},
            ["--shapes", "boxes"],
            labelled("rectanglelabels", "cat", **UPRIGHT),
        ),
        ({"segmentation": []}, [], labelled("rectanglelabels", "cat", **UPRIGHT)),
    ],
    ids=["box", "outline", "outline as box", "no segmentation"],
)
def test_shapes_of_annotations(
    try_load: Any, annotation: Any, options: list[str], expected: Any
) -> None:
    try_load(whole(annotations=[box(**annotation)]), None, *options)
    assert shapes(Annotation.objects) == [[expected], []]


@pytest.mark.parametrize(
    ("segmentation", "painted"),
    [
        (PARTS, [(0, 0), (0, 1), (1, 0), (1, 1), (4, 4), (4, 5), (5, 4), (5, 5)]),
        (RUNS, [(0, 0), (1, 0)]),
        (PACKED, [(0, 0), (1, 0)]),
    ],
    ids=["parts", "runs", "packed"],
)
def test_masks_are_exact(try_load: Any, segmentation: Any, painted: list[tuple[int, int]]) -> None:
    import numpy as np

    from predictions.regions.brush import decode_brush

    try_load(whole(annotations=[box(segmentation=segmentation, iscrowd=1, area=7.5)]))
    region = Annotation.objects.order_by("task_id")[0].result[0]
    mask = decode_brush(region["value"]["rle"], width_px=100, height_px=80)
    assert (region["type"], region["value"]["brushlabels"]) == ("brushlabels", ["cat"])
    assert region["meta"] == {"iscrowd": 1, "area": 7.5}
    assert np.argwhere(mask).tolist() == [list(place) for place in painted]


def test_key_points(try_load: Any) -> None:
    points = [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}]
    truth = whole(categories=points, annotations=[box(keypoints=[10, 20, 2, 0, 0, 0])])
    _, warned = try_load(truth, [result(keypoints=[15, 20, 0.1, 30, 40, 0], bbox=None)])
    truths = Annotation.objects.order_by("task_id")[0].result
    said = Prediction.objects.order_by("task_id")[0].result
    assert [(r["id"], r.get("parentID"), r["type"], r["value"]) for r in truths] == [
        ("r1", None, *labelled("rectanglelabels", "cat", **UPRIGHT)),
        ("r2", "r1", *labelled("keypointlabels", "nose", x=10.0, y=25.0, width=0.5)),
    ]
    assert [(r.get("parentID"), r["type"], r["value"]) for r in said] == [
        (
            None,
            *labelled(
                "rectanglelabels", "cat", x=15.0, y=25.0, width=15.0, height=25.0, rotation=0.0
            ),
        ),
        ("r1", *labelled("keypointlabels", "nose", x=15.0, y=25.0, width=0.5)),
        ("r1", *labelled("keypointlabels", "tail", x=30.0, y=50.0, width=0.5)),
    ]
    assert Project.objects.get().label_config == (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <RectangleLabels name="box" toName="image">\n'
        '    <Label value="cat" category="1"/>\n  </RectangleLabels>\n'
        '  <KeyPointLabels name="keypoints" toName="image">\n'
        '    <Label value="nose" model_index="0"/>\n    <Label value="tail" model_index="1"/>\n'
        "  </KeyPointLabels>\n</View>"
    )
    assert warned == ["Warning: Label Studio has no place for the skeleton: it is not kept."]


@pytest.mark.parametrize("image_id", ["one", "000007", 7])
def test_results_may_name_files_by_their_stems(try_load: Any, image_id: Any) -> None:
    name = "one.jpg" if image_id == "one" else "a/000007.jpg"
    image = {**IMAGE, "id": 90, "file_name": name}
    try_load(whole(images=[image], annotations=[]), [result(image_id=image_id)])
    assert len(Prediction.objects.get().result) == 1


def test_categories_of_one_name_are_told(try_load: Any) -> None:
    categories = [{"id": n, "name": "cat"} for n in (1, 2, 3)]
    truth = whole(categories=categories, annotations=[box(), box(id=2, category_id=3)])
    _, warned = try_load(truth)
    assert warned == [
        "Warning: The categories 1, 3 are all called 'cat': they are one class here, where"
        " pycocotools counts them apart. Give them names of their own."
    ]


@pytest.mark.parametrize(
    ("names", "is_told"), [(("2.jpg", "1.jpg"), True), (("1.jpg", "2.jpg"), False)]
)
def test_ids_that_are_stems_of_other_images_are_told(
    try_load: Any, names: tuple[str, str], is_told: bool
) -> None:
    images = [{**IMAGE, "id": n + 1, "file_name": name} for n, name in enumerate(names)]
    truth = whole(images=images, annotations=[])
    _, warned = try_load(truth, [result(image_id=1), result(image_id=2)])
    told = [
        "Warning: The image ids of the detections are ids of images, and the names of other images'"
        " files, too: '1' was taken for the id of '2.jpg', and may be the name of '1.jpg'. Give the"
        " detections file names if these are meant."
    ]
    assert warned == (told if is_told else [])


def test_per_cent(try_load: Any) -> None:
    _, warned = try_load(whole(), [result(score=50), result(score=1)])
    assert [one["score"] for one in Prediction.objects.order_by("task_id")[0].result] == [0.5, 0.01]
    assert Prediction.objects.order_by("task_id")[0].score == 0.255
    assert warned == [
        "Warning: The highest score is 50: the scores are taken as per cent and divided by 100."
    ]


@pytest.mark.parametrize("highest", [1, 1.0000001, 1.001])
def test_shares_that_were_rounded_are_no_per_cent(try_load: Any, highest: float) -> None:
    _, warned = try_load(whole(), [result(score=highest), result(score=0.5)])
    said = Prediction.objects.order_by("task_id")[0].result
    assert ([one["score"] for one in said], warned) == ([highest, 0.5], [])


def test_category_offset(try_load: Any) -> None:
    results = [result(category_id=0), result(category_id=1)]
    try_load(whole(), results, "--category-offset", 1)
    said = Prediction.objects.order_by("task_id")[0].result
    assert [one["value"]["rectanglelabels"] for one in said] == [["cat"], ["dog"]]
    truth = Annotation.objects.order_by("task_id")[0].result
    assert [one["value"]["rectanglelabels"] for one in truth] == [["cat"]]


def test_a_mark_before_utf_8_is_passed_over(try_load: Any) -> None:
    marked = [b"\xef\xbb\xbf" + json.dumps(one).encode() for one in (whole(), [result()])]
    try_load(*marked)
    assert Annotation.objects.count() == 2
    assert len(Prediction.objects.order_by("task_id")[0].result) == 1


def test_labels_are_mapped(try_load: Any, write: Write) -> None:
    said = whole(
        categories=[{"id": 1, "name": "kitten"}, {"id": 2, "name": "bus"}],
        annotations=[box(score=0.5), box(category_id=2, score=0.5)],
    )
    try_load(whole(), said, "--map-labels", write({"kitten": "cat", "bus": None}, "map.json"))
    made = Prediction.objects.order_by("task_id")[0].result
    assert [one["value"]["rectanglelabels"] for one in made] == [["cat"]]


def test_names_of_a_map_that_are_in_no_file_are_told(try_load: Any, write: Write) -> None:
    told = write({"Cat": "cat", "dog": None}, "map.json")
    _, warned = try_load(whole(), [result()], "--map-labels", told)
    assert warned == [
        "Warning: The map of labels has 'Cat', which the predictions have not. Their classes are"
        " 'cat', 'dog'."
    ]


@pytest.mark.parametrize(
    ("truth", "results", "errors"),
    [
        (whole(annotations=[box(category_id=9)]), None,
         ["annotations[0].category_id: 9 is not among the categories."]),
        (whole(annotations=[box(image_id=3)]), None,
         ["annotations[0].image_id: 3 is not among the images."]),
        (whole(annotations=[box(bbox=[1, 2, 3])]), None,
         ["annotations[0].bbox: Expected `array` of length 4."]),
        (whole(annotations=[box(bbox=[1, 2, -3, 4])]), None,
         ["annotations[0].bbox: width and height may not be negative."]),
        (whole(annotations=[box(bbox=[5000, 2, 3, 4])]), None,
         ["annotations[0]: lies over 10 times its image's size outside of it."]),
        (whole(annotations=[box(area=-1)]), None, ["annotations[0].area: -1 is no area."]),
        (whole(annotations=[box(iscrowd=2)]), None,
         ["annotations[0].iscrowd: 2 is neither 0 nor 1."]),
        (whole(annotations=[{"image_id": 1, "category_id": 1}]), None,
         ["annotations[0]: has no bbox."]),
        (whole(annotations=[box(segmentation=[[1, 2, 3, 4]])]), None,
         ["annotations[0].segmentation[0]: must be six finite numbers or more, two for each"
          " point."]),
        (whole(annotations=[box(segmentation={"size": [80, 100], "counts": [1, 2]})]), None,
         ["annotations[0].segmentation: its runs make 3 pixels of 100 x 80."]),
        (whole(annotations=[box(segmentation={"size": [8, 10], "counts": [80]})]), None,
         ["annotations[0].segmentation: its size is 10 x 8, its image's 100 x 80."]),
        (whole(annotations=[box(segmentation={"size": [80, 100], "counts": "\x7f"})]), None,
         ["annotations[0].segmentation: its counts are no run lengths."]),
        (whole(images=[IMAGE, {**IMAGE, "file_name": "two.jpg"}]), None,
         ["images[1].id: 1 stands twice."]),
        (whole(images=[{**IMAGE, "width": 0}]), None,
         ["images[0].width: 0 is no length in pixels."]),
        (whole(images=[{"id": 1, "file_name": "one.jpg"}]), None,
         ["annotations[0]: the size of its image is not known: give --images, or a file with"
          " sizes."]),
        (whole(images=[]), None, ["annotations[0].image_id: 1 is not among the images."]),
        (whole(images=[], annotations=[]), None, ["There are no images in the file."]),
        (whole(categories=[{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]), None,
         ["categories[1].id: 1 stands twice."]),
        (whole(categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "Cat "}]), None,
         ["categories[1].name: 'Cat ' and 'cat' differ by case or spaces alone."]),
        (whole(categories=[{"id": "one", "name": "cat"}]), None,
         ["categories[0].id: Expected `int`, got `str`."]),
        ({"images": []}, None, ["truth.json: Object missing required field `categories`."]),
        (b'{"images": [', None, ["truth.json: Input data was truncated."]),
        (json.dumps(whole()).encode("utf-16"), None, ["truth.json: is UTF-16: save it as UTF-8."]),
        (whole(annotations=[box(category_id=0)]), None,
         ["annotations[0].category_id: 0 is not among the categories."]),
        (b'{"images": [], "categories": [], "annotations": "\xff"}', None,
         ["annotations: Expected `array`, got `str`."]),
        (b'{"images": [], "categories": [], "annotations": [' + b"0," * 3_000_000 + b"0]}", None,
         ["annotations[0]: Expected `object`, got `int`."]),
        (b'{"images": [' + b"[" * 100_000, None, ["truth.json: is nested too deep."]),
        (whole(annotations=[box(info="." * 9_000_000)]), None,
         ["annotations[0]: has over 8,388,608 bytes."]),
        (whole(annotations=[box(segmentation=[[0, 0, 1e9, 0, 1e9, 1e9], OUTLINE[0]])]), None,
         ["annotations[0].segmentation: The shapes of one image take more time and memory to"
          " rasterise than this server gives: an outline of 3,000,000,003 pixels."]),
        (whole(annotations=[box(segmentation=[[0, 0, 1e9, 0, 1e9, 1e9]])]), None,
         ["annotations[0]: lies over 10 times its image's size outside of it."]),
        (whole(), [], []),
        (whole(), {}, ["predictions: Object missing required field `images`."]),
        (whole(), [result(category_id=9)],
         ["predictions[0].category_id: 9 is not among the categories."]),
        (whole(), [result(category_id=0)],
         ["predictions[0].category_id: 0 is not among the categories. All ids fit when +1 is added"
          " to each: if that is how they were written, give --category-offset 1."]),
        (whole(), [result(), result(image_id=3)],
         ["predictions[1].image_id: '3' is not among the images of the ground truth."]),
        (whole(), [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
         ["predictions[0].score: has no score."]),
        (whole(), [result(score=101)],
         ["predictions[0].score: 101 is no score: 0 to 1, or per cent up to 100."]),
        (whole(), [result(score=100.0000001)],
         ["predictions[0].score: 100.0000001 is no score: 0 to 1, or per cent up to 100."]),
        (whole(), [result(score=-0.1)],
         ["predictions[0].score: -0.1 is no score: 0 to 1, or per cent up to 100."]),
        (whole(), [result(image_id=1.5)],
         ["predictions[0].image_id: Expected `int | str`, got `float`."]),
        ([result()], None,
         ["This is a list of results, which are predictions: give it as --predictions"
          " (`predictions`), and the whole COCO file with its images and categories as the ground"
          " truth."]),
        (None, [result()], ["predictions: " + "results name classes by number: give the ground"
         " truth's file, too, load into a project whose labels have their numbers, or give a whole"
         " COCO file with scores."]),
    ],
)  # fmt: skip
def test_bad_files_leave_nothing_behind(
    try_load: Any, tmp_path: Path, truth: Any, results: Any, errors: list[str]
) -> None:
    if not errors:
        try_load(truth, results)
        return
    with pytest.raises(CommandError) as refused:
        try_load(truth, results)
    told = str(refused.value).replace(f"{tmp_path}/", "")
    assert told.splitlines() == [*errors, NOTHING]
    assert not Project.objects.exists()


def test_another_truth_needs_to_be_wanted(try_load: Any) -> None:
    try_load(whole())
    other = whole(annotations=[box(bbox=[10, 20, 30, 48])])
    task = Task.objects.order_by("id")[0]
    with pytest.raises(CommandError) as refused:
        try_load(other)
    assert str(refused.value).splitlines() == [
        f"images[0]: task {task.pk} has another ground truth. --replace-ground-truth"
        " (`replace_ground_truth`) puts the file's in its place.",
        NOTHING,
    ]
    lines, _ = try_load(other, None, "--replace-ground-truth")
    assert lines[0].endswith("0 new tasks, 1 ground truth, 0 predictions.")
    made = Annotation.objects.order_by("task_id")
    assert [row.result and row.result[0]["value"]["height"] for row in made] == [60.0, []]


def test_another_truth_of_a_name_in_another_folder_may_be_of_another_picture(
    try_load: Any,
) -> None:
    """Sequences number their pictures anew in each folder."""
    image = {"id": 1, "file_name": "may/0001.jpg", "width": 200, "height": 100}
    june = {**image, "id": 2, "file_name": "june/0001.jpg"}
    try_load(whole(images=[image], annotations=[box()]))
    other = whole(images=[june], annotations=[box(image_id=2, bbox=[10, 20, 30, 48])])
    with pytest.raises(CommandError) as refused:
        try_load(other)
    assert str(refused.value).splitlines() == [
        f"images[0]: task {Task.objects.get().pk} is 'may/0001.jpg', found by its file's name"
        " alone, and has another ground truth. If this is another picture, give it an id or a"
        " file's name of its own; if it is the same one, --replace-ground-truth"
        " (`replace_ground_truth`) puts the file's in its place.",
        NOTHING,
    ]


def test_tasks_that_results_do_not_name_keep_what_was_said_of_them(try_load: Any) -> None:
    """A list of results has no entry for an image in which nothing was found."""
    first = [result(), result(image_id=2)]
    assert try_load(whole(), first)[1] == []
    assert try_load(None, first)[1] == []
    warning = (
        "Warning: Tasks that the files do not name keep what 'v1' said of them before, 1."
        " If it now says nothing of them, delete the version first, and load again."
    )
    assert try_load(None, [result(score=0.75)])[1] == [warning]
    assert [row.score for row in Prediction.objects.order_by("task_id")] == [0.75, 0.5]
    # With the ground truth along, each image is named.
    assert try_load(whole(), [result(score=0.75)])[1] == []
    assert [row.score for row in Prediction.objects.order_by("task_id")] == [0.75, None]


def test_sizes_are_those_that_the_ground_truth_tells(try_load: Any) -> None:
    """Earlier models may have had the image in another size: theirs count only without a better."""
    try_load(whole())
    task = Task.objects.order_by("id")[0]
    (region,) = Annotation.objects.get(task=task).result
    for n in range(3):
        told = {**region, "original_width": 50, "original_height": 40}
        Prediction.objects.create(
            project=task.project, task=task, model_version=f"v{n}", result=[told]
        )
    unsized = whole(images=[{"id": 1, "file_name": "one.jpg"}], annotations=[box(score=0.5)])

    def placed(version: str) -> list[float]:
        try_load(None, unsized, "--model-version", version)
        (row,) = Prediction.objects.get(task=task, model_version=version).result
        return [row["value"][name] for name in ("x", "y", "width", "height")]

    assert placed("v3") == [10.0, 25.0, 30.0, 50.0]
    # A later annotation that is no ground truth tells another.
    other = [{**region, "original_width": 20, "original_height": 20}]
    Annotation.objects.create(project=task.project, task=task, result=other)
    assert placed("v4") == [10.0, 25.0, 30.0, 50.0]
    Annotation.objects.filter(task=task).delete()
    # The task itself tells what its file told; one that was skipped tells nothing.
    Annotation.objects.create(
        project=task.project, task=task, result=other, was_cancelled=True, ground_truth=True
    )
    assert placed("v5") == [10.0, 25.0, 30.0, 50.0]
    del task.meta["image_size"]
    Task.objects.filter(pk=task.pk).update(meta=task.meta)
    Prediction.objects.filter(model_version="v5").delete()
    with pytest.raises(CommandError, match="the size of its image is not known"):
        placed("v5")
    Prediction.objects.filter(model_version__in=["v3", "v4"]).delete()
    assert placed("v5") == [20.0, 50.0, 60.0, 100.0]


def test_an_image_of_nothing_keeps_its_size(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, try_load: Any
) -> None:
    """In tasks that were there, too; what they told before stands."""
    project = make_project(ada, title="Pets")
    sides = [(1, None), (2, {"width": 7, "height": 5}), (3, None)]
    for n, size in sides:
        meta = {"image_id": str(n)} | ({"image_size": size} if size else {})
        make_task(ada, project, data={"image": f"{n}.jpg"}, meta=meta)
    images = [{"id": n, "width": 100, "height": 80} for n in (1, 2, 4)]
    categories = [{"id": 1, "name": "Car"}]
    truth = whole(images=[*images, {"id": 3}], annotations=[], categories=categories)
    for _ in range(2):
        try_load(truth)
        told = [one.meta.get("image_size") for one in Task.objects.order_by("id")]
        own = {"width": 100, "height": 80}
        assert told == [own, {"width": 7, "height": 5}, None, own]
    said = [box(id=n, image_id=n, score=0.5) for n in (1, 2, 4)]
    unsized = [{"id": n} for n in (1, 2, 4)]
    try_load(None, whole(images=unsized, annotations=said, categories=categories))
    values = [row.result[0]["value"] for row in Prediction.objects.order_by("task_id")]
    assert [one["x"] for one in values] == pytest.approx([10, 1000 / 7, 10])
    try_load(whole(images=images[:1], annotations=[box()], categories=categories), None,
             "--replace-ground-truth")  # fmt: skip
    assert Annotation.objects.order_by("task_id")[0].result[0]["original_width"] == 100


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("form", ["masks", "boxes"])
def test_results_of_run_lengths_tell_the_size_they_were_drawn_on(
    try_load: Any, together: bool, form: str
) -> None:
    """Half the image's: boxes beside them, outlines, and boxes around them are in that, too."""
    half = {"size": [40, 50], "counts": [0, 20, 1980]}
    outline = [[5, 5, 10, 5, 10, 10]]
    entries = [
        result(segmentation=half, bbox=[0, 0, 5, 20]),
        result(segmentation=half, bbox=None),
        result(segmentation=outline, bbox=[5, 5, 5, 5]),
    ]
    truth = whole(annotations=[box(segmentation=[[10, 20, 40, 20, 40, 60]])])
    if together:
        try_load(truth, entries, "--shapes", form, "--add-labels")
    else:
        full = {"size": [80, 100], "counts": [0, 20, 7980]}
        both = [box(segmentation=full, iscrowd=1), box(id=2, segmentation=outline)]
        try_load(whole(annotations=both), None, "--shapes", form)
        try_load(None, entries, "--shapes", form)
    regions = Prediction.objects.order_by("task_id")[0].result
    assert {(one["original_width"], one["original_height"]) for one in regions} == {(50, 40)}
    if form == "masks":
        assert [one["type"] for one in regions] == ["brushlabels", "brushlabels", "polygonlabels"]
        assert regions[2]["value"]["points"] == [[10, 12.5], [20, 12.5], [20, 25]]
        return
    places = [[one["value"][side] for side in ("x", "y", "width", "height")] for one in regions]
    assert places == [[0, 0, 10, 50], [0, 0, 2, 50], [10, 12.5, 10, 12.5]]


def test_results_of_which_some_have_a_segmentation_are_warned_of(try_load: Any) -> None:
    """The first result tells what is read, as in pycocotools: of the others the boxes alone."""
    outline = [[5, 5, 10, 5, 10, 10]]
    truth = whole(annotations=[box(segmentation=[[10, 20, 40, 20, 40, 60]])])
    _, warned = try_load(truth, [result(), result(segmentation=outline), result(segmentation=[])])
    assert warned == [
        "Warning: Only 1 of 3 objects have a segmentation: boxes are read. --shapes masks reads"
        " segmentations."
    ]
    regions = [*Prediction.objects.get(task=Task.objects.get(meta__image_id="1")).result]
    assert {one["type"] for one in regions} == {"rectanglelabels"}
    assert try_load(truth, [result(segmentation=outline)] * 3, "--shapes", "boxes")[1] == []


def test_results_of_which_some_have_key_points_are_warned_of(try_load: Any) -> None:
    points = [10, 10, 2]
    category = {"id": 1, "name": "cat", "keypoints": ["nose"]}
    truth = whole(annotations=[box(keypoints=points, num_keypoints=1)], categories=[category])
    _, warned = try_load(truth, [result(), result(keypoints=points)])
    assert warned == [
        "Warning: Only 1 of 2 objects have keypoints: boxes are read. --shapes keypoints reads key"
        " points."
    ]


@pytest.mark.parametrize("together", [True, False])
def test_each_file_has_sizes_of_its_own(try_load: Any, together: bool) -> None:
    """The model had the image in half its size."""
    small = {"id": 1, "file_name": "one.jpg", "width": 50, "height": 40}
    said = whole(images=[small], annotations=[box(bbox=[5, 10, 15, 20], score=0.5)])
    if together:
        try_load(whole(), said)
    else:
        try_load(whole())
        try_load(None, said)
    (found,) = Prediction.objects.order_by("task_id")[0].result
    (true,) = Annotation.objects.order_by("task_id")[0].result
    assert found["value"] == true["value"]
    assert (found["original_width"], true["original_width"]) == (50, 100)


def test_a_class_that_the_project_lacks(ada: Caller, try_load: Any) -> None:
    try_load(whole(categories=[{"id": 1, "name": "cat"}]))
    with pytest.raises(CommandError) as refused:
        try_load(whole())
    assert str(refused.value).splitlines() == [
        "The project's labelling config lacks 'dog' in box: add them there, or ask for it with"
        " --add-labels (`add_labels`).",
        NOTHING,
    ]
    try_load(whole(), None, "--add-labels")
    config = Project.objects.get().label_config
    assert '<Label value="cat" category="1" />' in config
    assert '<Label value="dog" />' in config


def test_ids_that_name_other_files(try_load: Any) -> None:
    try_load(whole())
    images = [{**IMAGE, "file_name": "three.jpg"}]
    task = Task.objects.order_by("id")[0]
    with pytest.raises(CommandError) as refused:
        try_load(whole(images=images))
    assert str(refused.value).splitlines() == [
        f"images[0]: has the id of task {task.pk} of the project, which is 'one.jpg', but is"
        " 'three.jpg' here.",
        NOTHING,
    ]


@pytest.mark.parametrize("by", ["id", "slug", "title"])
def test_projects_by_id_slug_and_title(
    ada: Caller, make_project: MakeProject, write: Write, by: str
) -> None:
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
        '<Label value="cat"/><Label value="dog"/></RectangleLabels></View>'
    )
    project = make_project(ada, config, title="Pets at home")
    name = {"id": project.pk, "slug": project.slug, "title": project.title}[by]
    lines, _ = load("coco", "--ground-truth", write(whole(), "t.json"), "-P", name)
    assert lines[-1] == str(project.pk)
    assert Task.objects.filter(project=project).count() == 2


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("999999", "There is no project 999999."),
        ("ab", "A project's title has 3 to 50 characters."),
        ("Cars", "Projects {0} and {1} have the title 'Cars': give an id or a slug."),
    ],
)
def test_names_that_are_no_project(
    ada: Caller, make_project: MakeProject, write: Write, name: str, error: str
) -> None:
    ids = [make_project(ada).pk, make_project(ada).pk]
    with pytest.raises(CommandError) as refused:
        load("coco", "--ground-truth", write(whole(), "t.json"), "-P", name)
    assert str(refused.value).splitlines() == [error.format(*ids), NOTHING]


def test_files_without_the_name_of_a_format(ada: Caller, write: Write) -> None:
    truth, said = write(whole(), "t.json"), write([result()], "r.json")
    taken = "{} is taken for COCO: instances, keypoints, results (coco)."
    assert load(truth, "-P", "Pets")[1] == [taken.format(truth)]
    assert load(said, "-P", "Pets", "--model-version", "v1")[1] == [taken.format(said)]
    assert (Annotation.objects.count(), Prediction.objects.count()) == (2, 1)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "'{}' is neither a format nor a file. Formats: "),
        (b'{"tasks": []}', "{}: is of none of the formats that are recognised: name one of "),
        (b"", "{}: is empty."),
    ],
)
def test_files_that_are_not_recognised(
    ada: Caller, write: Write, tmp_path: Path, content: bytes | None, error: str
) -> None:
    path = tmp_path / "no.json" if content is None else write(content, "a.json")
    with pytest.raises(CommandError) as refused:
        load(path, "-P", "Pets")
    assert str(refused.value).startswith(error.format(path))
    assert not Project.objects.exists()
