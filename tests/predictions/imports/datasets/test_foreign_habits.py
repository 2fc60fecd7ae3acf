"""Files as other tools write them: without suffixes or sizes, counted or ordered otherwise."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from label_studio_sdk.converter.brush import decode_rle
from PIL import Image

from predictions.models import Annotation, Prediction, Project, Task
from predictions.regions.config import read_config
from tests.conftest import IMAGE_CONFIG, Caller, MakeProject, MakeTask
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    COCO,
    both,
    coco_truth,
    said,
    tasks,
    truths,
    values,
)
from tests.predictions.imports.datasets.test_load_voc import thing, voc

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("format_", "suffix", "line"),
    [
        ("yolo", ".png", "0 0.5 0.5 0.5 0.5\n"),
        ("yolo", ".jpg", "0 0.5 0.5 0.5 0.5\n"),
        ("dota", ".jpg", "50 25 150 25 150 75 50 75 cat 0\n"),
        ("dota", ".tif", "50 25 150 25 150 75 50 75 cat 0\n"),
    ],
)
def test_pictures_elsewhere_tell_the_suffix(
    ada: Caller, tmp_path: Path, format_: str, suffix: str, line: str
) -> None:
    labels, pictures = tmp_path / "labels", tmp_path / "pictures"
    labels.mkdir()
    pictures.mkdir()
    for name in ("a", "b"):
        Image.new("L", (200, 100)).save(pictures / f"{name}{suffix}")
    (labels / "a.txt").write_text(line)
    (labels / "b.txt").write_text("")
    if format_ == "yolo":
        (labels / "classes.txt").write_text("cat\n")
    load(format_, "--ground-truth", labels, "-P", "Files", "--images", pictures)
    assert [meta["image_name"] for _, meta in tasks()] == [f"a{suffix}", f"b{suffix}"]
    assert [data["image"].rpartition("/")[2] for data, _ in tasks()] == [f"a{suffix}", f"b{suffix}"]
    box = {"x": 25.0, "y": 25.0, "width": 50.0, "height": 50.0, "rotation": 0.0}
    assert values(truths()) == [[{**box, "rectanglelabels": ["cat"]}], []]


def corners(x: int, dx: int = 20) -> str:
    """A square about (x, 50) of an image of 200 x 100, turned by 45 degrees where dx is 20."""
    points = [(x, 30), (x + dx, 50), (x, 70), (x - 20, 50)]
    return "0 " + " ".join(f"{x / 200} {y / 100}" for x, y in points)


@pytest.mark.parametrize(
    ("truth", "said", "with_pictures", "controls"),
    [
        (corners(50), corners(60), True, ["RectangleLabels"]),
        (corners(50), corners(60, dx=35), True, ["PolygonLabels", "RectangleLabels"]),
        (corners(50, dx=35), corners(60), True, ["PolygonLabels", "RectangleLabels"]),
        ("", corners(60), True, ["RectangleLabels"]),
        ("", "", False, ["RectangleLabels"]),
    ],
)
def test_corners_are_boxes_where_the_pictures_say_so(
    ada: Caller, tmp_path: Path, truth: str, said: str, with_pictures: bool, controls: list[str]
) -> None:
    """And a project of boxes is evaluated as one."""
    folder, predicted, elsewhere = (tmp_path / name for name in ("truth", "said", "pictures"))
    for one in (folder, predicted, elsewhere):
        one.mkdir()
    (folder / "data.yaml").write_text("names: [cat]\ntask: obb\n")
    (folder / "a.txt").write_text(f"{truth}\n")
    (predicted / "data.yaml").write_text("names: [cat]\ntask: obb\n")
    (predicted / "a.txt").write_text(f"{said} 0.5\n" if said else "")
    Image.new("L", (200, 100)).save(elsewhere / "a.png")
    both("yolo", folder, predicted, *(["--images", elsewhere] if with_pictures else []))
    config = read_config(Project.objects.get().label_config)
    assert sorted(one.tag.tag for one in config.controls) == controls


def test_an_image_of_0_x_0_pixels_is_one_of_unknown_size(ada: Caller, tmp_path: Path) -> None:
    """As exports write images without regions; beside objects a size is still needed."""
    first, second = COCO["images"]
    document = {**COCO, "images": [first, {**second, "width": 0, "height": 0}]}
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document))
    lines, _ = load("coco", "--ground-truth", path, "-P", "Files")
    assert ": 2 images," in lines[0]


def test_voc_counted_from_0_is_warned_of(ada: Caller, tmp_path: Path) -> None:
    for name, corners in (("a", (0, 10, 99, 59)), ("b", (1, 1, 100, 60))):
        text = voc(thing(corners=corners), thing("dog")).replace("a.png", f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(text)
    _, warned = load("voc", "--ground-truth", tmp_path, "-P", "Files")
    assert warned == [
        "Warning: 1 objects have a corner at 0, as files have that count pixels from 0: here they"
        " count from 1, as VOC's do, so that boxes of such files are off by a pixel."
    ]


SIZED = {
    "type": "rectanglelabels",
    "from_name": "label",
    "to_name": "image",
    "original_width": 200,
    "original_height": 100,
    "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["Car"]},
}


@pytest.mark.parametrize(
    ("told", "known", "is_warned"),
    [
        ("val/1.jpg", "train/1.jpg", True),
        ("data/val/1.jpg", "data/train/1.png", True),
        ("1.jpg", "train/1.jpg", False),
        ("/home/ada/train/1.png", "train/1.jpg", False),
        ("train/1.jpg", "train/1.jpg", False),
    ],
)
@pytest.mark.parametrize("is_together", [True, False])
def test_a_name_in_another_folder_is_warned_of(
    ada: Caller, tmp_path: Path, told: str, known: str, is_warned: bool, is_together: bool
) -> None:
    truth, said = tmp_path / "truth.json", tmp_path / "said.json"
    thing = {"id": 1, "category_id": 0, "bbox": [0, 0, 50, 50], "image_id": 5}
    for path, id_, name in ((truth, 5, known), (said, 6, told)):
        image = {"id": id_, "file_name": name, "width": 200, "height": 100}
        score = {"score": 0.5} if path == said else {}
        entries = [{**thing, "image_id": id_, **score}]
        document = {"images": [image], "categories": COCO["categories"], "annotations": entries}
        path.write_text(json.dumps(document))
    if is_together:
        _, warned = both("coco", truth, said)
    else:
        load("coco", "--ground-truth", truth, "-P", "Files")
        _, warned = load("coco", "--predictions", said, "-P", "Files", "--model-version", "v1")
    text = (
        "Warning: 1 images were found by their file's name alone, in another folder:"
        f" {told!r} was taken for {known!r}. Give both sides' images the same names, or ids, if"
        " these are others."
    )
    assert warned == ([text] if is_warned else [])
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "meta", "place"),
    [
        ("https://x.y/two%20pets/1.jpg?size=9", {}, "two pets/1.jpg"),
        ("https://x.y/pets/1.jpg", {"image_name": "1.jpg"}, "pets/1.jpg"),
        ("/data/local-files/?d=0123456789abcdef/1.jpg", {}, "0123456789abcdef/1.jpg"),
        ("s3://bucket/1.jpg", {}, None),
        ("https://x.y/cats/1.jpg", {}, None),
        ("https://x.y/pets/1.jpg", {"image_name": "cats/1.jpg"}, None),
    ],
)
def test_so_is_a_task_that_tells_the_folder_in_its_address(
    ada: Caller,
    make_project: MakeProject,
    make_task: MakeTask,
    tmp_path: Path,
    address: str,
    meta: Json,
    place: str | None,
) -> None:
    project = make_project(ada, title="Files")
    task = make_task(ada, project, data={"image": address}, meta=meta)
    said = tmp_path / "said.json"
    row: Json = {"image": "cats/1.jpg", "class_name": "Car", "confidence": 0.5}
    row |= {"x_min": 1, "y_min": 1, "x_max": 9, "y_max": 9}
    said.write_text(json.dumps([row]))
    annotated = ada.client.post(f"/api/tasks/{task}/annotations/", {"result": [SIZED]}, "json")
    assert annotated.status_code == 201
    _, warned = load("supervision", "--predictions", said, "-P", "Files", "--model-version", "v1")
    text = (
        "Warning: 1 images were found by their file's name alone, in another folder: 'cats/1.jpg'"
        f" was taken for {place!r}. Give both sides' images the same names, or ids, if these are"
        " others."
    )
    assert warned == ([text] if place else [])


def test_images_of_one_name_in_several_folders_are_told_apart(ada: Caller, tmp_path: Path) -> None:
    def sample(path: str, x: float) -> Json:
        found = {"_cls": "Detection", "label": "cat", "bounding_box": [x, 0, 0.25, 0.5]}
        return {
            "filepath": path,
            "metadata": {"width": 200, "height": 100},
            "ground_truth": {"_cls": "Detections", "detections": [found]},
        }

    path = tmp_path / "samples.json"
    path.write_text(json.dumps({"samples": [sample("/d/a/1.jpg", 0), sample("/d/b/1.jpg", 0.5)]}))
    load("fiftyone", "--ground-truth", path, "-P", "Fifty")
    for folder in ("a", "b"):
        file = tmp_path / "labelme" / folder / "1.json"
        file.parent.mkdir(parents=True)
        sizes = {"imageWidth": 200, "imageHeight": 100}
        file.write_text(json.dumps({"shapes": [], "imagePath": "1.jpg", **sizes}))
    load("labelme", "--ground-truth", tmp_path / "labelme", "-P", "LabelMe")
    assert [meta["image_name"] for _, meta in tasks()] == [
        "d/a/1.jpg", "d/b/1.jpg", "a/1.jpg", "b/1.jpg"
    ]  # fmt: skip


def test_polygons_of_one_group_are_one_object(ada: Caller, tmp_path: Path) -> None:
    """As LabelMe's own conversion to COCO has it: of one label and one group."""

    def outline(label: str, x: int, group: int | None) -> Json:
        points = [[x, 0], [x + 20, 0], [x + 20, 40], [x, 40]]
        return {"label": label, "points": points, "shape_type": "polygon", "group_id": group}

    shapes = [outline("cat", 0, 1), outline("dog", 40, 1), outline("cat", 80, 1),
              outline("cat", 120, None), outline("cat", 160, 2)]  # fmt: skip
    sizes = {"imageWidth": 200, "imageHeight": 100}
    file = {"shapes": shapes, "imagePath": "1.jpg", **sizes}
    (tmp_path / "1.json").write_text(json.dumps(file))
    load("labelme", "--ground-truth", tmp_path, "-P", "Files")
    [[cat, *others]] = truths()
    painted = decode_rle(cat["value"]["rle"]).reshape(100, 200, 4)[:, :, 3] > 0
    assert (cat["value"]["brushlabels"], int(painted.sum())) == (["cat"], 2 * 20 * 40)
    assert (painted[0, 10], painted[0, 50], painted[0, 90]) == (True, False, True)
    assert [one["value"]["polygonlabels"] for one in others] == [["dog"], ["cat"], ["cat"]]


