"""An evaluation of more classes than any square or curve is shown for."""

from typing import Any

import pytest
from django.test import Client

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import box, computed, load

pytestmark = pytest.mark.slow


@pytest.mark.django_db
def test_every_page_of_very_many_classes_is_usable(
    ada: Caller, make_project: MakeProject, desks: dict[str, Client]
) -> None:
    """2,100 of them, more than any square or curve is answered for."""
    names = [f"class {n:04}" for n in range(2100)]
    labels = "".join(f'<Label value="{name}"/>' for name in names)
    project = make_project(
        ada,
        label_config='<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels></View>',
    )
    truth = [box(name, n % 50, n % 50, 10, 10) for n, name in enumerate(names)]
    said = [{**one, "score": 0.9} for one in truth[:1680]]
    item = {
        "data": {"image": "https://images.example.com/1.jpg"},
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": [{"model_version": "v1", "result": said}],
    }
    load(ada, project, [item])
    found = computed(ada, project)
    assert found.status == ModelEval.Status.DONE

    def get(panel: str, **query: Any) -> Any:
        return ada.client.get(f"/lab/model-evals/{found.eval_id}/{panel}", query)

    split = next(name for name, count in found.image_counts.items() if count)
    assert get("confusion-matrix", split=split).json()["error"] == "too_many_classes"
    cells = get("confusion-matrix", split=split, format="cells", limit=100_000).json()
    assert cells["totalCells"] == len(cells["cells"]) == 2100
    assert sum(n for _, _, n in cells["cells"]) == 2100
    sweep = get("confidence-sweep").json()["splits"][split]
    assert len(sweep["perThreshold"]) == 100
    assert sweep["perClass"][names[0]] == {
        "optimalThreshold": 0.0,
        "optimalMetrics": {"precision": 1.0, "recall": 1.0, "f1": 1.0},
    }
    table = get("map-results").json()["splits"][split]
    assert table["map50"] == pytest.approx(0.8)
    assert len(get("performance-by-class", split=split).json()["classes"]) == 2100
    for page in ("", "metrics/", "matrix/", "images/", "data/numbers", "data/curves"):
        answer = desks["reader"].get(f"/admin/evals/modeleval/{found.eval_id}/{page}")
        assert answer.status_code == 200, page
