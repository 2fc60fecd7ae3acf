"""Predictions as the SDK's own helpers make them: from regions, samples, masks and YOLO files.

Model backends hand these to the store unchanged; here each project checks what it is given.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_studio_sdk import LabelStudio
from label_studio_sdk.converter.brush import decode_rle, image2annotation
from label_studio_sdk.converter.imports.yolo import convert_yolo_to_ls
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
from PIL import Image

from tests.conftest import IMAGE_CONFIG, TEXT_CONFIG, Caller, region

LABELS = '<Label value="Car"/><Label value="Person"/>'
IMAGE = '<Image name="image" value="$image"/>'
BRUSH_CONFIG = (
    f'<View>{IMAGE}<BrushLabels name="label" toName="image">{LABELS}</BrushLabels></View>'
)
CONFIGS = {
    "rectangles": IMAGE_CONFIG,
    "polygons": f'<View>{IMAGE}<PolygonLabels name="label" toName="image">{LABELS}'
    "</PolygonLabels></View>",
    "brush": BRUSH_CONFIG,
    "choices": TEXT_CONFIG,
    "text labels": '<View><Text name="text" value="$text"/><Labels name="label" toName="text">'
    f"{LABELS}</Labels></View>",
}


@pytest.fixture
def make_checked(ada: Caller, make_project: Any, make_task: Any) -> Any:
    """Makes a project that checks its predictions, and a task of it."""

    def make(label_config: str) -> tuple[Any, int]:
        project = make_project(ada, label_config, validate_predictions=True)
        return project, make_task(ada, project)

    return make


def samples_of(label_config: str, n: int) -> list[dict[str, Any]]:
    """The first n generated predictions that have regions: for texts some have none."""
    # The generator draws from it: the same samples in every run.
    random.seed(7)
    interface = LabelInterface(label_config)
    drawn = (interface.generate_sample_prediction() for _ in range(20 * n))
    found = [sample for sample in drawn if sample and sample["result"]][:n]
    assert len(found) == n
    # As JSON has it: points come as tuples.
    return list(json.loads(json.dumps(found)))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_sample_predictions_are_accepted(
    client: LabelStudio, make_checked: Any, config: str
) -> None:
    project, task = make_checked(config)
    samples = samples_of(client.projects.get(project.pk).label_config, 3)
    stored = [client.predictions.create(task=task, **sample) for sample in samples]
    assert [p.result for p in stored] == [sample["result"] for sample in samples]
    imported = client.projects.import_predictions(
        project.pk, request=[{"task": task, **sample} for sample in samples]
    )
    stored += [client.predictions.get(pk) for pk in imported.prediction_ids]
    assert client.predictions.list(task=task) == stored
    assert [(p.result, p.model_version) for p in stored] == 2 * [
        (sample["result"], "sample model version") for sample in samples
    ]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_samples_with_an_unknown_label_are_refused(
    client: LabelStudio, make_checked: Any, config: str
) -> None:
    _, task = make_checked(config)
    (sample,) = samples_of(config, 1)
    text = json.dumps(sample["result"])
    for label in ("Car", "Person", "pos", "neg"):
        text = text.replace(f'"{label}"', '"Zebra"')
    with pytest.raises(ApiError) as error:
        client.predictions.create(task=task, result=json.loads(text))
    assert error.value.status_code == 400
    (message,) = error.value.body["validation_errors"]["non_field_errors"]
    assert message.startswith("Error validating prediction: [")
    assert client.predictions.list(task=task) == []


def test_a_prediction_value_is_posted_as_the_recipe_says(
    client: LabelStudio, make_checked: Any
) -> None:
    project, task = make_checked(TEXT_CONFIG)
    interface = client.projects.get(project.pk).get_label_interface()
    value = PredictionValue(result=interface.create_regions({"sentiment": "pos"}), score=0.8)
    assert value.model_dump()["model_version"] is None
    created = client.predictions.create(task=task, **value.model_dump())
    assert (created.score, created.model_version) == (0.8, "")
    assert created.result == value.model_dump()["result"]
    assert created.result[0]["value"] == {"choices": ["pos"]}


def test_prediction_values_of_a_model_are_imported(client: LabelStudio, make_checked: Any) -> None:
    project, task = make_checked(IMAGE_CONFIG)
    values = [
        PredictionValue(result=[region(name)], score=0.5, model_version="yolo-11")
        for name in ("Car", "Person")
    ]
    answer = client.projects.import_predictions(
        project.pk, request=[{"task": task, **value.model_dump()} for value in values]
    )
    stored = client.predictions.list(task=task)
    assert [p.id for p in stored] == answer.prediction_ids
    assert [p.result for p in stored] == [[region("Car")], [region("Person")]]
    assert {(p.score, p.model_version) for p in stored} == {(0.5, "yolo-11")}


def test_a_mask_comes_back_pixel_by_pixel(
    client: LabelStudio, make_checked: Any, tmp_path: Path
) -> None:
    _, task = make_checked(BRUSH_CONFIG)
    mask = np.zeros((24, 32), dtype=np.uint8)
    mask[5:15, 8:20] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    prediction = image2annotation(
        str(tmp_path / "mask.png"), "Car", "label", "image", model_version="sam", score=0.9
    )
    created = client.predictions.create(task=task, **prediction)
    found = client.predictions.get(created.id)
    assert (found.model_version, found.score) == ("sam", 0.9)
    rle = found.result[0]["value"]["rle"]
    assert np.array_equal(decode_rle(rle).reshape(24, 32, 4)[:, :, 3], mask)


def test_yolo_files_become_tasks_with_predictions(
    client: LabelStudio, make_checked: Any, tmp_path: Path
) -> None:
    project, _ = make_checked(IMAGE_CONFIG)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "classes.txt").write_text("Car\nPerson\n")
    Image.new("RGB", (100, 50)).save(tmp_path / "images" / "1.png")
    (tmp_path / "labels" / "1.txt").write_text("1 0.5 0.5 0.2 0.4\n0 0.25 0.25 0.1 0.1\n")
    made = tmp_path / "tasks.json"
    convert_yolo_to_ls(str(tmp_path), str(made), out_type="predictions")
    answer = client.projects.import_tasks(
        project.pk, request=json.loads(made.read_text()), return_task_ids=True
    )
    assert (answer.task_count, answer.prediction_count) == (1, 1)
    (prediction,) = client.tasks.get(answer.task_ids[0]).predictions
    person, car = (r["value"] for r in prediction.result)
    assert person["rectanglelabels"] == ["Person"]
    assert [person[key] for key in ("x", "y", "width", "height")] == pytest.approx([40, 30, 20, 40])
    assert car["rectanglelabels"] == ["Car"]
    assert [car[key] for key in ("x", "y", "width", "height")] == pytest.approx([20, 20, 10, 10])