def box(label: str) -> Json:
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": [label]}
    return {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}


def listed(key: str, *entries: tuple[int | str | None, str], **more: Any) -> list[Json]:
    """A task of Label Studio with these annotations or predictions, by id and label."""
    found = [
        {"result": [box(label)], **({} if id_ is None else {"id": id_}), **more}
        for id_, label in entries
    ]
    return [{"data": {"image": "https://photos.test/a.jpg"}, key: found}]


LISTS: list[tuple[list[tuple[int | str | None, str]], str]] = [
    ([("200", "Car"), ("99", "Person")], "Car"),
    ([(0, "Person"), ("1", "Car"), ("0", "Person")], "Car"),
    ([(7, "Car"), (8, "Person")], "Person"),
    ([(8, "Car"), (7, "Person")], "Car"),
    ([(8, "Car"), (None, "Person")], "Person"),
    ([(None, "Car"), (None, "Person")], "Person"),
]


@pytest.mark.parametrize(("entries", "newest"), LISTS)
def test_the_newest_is_that_of_the_highest_id(
    ada: Caller, tmp_path: Path, entries: list[tuple[int | str | None, str]], newest: str
) -> None:
    truth, said = tmp_path / "truth", tmp_path / "said"
    truth.write_text(json.dumps(listed("annotations", *entries)))
    said.write_text(json.dumps(listed("predictions", *entries)))
    both("labelstudio", truth, said)
    assert [row.result for row in Annotation.objects.all()] == [[box(newest)]]
    assert [row.result for row in Prediction.objects.all()] == [[box(newest)]]


