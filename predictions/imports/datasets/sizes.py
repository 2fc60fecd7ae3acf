"""How large the images of a load are."""

from collections.abc import Sequence

from predictions.db.pictures.sizes import known_sizes, predicted_sizes
from predictions.formats.content import Size
from predictions.imports.datasets.pictures import Pictures
from predictions.imports.datasets.reading import Planned
from predictions.regions.shapes import RATIO_TOLERANCE

#: So many pictures, evenly chosen, are compared with what the files say of them.
MOST_COMPARED = 1000
OTHER_RATIO = (
    "{n:,} of {all:,} pictures that were looked at are of another shape than a file says, such as"
    " {name!r:.200}: {told[0]} x {told[1]} in the file, {size[0]} x {size[1]} in the folder, turned"
    " as its EXIF says. The file's sizes count: what another file tells of the turned picture lies"
    " elsewhere."
)


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
        name = _name(one)
        return None if name is None else self._pictures.size(name)


def other_ratios(planned: Sequence[Planned], pictures: Pictures) -> list[str]:
    """A warning of images that a file says to have another ratio of width to height than their
    pictures have, as where it has them as the camera stored them.
    """
    step = -(-len(planned) // MOST_COMPARED) or 1
    found, n_compared = list[tuple[str, Size, Size]](), 0
    for one in planned[::step]:
        name, sizes = _name(one), [task.size for task in one.tasks if task.size]
        size = pictures.size(name) if name and sizes else None
        if name is None or size is None:
            continue
        n_compared += 1
        found += [(name, told, size) for told in sizes if _differ(told, size)][:1]
    if not found:
        return []
    name, told, size = found[0]
    return [OTHER_RATIO.format(n=len(found), all=n_compared, name=name, told=told, size=size)]


def _differ(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) > RATIO_TOLERANCE


def _name(one: Planned) -> str | None:
    """What its picture is called in the folder of pictures."""
    return next(filter(None, (task.picture or task.image_name for task in one.tasks)), None)


def _in_files(one: Planned) -> Size | None:
    return next((task.size for task in one.tasks if task.size), None)
