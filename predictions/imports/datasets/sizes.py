"""How large the images of a load are."""

from collections.abc import Sequence

from predictions.db.pictures.sizes import known_sizes, predicted_sizes
from predictions.formats.content import Size
from predictions.imports.datasets.pictures import Pictures
from predictions.imports.datasets.reading import Planned


class Sizes:
    """Width and height in pixels of the images of one batch. Two statements at most, none where the
    files tell all sizes.
    """

    def __init__(self, batch: Sequence[Planned], pictures: Pictures) -> None:
        self._pictures = pictures
        self._known, self._guessed = dict[int, Size](), dict[int, Size]()
        there = [one.task_id for one in batch if one.task_id is not None]
        if there and any(_in_files(one) is None for one in batch):
            self._known = known_sizes(there)
            self._guessed = predicted_sizes([one for one in there if one not in self._known])

    def of(self, one: Planned) -> tuple[Size | None, Size | None]:
        """As the files tell it, else an annotation or the task that is there, else the picture; and
        what the task is to keep of it.
        """
        there = None if one.task_id is None else self._known.get(one.task_id)
        told = _in_files(one) or (None if there else self._of_picture(one))
        return told or there, (one.truth and one.truth.size) or told

    def guessed(self, one: Planned) -> Size | None:
        """As all predictions tell it that are there: a model may tell the size it had the image
        in.
        """
        return None if one.task_id is None else self._guessed.get(one.task_id)

    def _of_picture(self, one: Planned) -> Size | None:
        names = (task.picture or task.image_name for task in one.tasks)
        name = next(filter(None, names), None)
        return None if name is None else self._pictures.size(name)


def _in_files(one: Planned) -> Size | None:
    return next((task.size for task in one.tasks if task.size), None)