@pytest.mark.parametrize(("entries", "newest"), LISTS)
def test_an_import_keeps_the_order_of_ids(
    ada: Caller, make_project: MakeProject, entries: list[tuple[int | str | None, str]], newest: str
) -> None:
    project: Project = make_project(ada, IMAGE_CONFIG)
    for key in ("annotations", "predictions"):
        url = f"/api/projects/{project.pk}/import"
        assert ada.client.post(url, listed(key, *entries), format="json").status_code == 201
    for model in (Annotation, Prediction):
        assert [one.result for one in model.objects.order_by("id")][-1] == [box(newest)]


CAR = '<Label value="cat"/><Label value="dog"/>'
PAGES = (
    '<View><Image name="image" valueList="$pages"/><RectangleLabels name="label" toName="image">'
    f"{CAR}</RectangleLabels></View>"
)
ITEMS = (
    '<View><Repeater on="$items" indexFlag="{{i}}">'
    '<Image name="p_{{i}}" value="$items[{{i}}].url"/>'
    f'<RectangleLabels name="l_{{{{i}}}}" toName="p_{{{{i}}}}">{CAR}</RectangleLabels></Repeater>'
    "</View>"
)


@pytest.mark.parametrize("config", [PAGES, ITEMS])
def test_pages_of_a_task_are_not_guessed(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, tmp_path: Path, config: str
) -> None:
    """The last page's name was taken for the task's, and its boxes for the first page's."""
    project = make_project(ada, config, title="Files")
    pages = ["https://x.y/1.jpg", "https://x.y/a.jpg"]
    data = {"pages": pages, "items": [{"url": page} for page in pages]}
    make_task(ada, project, data=data)
    with pytest.raises(CommandError, match=r"several of Image in a task \(valueList, Repeater\)"):
        load("coco", "--ground-truth", coco_truth(tmp_path), "-P", "Files")
    assert (Task.objects.count(), Annotation.objects.count()) == (1, 0)


