"""What a load finds in a project and leaves as it is: told among its warnings."""

from collections.abc import Sequence

from predictions.db.imports import splits_of_tasks
from predictions.db.versions import count_tasks_of
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


class Kept:
    """Counts what is kept, batch by batch."""

    def __init__(self, project_id: int, split: str | None) -> None:
        self.project_id, self.split = project_id, split
        self.n_splits, self.first = 0, (0, "", "")

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

    def warnings(self, version: str | None, n_loaded: int) -> list[str]:
        """Of a load that stored the version's predictions of so many tasks; None for none."""
        told = []
        if self.n_splits:
            task, there, asked = self.first
            told.append(SPLITS.format(n=self.n_splits, task=task, there=there, told=asked))
        if version is not None:
            n_kept = count_tasks_of(self.project_id, version) - n_loaded
            if n_kept > 0:
                told.append(PREDICTIONS.format(n=n_kept, version=version))
        return told
