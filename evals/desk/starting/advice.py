"""What to do where an evaluation is refused or has failed."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from django.urls import reverse

from evals.models import ModelEval
from predictions.models import Project


class Advice(NamedTuple):
    """What to do, and the page where it is done; no link where there is none."""

    text: str
    title: str = ""
    url: str = ""


#: By the code of a refusal; what `docs/reference/evaluations.md` says of it, too.
REFUSED: Mapping[str, str] = {
    "no_ground_truth": "Mark annotations as ground truth on the project's page, or choose "
    "groundTruth: all.",
    "no_predictions": "Load the version's predictions, or choose a version that has some.",
    "unsupported_task_type": "Mend the labelling config in the project's settings, or choose "
    "another task type or control.",
    "ambiguous_control": "Choose one control: each is evaluated by itself.",
    "unknown_control": "Choose a control that the labelling config has.",
    "invalid_request": "Leave the named field empty, or choose a kind that reads it.",
    "project_not_found": "Choose a project of this workspace.",
}
#: By how a reason begins that is no code.
FAILED: tuple[tuple[str, str], ...] = (
    ("Cancelled.", "Nothing is broken: Re-evaluate computes it when you like."),
    (
        "No task with ground truth has a prediction",
        "Load predictions of the tasks that have ground truth, or mark annotations of those that "
        "are predicted.",
    ),
    ("The project has no ", REFUSED["no_ground_truth"]),
    (
        "Unforeseen",
        "Look for the evaluation's id in the worker's log, then run it again. If it fails again, "
        "report it with what the log says.",
    ),
    ("Waits for room", "Make room on the disk of the database; it goes on by itself."),
)
REGION = re.compile(r"Task (\d+), (annotation|prediction) (\d+), region ")


def of_refusal(code: str, project: Project) -> Advice | None:
    """What to do about a refusal of a request about the project; None for one nobody knows."""
    text = REFUSED.get(code)
    if text is None:
        return None
    pages = {
        "no_ground_truth": ("The project's page", "admin:predictions_project_hub"),
        "no_predictions": ("Load files", "admin:predictions_project_load_into"),
        "unsupported_task_type": ("Settings", "admin:predictions_project_change"),
    }
    if code not in pages:
        return Advice(text)
    title, name = pages[code]
    return Advice(text, title, reverse(name, args=[project.pk]))


def of_failure(evaluation: ModelEval) -> Advice | None:
    """What to do about the reason it failed for, or waits for; None where the reason says all."""
    reason = evaluation.failure_reason
    if found := REGION.match(reason):
        _, model, pk = found.groups()
        url = reverse(f"admin:predictions_{model}_change", args=[pk])
        text = f"Mend or delete the region in {model} {pk}, then run it again."
        return Advice(text, f"Open {model} {pk}", url)
    found_of = (Advice(text) for start, text in FAILED if reason.startswith(start))
    return next(found_of, None)