def test_all_regions_are_of_one_picture(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, tmp_path: Path
) -> None:
    """Of two that have controls the one that holds everything in the file."""
    project = make_project(
        ada,
        '<View><Image name="front" value="$image"/><Image name="back" value="$other"/>'
        f'<RectangleLabels name="box" toName="front">{CAR}</RectangleLabels>'
        f'<RectangleLabels name="boxes" toName="back">{CAR}</RectangleLabels>'
        f'<PolygonLabels name="outline" toName="back">{CAR}</PolygonLabels></View>',
        title="Files",
    )
    for name in ("a.jpg", "b.jpg"):
        make_task(ada, project, data={"image": f"front/{name}", "other": f"back/{name}"})
    shapes = [
        {"label": "cat", "points": [[1, 2], [50, 60]], "shape_type": "rectangle"},
        {"label": "dog", "points": [[1, 2], [50, 60], [1, 60]], "shape_type": "polygon"},
    ]
    file = {"shapes": shapes, "imagePath": "a.jpg", "imageWidth": 200, "imageHeight": 100}
    (tmp_path / "a.json").write_text(json.dumps(file))
    load("labelme", "--ground-truth", tmp_path, "-P", "Files")
    assert [(one["from_name"], one["to_name"]) for one in truths()[0]] == [
        ("boxes", "back"),
        ("outline", "back"),
    ]


