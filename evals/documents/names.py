"""Names that documents share: splits, the background class, task types."""

#: By number: `evals.models.Split`.
SPLITS = ("train", "valid", "test")
#: What an object that was not detected is called, and what a false detection was. The last class
#: of a confusion matrix.
BACKGROUND = "background"

#: Task types whose detections have boxes or masks, as panels spell them.
PANEL_TASK_TYPES = {
    "object-detection": "object-detection-like",
    "instance-segmentation": "object-detection-like",
}


def panel_task_type(task_type: str) -> str:
    """The task type as panels spell it."""
    return PANEL_TASK_TYPES.get(task_type, task_type)
