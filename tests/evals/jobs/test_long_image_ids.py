"""Image ids are texts of any length: signed addresses have thousands of characters."""

import random
import string
from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task

# Random, since Postgres would compress a repeated text until an index can hold it.
LETTERS = string.ascii_letters + string.digits
ENDING = "".join(random.Random(5).choices(LETTERS, k=2800))
LONG = f"images-{ENDING}"
# Alike in all that the index holds.
OTHER = LONG[:-1] + "-"


# Float64 takes the last two for one number.
@pytest.mark.parametrize("ids", [(LONG, OTHER), (2**64 + 1, 2**64 + 2)], ids=["text", "numbers"])
def test_are_evaluated_and_found(ada: Caller, project: Project, ids: tuple[Any, Any]) -> None:
    car = box(CAR, 10, 10, 20, 20)
    load(
        ada,
        project,
        [
            task("one", truth=[car], said={"v1": [{**car, "score": 0.9}]}, image_id=ids[0]),
            task("two", truth=[car], said={"v1": []}, image_id=ids[1]),
        ],
    )
    evaluation = computed(ada, project)
    assert (evaluation.status, evaluation.failure_reason) == ("done", "")

    path = f"/lab/model-evals/{evaluation.eval_id}/image-predictions"
    listed = ada.client.get(path, {"split": "test"}).json()["images"]
    assert [image["imageId"] for image in listed] == [str(one) for one in ids]
    for image_id, n_detections in ((str(ids[0]), 1), (str(ids[1]), 0)):
        image = ada.client.get(f"{path}/{image_id}").json()
        assert image["imageId"] == image_id
        assert (len(image["groundTruth"]), len(image["predictions"])) == (1, n_detections)
    missing = ada.client.get(f"{path}/{str(ids[0])[:-1]}")
    assert missing.status_code == 404