def test_choices_about_regions_hold_no_labels_of_images(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    choices = '<Choices name="c" toName="image" perRegion="true"><Choice value="cat"/></Choices>'
    config = IMAGE_CONFIG.replace("</View>", f"{choices}</View>")
    make_project(ada, config, title="Files")
    (tmp_path / "a.csv").write_text("image,label\na.jpg,cat\n")
    with pytest.raises(CommandError, match="has no Choices for a choice"):
        load("csv", "--ground-truth", tmp_path / "a.csv", "-P", "Files")


BOXES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="cat"/></RectangleLabels></View>'
)


@pytest.mark.parametrize(("dx", "is_box"), [(20, True), (35, False)])
def test_corners_into_a_project_of_boxes(
    ada: Caller, make_project: MakeProject, tmp_path: Path, dx: int, is_box: bool
) -> None:
    """Its tasks tell the sizes, by which the corners are boxes."""
    made = make_project(ada, BOXES, title="Own")
    meta = {"image_name": "a.png", "image_size": {"width": 200, "height": 100}}
    items = [{"data": {"image": "a.png"}, "meta": meta}]
    ada.client.post(f"/api/projects/{made.pk}/import", items, format="json")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntask: obb\n")
    (tmp_path / "a.txt").write_text(f"{corners(50, dx=dx)} 0.5\n")
    asked = ("--predictions", tmp_path, "-P", "Own", "--model-version", "v1")
    if is_box:
        load("yolo", *asked)
        side = pytest.approx(math.sqrt(800))
        box = {"x": 25.0, "y": 30.0, "width": pytest.approx(math.sqrt(800) / 2), "height": side}
        ((found,),) = values(said())
        assert found == {
            **box, "rotation": pytest.approx(45), "rectanglelabels": ["cat"], "score": 0.5
        }  # fmt: skip
        return
    with pytest.raises(CommandError) as error:
        load("yolo", *asked)
    assert str(error.value).splitlines() == [
        "a.txt, line 1: its four corners are no rectangle to half a pixel, and the project's"
        " labelling config has no PolygonLabels for a polygon.",
        "Nothing is stored.",
    ]


def address(name: str, signed: bool) -> str:
    if signed:
        return f"https://bucket.s3.amazonaws.com/set/{name}?X-Amz-Signature=0f&X-Amz-Expires=60"
    return f"s3://bucket/set/{name}"


@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("folders", ["", "set/", "mine/bucket/set/", "/a/b/c/d/e/f/g/h/set/"])
def test_names_with_folders_of_images_in_a_storage(
    ada: Caller, make_project: MakeProject, tmp_path: Path, is_signed: bool, folders: str
) -> None:
    """Images of one name in several folders, of which the file tells the last or more."""
    made = make_project(ada, BOXES, title="Own")
    names = ["left/a.jpg", "right/a.jpg", "left/a.png"]
    items = [{"data": {"image": address(name, is_signed)}} for name in names]
    ada.client.post(f"/api/projects/{made.pk}/import", items, format="json")
    images = [
        {**COCO["images"][0], "id": n, "file_name": f"{folders}{name}"}
        for n, name in enumerate(names)
    ]
    box = {"category_id": 0, "bbox": [10, 20, 30, 40]}
    document = {
        **COCO,
        "images": images[::-1],
        "categories": COCO["categories"][:1],
        "annotations": [{**box, "id": 1, "image_id": 1}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document))
    _, warned = load("coco", "--ground-truth", path, "-P", "Own")
    assert warned == []
    assert Task.objects.count() == 3
    assert [len(result) for result in truths()] == [0, 1, 0]


def test_a_folder_that_two_images_lie_in_is_refused(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    made = make_project(ada, BOXES, title="Own")
    items = [{"data": {"image": f"s3://bucket/{one}/left/a.jpg"}} for one in ("x", "y")]
    ada.client.post(f"/api/projects/{made.pk}/import", items, format="json")
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    image = {**COCO["images"][0], "file_name": "left/a.jpg"}
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({**COCO, "images": [image], "annotations": []}))
    with pytest.raises(CommandError) as error:
        load("coco", "--ground-truth", path, "-P", "Own", "--add-labels")
    assert str(error.value).splitlines() == [
        f"images[0]: 'left/a.jpg' may be task {first} of the project or task {second} of the"
        " project.",
        "Nothing is stored.",
    ]
