"""Each documented operation of the evaluation routes succeeds once, and answers as documented.

The callers' client does the comparing; the table names a request for each operation.
"""

from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.checking import contract
from tests.conftest import Caller
from tests.evals.conftest import computed

pytestmark = pytest.mark.usefixtures("kept")

EVALS = "/lab/model-evals"
ONE = f"{EVALS}/{{eval}}"
FILE = {
    "classes": ["Car"],
    "versionId": "7",
    "reports": [
        {
            "confidence": 20,
            "image_results": [
                {
                    "imageId": "a",
                    "imageName": "a.jpg",
                    "split": "test",
                    "augmentations": 0,
                    "stats": {
                        "truePositives": 1,
                        "falsePositives": 0,
                        "falseNegatives": 0,
                        "precision": 1.0,
                        "recall": 1.0,
                        "f1": 1.0,
                    },
                    "confusion": [[0, 0, 1]],
                }
            ],
        }
    ],
}
REQUESTS: dict[str, tuple[str, Any]] = {
    "evaluation_login": ("/", None),
    "get_workspace": ("/lab", None),
    "list_evaluations": (EVALS, None),
    "compute_evaluation": (EVALS, {"project": "cars", "modelVersion": "v2"}),
    "import_evaluation": (f"{EVALS}/import", FILE),
    "compare_models": (f"{EVALS}/compare?project=cars&version=v1", None),
    "get_evaluation": (ONE, None),
    "accept_evaluation": (ONE, {"accepted": True}),
    "delete_evaluation": (ONE, None),
    "cancel_evaluation": (f"{ONE}/cancel", {}),
    "rerun_evaluation": (f"{ONE}/rerun", {}),
    "get_map_results": (f"{ONE}/map-results", None),
    "get_error_types": (f"{ONE}/error-types", None),
    "get_recall_curves": (f"{ONE}/recall-curves", None),
    "get_confidence_sweep": (f"{ONE}/confidence-sweep", None),
    "get_performance_by_class": (f"{ONE}/performance-by-class", None),
    "get_confusion_matrix": (f"{ONE}/confusion-matrix?split=all", None),
    "list_image_predictions": (f"{ONE}/image-predictions", None),
    "get_image_prediction": (f"{ONE}/image-predictions/{{image}}", None),
    "get_intervals": (f"{ONE}/intervals?split=all", None),
    "get_recommendations": (f"{ONE}/recommendations", None),
    "compare_images": (f"{ONE}/diff/{{other}}", None),
    "export_coco": (f"{ONE}/coco", None),
}
# Need what this evaluation has not: embeddings, a file it was imported from, other keys of meta.
ELSEWHERE = {
    "get_vector_analysis": "test_vectors.py",
    "get_evaluation_source": "test_import.py",
    "get_slices": "test_slices.py",
}
VERBS = {
    operation["operationId"]: verb
    for path, on in contract().document["paths"].items()
    if not path.startswith(("/api/", "/data/", "/tasks/"))
    for verb, operation in on.items()
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_succeeds_as_documented(
    ada: Caller, project: Project, evaluation: ModelEval, task_ids: list[int], operation: str
) -> None:
    path, body = REQUESTS[operation]
    other = computed(ada, project, "v2").eval_id if "{other}" in path else ""
    address = path.format(eval=evaluation.eval_id, other=other, image=task_ids[0])
    call = getattr(ada.client, VERBS[operation])

    response = call(address) if body is None else call(address, body, format="json")

    assert 200 <= response.status_code < 300, b"".join(response)


def test_every_operation_is_in_the_table() -> None:
    assert REQUESTS.keys() | ELSEWHERE.keys() == VERBS.keys()
