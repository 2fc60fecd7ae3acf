"""What evaluations of pixels are known and compared by, whatever their canonical confidence."""

from typing import Any

import pytest

from tests.conftest import Caller, MakeProject
from tests.evals.conftest import computed, load, task

OUTLINES = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">'
    '<Label value="Car"/></PolygonLabels></View>'
)


def stripe(first: int, last: int, score: float | None = None) -> dict[str, Any]:
    points = [[first, 0], [last, 0], [last, 100], [first, 100]]
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "polygonlabels",
        "original_width": 100,
        "original_height": 100,
        "value": {"points": points, "polygonlabels": ["Car"]},
    }
    return region if score is None else {**region, "score": score}


@pytest.mark.parametrize(("confidence", "there"), [(20, 0.5), (0, 1.0), (95, 0.0)])
def test_the_headline_is_of_all_predictions(
    ada: Caller, make_project: MakeProject, confidence: int, there: float
) -> None:
    made = make_project(ada, OUTLINES, title="Pixels")
    said = [stripe(0, 25, 0.9), stripe(25, 50, 0.1)]
    load(ada, made, [task("a", truth=[stripe(0, 50)], said={"v1": said})])
    found = computed(ada, made, taskType="semantic-segmentation", confidence=confidence)
    path = f"/lab/model-evals/{found.eval_id}"
    summary = ada.client.get(path).json()["summary"]
    assert (summary["mIoU"], summary["primary"]["value"]) == (1.0, 1.0)
    split = ada.client.get(f"{path}/map-results").json()["splits"]["test"]
    assert (split["metrics"], split["mIoU"]) == ({"mIoU": 1.0}, there)
    assert split["perClass"]["Car"]["iou"] == there
    asked = {"project": made.slug, "version": "v1", "frontierMetric": "mIoU"}
    (model,) = ada.client.get("/lab/model-evals/compare", asked).json()["models"]
    assert model["metrics"]["mIoU"] == 1.0
