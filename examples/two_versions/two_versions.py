"""From two files to an accepted model version, by program: what a reviewer does at the desk.

    notebook/bin/python examples/two_versions/two_versions.py

It reads LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and WORKSPACE (`default` unless given), and makes a
project of its own. Files and evaluations go by plain HTTP, tasks and annotations by Label Studio's
SDK, the numbers by the `roboflow` package, which has an environment of its own:
`pip install roboflow label-studio-sdk`.
"""

import json
import os
import time
from typing import Any

URL = os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000")
KEY = os.environ["LABEL_STUDIO_API_KEY"]
WORKSPACE = os.environ.get("WORKSPACE", "default")
# The package reads where the server is when it is imported.
os.environ["API_URL"] = URL

import requests  # noqa: E402
import roboflow  # noqa: E402
from label_studio_sdk.client import LabelStudio  # noqa: E402

N_IMAGES = 12
#: Images whose ground truth lacks a person that is there, and what the first version gets wrong.
NOT_LABELLED = {3, 7, 11}
MISSED_BY_V1 = {1, 2}
INVENTED_BY_V1 = {5}
CAR, PERSON = 1, 2
CAR_BOX, PERSON_BOX, NOWHERE = [100, 200, 160, 90], [400, 150, 50, 140], [20, 20, 60, 60]

session = requests.Session()
session.headers["Authorization"] = f"Token {KEY}"
client = LabelStudio(base_url=URL, api_key=KEY)
workspace = roboflow.Roboflow(api_key=KEY).workspace(WORKSPACE)


def truth() -> dict[str, Any]:
    """A file of ground truth, as COCO has it."""
    images = range(1, N_IMAGES + 1)
    objects = [(image, CAR, CAR_BOX) for image in images]
    objects += [(image, PERSON, PERSON_BOX) for image in images if image not in NOT_LABELLED]
    return {
        "images": [
            {"id": image, "file_name": f"street-{image}.jpg", "width": 640, "height": 480}
            for image in images
        ],
        "categories": [{"id": CAR, "name": "car"}, {"id": PERSON, "name": "person"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": box}
            for n, (image, category, box) in enumerate(objects, 1)
        ],
    }


def detections(version: str) -> list[dict[str, Any]]:
    """A file of what a model version said: `v2` misses nobody, and invents nothing."""
    said = []
    for image in range(1, N_IMAGES + 1):
        said.append((image, CAR, CAR_BOX, 0.9))
        if version == "v2" or image not in MISSED_BY_V1:
            said.append((image, PERSON, PERSON_BOX, 0.8))
        if version == "v1" and image in INVENTED_BY_V1:
            said.append((image, CAR, NOWHERE, 0.7))
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in said
    ]


def answer_of(method: str, path: str, **request: Any) -> Any:
    """What the server answers; an exception with its message where it refuses."""
    answer = session.request(method, f"{URL}{path}", timeout=60, **request)
    if not answer.ok:
        raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json()


def evaluation(path: str, **more: Any) -> Any:
    """A route of evaluations."""
    return answer_of(more.pop("method", "GET"), f"/{WORKSPACE}/model-evals{path}", **more)


def finished(eval_id: str) -> Any:
    """The evaluation once it is computed, as the `roboflow` package has it."""
    found = workspace.eval(eval_id)
    while found.refresh().status == "running":
        time.sleep(0.2)
    if found.status != "done":
        raise SystemExit(f"The evaluation has {found.status}: {found.to_dict().get('reason')}")
    return found


def file(name: str, content: Any) -> tuple[str, str, str]:
    """A file of a form."""
    return name, json.dumps(content), "application/json"


def load_both() -> tuple[int, str]:
    """Two files become a project, and an evaluation of the version: their ids."""
    made = answer_of(
        "POST",
        "/api/load?format=coco",
        files={
            "ground_truth": file("truth.json", truth()),
            "predictions": file("v1.json", detections("v1")),
        },
        data={"title": "Streets of two versions", "model_version": "v1", "evaluate": "true"},
    )
    return made["project"]["id"], made["evaluation"]["evalId"]


def worst(project: int, eval_id: str, n: int) -> list[Any]:
    """The tasks with most errors, as the grid of the desk orders them."""
    query = {"ordering": [f"-tasks:evaluation.{eval_id}.errors"]}
    listed = client.tasks.list(project=project, query=json.dumps(query), page_size=n, fields="all")
    return list(listed.items or [])[:n]


def not_labelled(task: Any, eval_id: str) -> list[int]:
    """Places of detections that are right although nobody has labelled them. A reviewer looks; a
    program goes by the verdict, and by how sure the model is.
    """
    image = task.meta["image_id"]
    objects = evaluation(f"/{eval_id}/image-predictions/{image}")["predictions"]
    return [one["index"] for one in objects if one["verdict"] == "fp" and one["score"] >= 0.75]


def correct(task: Any, places: list[int]) -> None:
    """Adds these regions of the prediction to the task's ground truth."""
    (true,) = client.annotations.list(task.id)
    (said,) = client.predictions.list(task=task.id)
    regions = [{**said.result[place], "id": f"added-{place}"} for place in places]
    for region in regions:
        # What a person confirms is not unsure.
        region.pop("score", None)
    client.annotations.update(true.id, result=[*(true.result or []), *regions], ground_truth=True)


def load_second(project: int) -> str:
    """The predictions of another version go to the same tasks, and are evaluated."""
    answer_of(
        "POST",
        f"/api/projects/{project}/import?format=coco",
        files={"predictions": file("v2.json", detections("v2"))},
        data={"model_version": "v2"},
    )
    made = evaluation("", method="POST", json={"project": project, "modelVersion": "v2"})
    return str(made["evalId"])


def figure(found: Any) -> str:
    """What its kind is known by, with three digits after the point; with more where they would say
    0 or 1 of what is neither, and of an error, in a unit of its own, less than four that count.
    """
    primary = found.summary["primary"]
    name, value, digits = primary["name"], primary["value"], 3
    if value is None:
        return f"{name} of nothing"
    may_be_off = abs(value) * (1.0 if primary["higherIsBetter"] else 0.0005)
    while digits < 16:
        read = round(value, digits)
        if read not in {0.0, 1.0} - {value} and abs(read - value) <= may_be_off:
            break
        digits += 1
    return f"{name} {value:.{digits}f}"


def main() -> None:
    project, first = load_both()
    print(f"v1: {figure(finished(first))}")
    corrected = 0
    for task in worst(project, first, 10):
        places = not_labelled(task, first)
        if places:
            correct(task, places)
            corrected += 1
    print(f"{corrected} of the worst ten corrected")
    again = evaluation(f"/{first}/rerun", method="POST")["evalId"]
    print(f"v1, corrected ground truth: {figure(finished(again))}")
    second = load_second(project)
    print(f"v2: {figure(finished(second))}")
    changed = evaluation(f"/{again}/diff/{second}?split=all")
    totals = changed["totals"]
    print(f"errors fixed: {totals['fixed']}, new: {totals['broken']}")
    accepted = evaluation(f"/{second}", method="PATCH", json={"accepted": True})
    print(f"v2 is the accepted one: {accepted['accepted']}")


if __name__ == "__main__":
    main()
