# %% [markdown]
# # Where does the model go wrong?
#
# Cells of a notebook: Jupytext, VS Code and PyCharm open this file as one, Python runs it.
# It reads LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and PROJECT, the slug of an evaluated project.

# %% The `roboflow` package asks the server that API_URL names when it is imported.
import io
import os

URL = os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000")
KEY = os.environ["LABEL_STUDIO_API_KEY"]
PROJECT = os.environ.get("PROJECT", "handwritten-digits-demo")
os.environ["API_URL"] = URL

import pandas as pd  # noqa: E402
import requests  # noqa: E402
import roboflow  # noqa: E402

workspace = roboflow.Roboflow(api_key=KEY).workspace()

# %% All finished evaluations of the project, the newest first.
# The list has no figures: each evaluation is asked for its own.
found = workspace.evals(project=PROJECT, status="done")
evaluations = [one.refresh() for one in found]
print("\nevaluations")
for evaluation in evaluations:
    figure = evaluation.summary["primary"]
    print(f"{evaluation.model_id}: {figure['name']} {figure['value']:.3f}")

# %% The best of them, class by class.
best = max(evaluations, key=lambda one: one.summary["primary"]["value"])
matrix = best.confusion_matrix()
table = pd.DataFrame(matrix["matrix"], index=matrix["classes"], columns=matrix["classes"])
print(f"\n{best.model_id}: rows are true, columns are said")
print(table.to_string())

# %% Every image as a line of JSON, in one request: what a panel of the client pages through.
answer = requests.get(
    f"{URL}/{workspace.url}/model-evals/{best.id}/image-predictions",
    params={"format": "jsonl"},
    headers={"Authorization": f"Bearer {KEY}"},
    timeout=60,
)
answer.raise_for_status()
images = pd.json_normalize(pd.read_json(io.StringIO(answer.text), lines=True).to_dict("records"))

# %% Which images are worth a look, and whether a split is harder than the others.
errors = images["stats.falsePositives"] + images["stats.falseNegatives"]
worst = images.assign(errors=errors).sort_values(["errors", "imageName"], ascending=[False, True])
print("\nmost errors")
print(worst[["imageName", "split", "errors"]].head(3).to_string(index=False))
print("\nmean F1 of the images of each split")
print(images.groupby("split")["stats.f1"].mean().round(3).to_string())
