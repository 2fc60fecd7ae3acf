"""The actions that webhooks can listen to, in the order in which they are listed everywhere."""

from collections.abc import Collection
from typing import NamedTuple


class Action(NamedTuple):
    """One kind of event. `key` is where its object stands in the body."""

    name: str
    key: str
    description: str
    #: Sent to webhooks of the whole workspace only.
    of_workspace: bool = False
    #: Label Studio has none of this name; webhooks of ML backends do not get it.
    is_ours: bool = False


ACTIONS = {
    "PROJECT_CREATED": Action(
        "Project created", "project", "A project was made.", of_workspace=True
    ),
    "PROJECT_UPDATED": Action("Project updated", "project", "A project's settings were written."),
    "PROJECT_DELETED": Action(
        "Project deleted", "project", "A project was deleted.", of_workspace=True
    ),
    "TASKS_CREATED": Action("Task created", "tasks", "Tasks were made or imported."),
    "TASKS_DELETED": Action("Task deleted", "tasks", "Tasks were deleted."),
    "ANNOTATION_CREATED": Action(
        "Annotation created", "annotation", "A task was annotated, or skipped."
    ),
    "ANNOTATIONS_CREATED": Action(
        "Annotations created", "annotation", "Predictions were made annotations."
    ),
    "ANNOTATION_UPDATED": Action("Annotation updated", "annotation", "An annotation was changed."),
    "ANNOTATIONS_DELETED": Action("Annotation deleted", "annotations", "Annotations were deleted."),
    "LABEL_LINK_CREATED": Action("Label link created", "label_link", "Never sent."),
    "LABEL_LINK_UPDATED": Action("Label link updated", "label_link", "Never sent."),
    "LABEL_LINK_DELETED": Action("Label link deleted", "label_link", "Never sent."),
    "PREDICTION_CREATED": Action(
        "Prediction created", "prediction", "A prediction was posted alone.", is_ours=True
    ),
    "PREDICTIONS_CREATED": Action(
        "Predictions created",
        "predictions",
        "Predictions were stored together: posted as a list, imported, made by a run or a job.",
        is_ours=True,
    ),
    "PREDICTION_UPDATED": Action(
        "Prediction updated", "prediction", "A prediction was changed.", is_ours=True
    ),
    "PREDICTIONS_DELETED": Action(
        "Predictions deleted", "predictions", "Predictions were deleted.", is_ours=True
    ),
    "RUN_COMPLETED": Action(
        "Run completed", "run", "A run of a prompt ended, well or not.", is_ours=True
    ),
    "PREDICTION_JOB_COMPLETED": Action(
        "Prediction job completed",
        "prediction_job",
        "A prediction job of an ML backend ended, well or not.",
        is_ours=True,
    ),
    "EVALUATION_COMPLETED": Action(
        "Evaluation completed", "evaluation", "An evaluation ended, well or not.", is_ours=True
    ),
}
OF_WORKSPACE = frozenset(name for name, action in ACTIONS.items() if action.of_workspace)
OURS = frozenset(name for name, action in ACTIONS.items() if action.is_ours)


def in_order(names: Collection[str]) -> list[str]:
    """The actions of these names, each once, in the order of the table."""
    return [name for name in ACTIONS if name in names]
