"""Files with anything at any place of them: refused by name, or stored so that all can be read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, desk_of
from tests.evals.imports.test_import import DOCUMENT, changed

ROUTES = ["", "/map-results", "/confidence-sweep", "/performance-by-class", "/confusion-matrix"]
ROUTES += ["/vector-analysis", "/recommendations", "/image-predictions"]
PAGES = [
    "",
    "data/numbers",
    "data/curves?class=Car",
    "data/points",
    "data/cards?position=0",
    "data/f1",
]
HUGE = "a number beyond all numbers"
VALUES: list[Any] = [None, True, -1, 2**70, HUGE, "", "text", [], [1], {}, {"a": 1}, {"a": {}}]
FULL: Any = {
    **DOCUMENT,
    "confidence": 20,
    "iouThreshold": 0.5,
    "medianLatencyMs": 3,
    "clustering": {
        "clustering": {"method": "hdbscan", "nClusters": 1, "metrics": {}, "parameters": {}},
        "preprocessing": {"method": "umap"},
        "clusters": [{"id": 1, "numImages": 1, "metrics": {"f1Mean": 1}}],
    },
    "recommendations": {
        "generated": True,
        "generatedAt": "2026-01-01T00:00:00.000Z",
        "recommendations": {
            "items": [
                {
                    "type": "low_recall",
                    "severity": "high",
                    "className": "Car",
                    "metrics": {"recall": 0.5},
                    "message": "Label more.",
                    "imageIds": ["a"],
                }
            ],
            "summary": {"split": "test", "confidenceThreshold": 20},
        },
    },
    "confusionMatrices": [
        {"split": "all", "confidenceThreshold": 0.6, "matrix": [[1, 0, 2], [0] * 3, [0] * 3]}
    ],
}


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside, of a list the first."""
    inside = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document[:1])
        if isinstance(document, list)
        else ()
    )
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


def body(path: tuple[Any, ...], value: Any) -> bytes:
    """The document with one place of it changed."""
    text = json.dumps(changed(list(path), value, FULL))
    return text.replace(json.dumps(HUGE), "1e999").encode()


@pytest.mark.slow
@pytest.mark.parametrize("path", list(places(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_anything_anywhere(ada: Caller, project: Any, path: tuple[Any, ...]) -> None:
    desk = desk_of(ada)
    for value in VALUES:
        answer = ada.client.post(
            "/lab/model-evals/import?strict=false",
            body(path, value),
            content_type="application/json",
        )
        if answer.status_code != 201:
            assert answer.status_code in {400, 404}, value
            # A name within the path is enough: what is wrong may be what is missing beside it.
            assert any(str(key) in answer.json()["message"] for key in path), value
            assert not ModelEval.objects.exists()
            continue
        eval_id = answer.json()["evalId"]
        for route in ROUTES:
            url = f"/lab/model-evals/{eval_id}{route}"
            assert ada.client.get(url).status_code in {200, 404}, (value, route)
        for page in PAGES:
            url = f"/admin/evals/modeleval/{eval_id}/{page}"
            assert desk.get(url).status_code in {200, 404}, (value, page)
        ModelEval.objects.all().delete()
