"""Image ids are texts of any length: signed addresses have thousands of characters."""

import random
import string

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task

# Random, since Postgres would compress a repeated text until an index can hold it.
LETTERS = string.ascii_letters + string.digits
ENDING = "".join(random.Random(5).choices(LETTERS, k=2800))
LONG = f"images-{ENDING}"
# Alike in all that the index holds.
OTHER = LONG[:-1] + "-"


def test_are_evaluated_and_found(ada: Caller, project: Project) -> None:
    car = box(CAR, 10, 10, 20, 20)
    load(
        ada,
        project,
        [
            task("one", truth=[car], said={"v1": [{**car, "score": 0.9}]}, image_id=LONG),
            task("two", truth=[car], said={"v1": []}, image_id=OTHER),
        ],
    )
    evaluation = computed(ada, project)
    assert (evaluation.status, evaluation.failure_reason) == ("done", "")

    path = f"/lab/model-evals/{evaluation.eval_id}/image-predictions"
    listed = ada.client.get(path, {"split": "test"}).json()["images"]
    assert [image["imageId"] for image in listed] == [LONG, OTHER]
    for image_id, n_detections in ((LONG, 1), (OTHER, 0)):
        image = ada.client.get(f"{path}/{image_id}").json()
        assert image["imageId"] == image_id
        assert (len(image["groundTruth"]), len(image["predictions"])) == (1, n_detections)
    missing = ada.client.get(f"{path}/{LONG[:-1]}")
    assert missing.status_code == 404
