"""Names that documents share: splits, the background class, task types."""

from collections.abc import Sequence

from evals.engine.kinds.table import KINDS

#: By number: `evals.models.Split`.
SPLITS = ("train", "valid", "test")
#: What an object that was not detected is called, and what a false detection was. The last class
#: of a confusion matrix.
BACKGROUND = "background"


def with_background(classes: Sequence[str]) -> list[str]:
    """The classes of a confusion matrix, the background last, whose name no class has.

    >>> with_background(["Car"]), with_background(["background"])
    (['Car', 'background'], ['background', '(background)'])
    """
    name = BACKGROUND
    while name in classes:
        name = f"({name})"
    return [*classes, name]


def panel_task_type(task_type: str) -> str:
    """The task type as panels spell it: one word for all that have average precision."""
    kind = KINDS.get(task_type)
    return task_type if kind is None else kind.panel_task_type
