"""GET .../confusion-matrix by its cells."""

import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from evals.imports import save
from evals.models import ModelEval
from tests.conftest import Caller

pytestmark = pytest.mark.usefixtures("kept")

Get = Callable[..., Any]


@pytest.mark.parametrize(
    ("query", "total", "page"),
    [
        ({}, 5, [[0, 0, 1], [0, 1, 1], [0, 2, 1], [1, 1, 1], [2, 1, 1]]),
        ({"limit": 2}, 5, [[0, 0, 1], [0, 1, 1]]),
        ({"limit": 2, "offset": 4}, 5, [[2, 1, 1]]),
        ({"offset": 5}, 5, []),
        ({"format": "errors"}, 3, [[0, 1, 1], [0, 2, 1], [2, 1, 1]]),
        ({"format": "errors", "confidence": 100}, 2, [[0, 2, 3], [1, 2, 1]]),
    ],
)
def test_cells_are_those_of_the_matrix(
    get: Get, evaluation: ModelEval, query: dict[str, Any], total: int, page: list[list[int]]
) -> None:
    answer = get("confusion-matrix", **{"split": "all", "format": "cells", **query})
    assert answer.json() == {
        "evalId": evaluation.eval_id,
        "project": "cars",
        "versionId": "v1",
        "modelId": None,
        "split": "all",
        "confidenceThreshold": query.get("confidence", 20) / 100,
        "classes": ["Car", "Person", "background"],
        "totalCells": total,
        "offset": query.get("offset", 0),
        "limit": query.get("limit", 10_000),
        "cells": page,
    }


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            {"format": "square"},
            "invalid_format",
            "format must be one of matrix, cells, errors.",
        ),
        (
            {"limit": 0},
            "invalid_pagination",
            "limit must be a whole number from 1 to 100000.",
        ),
        (
            {"limit": 100_001},
            "invalid_pagination",
            "limit must be a whole number from 1 to 100000.",
        ),
        (
            {"offset": "x"},
            "invalid_pagination",
            "offset must be a whole number, not below 0.",
        ),
    ],
)
def test_rejections(get: Get, query: dict[str, Any], code: str, message: str) -> None:
    answer = get("confusion-matrix", **query)
    assert answer.status_code == 400
    assert answer.json() == {"error": code, "message": message}


N_LABELS = 12_000


def test_twelve_thousand_labels_on_one_image(ada: Caller) -> None:
    """Took 2.7 GB and 26 s, for 288 MB of JSON."""
    cells = [[n, (n + 1) % N_LABELS, 1] for n in range(N_LABELS)]
    document = {
        "versionId": "1",
        "classes": [f"class {n}" for n in range(N_LABELS)],
        "confusionMatrices": [{"split": "test", "confidenceThreshold": 0.5, "matrix": [[0]]}],
        "reports": [
            {
                "confidence": 50,
                "image_results": [
                    {"imageId": "a", "imageName": "a", "split": "test", "confusion": cells}
                ],
            }
        ],
    }
    tracemalloc.start()
    found = save.import_file(
        io.BytesIO(json.dumps(document).encode()),
        workspace_id=ada.access.workspace_id,
        strict=False,
    )
    path = f"/lab/model-evals/{found.eval_id}"
    refused = ada.client.get(f"{path}/confusion-matrix")
    page = ada.client.get(f"{path}/confusion-matrix?format=cells&limit=100000").json()
    rest = [
        ada.client.get(f"{path}/{name}").status_code
        for name in ("image-predictions", "recommendations")
    ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.warnings == [
        {"path": "confusionMatrices[0].matrix", "message": "is not the sum of the images"}
    ]
    assert refused.status_code == 400
    assert refused.json() == {
        "error": "too_many_classes",
        "message": "The evaluation has 12,000 classes; the whole matrix is answered up to 2,000. "
        "Ask for its cells with ?format=cells, page by page.",
    }
    assert (page["totalCells"], page["cells"]) == (N_LABELS, cells)
    assert rest == [200, 200]
    assert peak < 100_000_000


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        # A and "B,A", or "A,B" and A.
        ("A,B,A", None),
        ("[0,3]", ["a"]),
        ("[2,0]", ["b"]),
        ("A,A", []),
        ("A,B", ["c"]),
        ("B,A,B", None),
        ("B,background", []),
    ],
)
def test_a_cell_that_commas_leave_open_is_refused(
    ada: Caller, cell: str, found: list[str] | None
) -> None:
    cells = {"a": [0, 3, 1], "b": [2, 0, 1], "c": [0, 1, 1]}
    images = [
        {"imageId": name, "imageName": name, "split": "test", "confusion": [one]}
        for name, one in cells.items()
    ]
    document = {
        "versionId": "1",
        "classes": ["A", "B", "A,B", "B,A"],
        "reports": [{"confidence": 50, "image_results": images}],
    }
    content = io.BytesIO(json.dumps(document).encode())
    made = save.import_file(content, workspace_id=ada.access.workspace_id)
    path = f"/lab/model-evals/{made.eval_id}/image-predictions"
    answer = ada.client.get(path, {"cell": cell})
    if found is None:
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_filter")
        assert "as class names have commas: ask by the indices." in answer.json()["message"]
    else:
        assert [one["imageId"] for one in answer.json()["images"]] == found
