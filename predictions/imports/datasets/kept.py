"""What a load finds in a project and leaves as it is: told among its warnings."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from predictions.db.imports import (
    PredictionRow,
    of_other_controls,
    same_predictions,
    splits_of_tasks,
)
from predictions.db.versions import count_tasks_of, has_model_version
from predictions.formats.splits import split_named
from predictions.imports.datasets.reading import DEFAULT_SPLIT, Planned

SPLITS = (
    "Tasks that were there keep their split, {n:,}: task {task} is in {there!r}, not in {told!r}."
    " To move them, change their meta.split."
)
# Lists of results, as COCO's, do not name images in which a model found nothing.
PREDICTIONS = (
    "Tasks that the files do not name keep what {version!r} said of them before, {n:,}."
    " If it now says nothing of them, delete the version first, and load again."
)
#: What was there held more than the file has a place for, such as boxes where it has choices.
REPLACED = (
    "{what} of {n:,} tasks held regions of other controls, such as {name!r}, and the file's took"
    " their place. Give all in one file, or each under a version of its own, if both are meant."
)


class Kept:
    """Counts what is kept, batch by batch; and what is not, of controls that the files lack."""

    def __init__(self, project_id: int, split: str | None, version: str) -> None:
        self.project_id, self.split, self.version = project_id, split, version
        #: The controls of the files' regions.
        self.controls: Collection[str] = ()
        self._replaced: dict[str, tuple[int, str]] = {}
        self.n_splits, self.first = 0, (0, "", "")
        self.n_predictions = 0
        self._may_say_the_same: bool | None = None

    def new_predictions(self, rows: list[PredictionRow]) -> list[PredictionRow]:
        """Those of tasks that are there of which the version does not say just that already: what
        stays has its id, and the comments on it.
        """
        if self._may_say_the_same is None:
            self._may_say_the_same = has_model_version(self.project_id, self.version)
        if not self._may_say_the_same or not rows:
            return rows
        same = same_predictions(self.project_id, self.version, rows)
        self.n_predictions += len(same)
        new = [row for row in rows if row.task not in same]
        others = of_other_controls(
            self.project_id, self.version, [row.task for row in new], self.controls
        )
        self._see_replaced("Predictions", others)
        return new

    def see_replaced_truth(self, result: Any) -> None:
        """What stood where other ground truth stands now."""
        regions = result if isinstance(result, list) else []
        names = (one.get("from_name") for one in regions if isinstance(one, Mapping))
        others = [str(name) for name in names if name and name not in self.controls]
        self._see_replaced("Ground truths", others[:1])

    def _see_replaced(self, what: str, names: Sequence[str]) -> None:
        if names:
            n, first = self._replaced.get(what, (0, names[0]))
            self._replaced[what] = n + len(names), first

    def see_splits(self, batch: Sequence[Planned]) -> None:
        """Looks which of the tasks that are there are in another split than the load tells."""
        told = {
            one.task_id: split
            for one in batch
            if one.task_id is not None and (split := self._told(one)) is not None
        }
        if not told:
            return
        for task, split in splits_of_tasks(list(told)).items():
            there = split or DEFAULT_SPLIT
            if there != told[task]:
                self.first = self.first if self.n_splits else (task, there, told[task])
                self.n_splits += 1

    def _told(self, one: Planned) -> str | None:
        name = self.split or next((task.split for task in one.tasks if task.split), None)
        return None if name is None else split_named(name)

    def warnings(self, n_loaded: int) -> list[str]:
        """Of a load that stored the version's predictions of so many tasks."""
        told = [
            REPLACED.format(what=what, n=n, name=name) for what, (n, name) in self._replaced.items()
        ]
        if self.n_splits:
            task, there, asked = self.first
            told.append(SPLITS.format(n=self.n_splits, task=task, there=there, told=asked))
        if n_named := n_loaded + self.n_predictions:
            n_kept = count_tasks_of(self.project_id, self.version) - n_named
            if n_kept > 0:
                told.append(PREDICTIONS.format(n=n_kept, version=self.version))
        return told
