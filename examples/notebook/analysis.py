# %% [markdown]
# # Where does the model go wrong?
#
# Cells of a notebook: Jupytext, VS Code and PyCharm open this file as one, Python runs it.
# It reads LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and PROJECT, the slug of an evaluated project.

# %% The `roboflow` package asks the server that API_URL names when it is imported.
import json
import os
from typing import Any

URL = os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000")
KEY = os.environ["LABEL_STUDIO_API_KEY"]
PROJECT = os.environ.get("PROJECT", "handwritten-digits-demo")
os.environ["API_URL"] = URL

import pandas as pd  # noqa: E402
import requests  # noqa: E402
import roboflow  # noqa: E402

workspace = roboflow.Roboflow(api_key=KEY).workspace()


# %% Numbers to read: three digits after the point, and more where they would say 0 or 1 of what is
# neither, and of an error, in a unit of its own, less than four that count.
def written(value: float | None, higher_is_better: bool = True) -> str:
    if value is None or pd.isna(value):
        return "-"
    digits, may_be_off = 3, abs(value) * (1.0 if higher_is_better else 0.0005)
    while digits < 16:
        read = round(value, digits)
        if read not in {0.0, 1.0} - {value} and abs(read - value) <= may_be_off:
            break
        digits += 1
    return f"{value:.{digits}f}"


# %% All finished evaluations of the project, the newest first.
# The list has no figures: each evaluation is asked for its own.
found = workspace.evals(project=PROJECT, status="done")
evaluations = [one.refresh() for one in found]
# Imported ones have no figure that their kind is known by, and of nothing there is no value.
figures = {one.id: one.summary.get("primary") or {"value": None} for one in evaluations}
measured = [one for one in evaluations if figures[one.id]["value"] is not None]
print("\nevaluations")
for evaluation in measured:
    figure = figures[evaluation.id]
    value = written(figure["value"], figure["higherIsBetter"])
    print(f"{evaluation.model_id or evaluation.version_id}: {figure['name']} {value}")

# %% The best of those that measure what the newest does: of errors the lowest.
# One of chosen tasks or classes is not the newest where there is another; one that was asked for
# again since is not looked at.
TERMS = ("taskType", "control", "groundTruth", "matching", "iouThreshold")
OF_SOME = ("query", "askedClasses", "labelMap")
terms = {one.id: [one.to_dict().get(name) for name in TERMS + OF_SOME] for one in measured}


def is_of_all(one: Any) -> bool:
    *_, query, classes, names = terms[one.id]
    return not query and not classes and None not in (names or {}).values()


newest = next(filter(is_of_all, measured), measured[0])
shared = figures[newest.id]
choose = max if shared["higherIsBetter"] else min
best = choose(
    (
        one
        for one in measured
        if (terms[one.id], figures[one.id]["name"]) == (terms[newest.id], shared["name"])
        and one.to_dict().get("supersededBy") not in terms
    ),
    key=lambda one: figures[one.id]["value"],
)

# %% Class by class.
matrix = best.confusion_matrix()
table = pd.DataFrame(matrix["matrix"], index=matrix["classes"], columns=matrix["classes"])
print(f"\n{best.model_id or best.version_id}: rows are true, columns are said")
print(table.to_string())

# %% Every image as a line of JSON, in one request: what a panel of the client pages through.
answer = requests.get(
    f"{URL}/{workspace.url}/model-evals/{best.id}/image-predictions",
    params={"format": "jsonl"},
    headers={"Authorization": f"Bearer {KEY}"},
    timeout=60,
)
answer.raise_for_status()
# As they are: `pd.read_json` would make the image 0042 the number 42.
images = pd.json_normalize([json.loads(line) for line in answer.iter_lines()])

# %% Which images are worth a look, and whether a split is harder than the others.
errors = images["stats.falsePositives"] + images["stats.falseNegatives"]
worst = images.assign(errors=errors).sort_values(["errors", "imageName"], ascending=[False, True])
print("\nmost errors")
print(worst[["imageName", "split", "errors"]].head(3).to_string(index=False))
print("\nmean F1 of the images of each split")
print(images.groupby("split")["stats.f1"].mean().map(written).to_string())
