"""The one size that a task's image has in every file, whichever version the file is of."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from predictions.db.pictures.sizes import first_predicted_sizes
from predictions.exports.types.given import TaskValues
from predictions.exports.types.objects import Scheme, annotated_size
from predictions.regions.geometry import Size

#: Tasks whose sizes are asked for at once.
PAGE = 200

Each = TypeVar("Each")


def sized(
    found: Iterable[Each], task_of: Callable[[Each], TaskValues], scheme: Scheme
) -> Iterator[tuple[Each, Size | None]]:
    """Each with the size of its task's image; None where nothing tells it.

    What neither the annotations nor the task tell is that of the first prediction, of whatever
    version: a file of one version has no others. A statement for each 200 tasks of which some need
    it; memory holds so many.
    """
    rest = iter(found)
    while page := list(islice(rest, PAGE)):
        told = [annotated_size(task_of(one), scheme) for one in page]
        unsized = [task_of(one)["id"] for one, size in zip(page, told, strict=True) if size is None]
        predicted = first_predicted_sizes(unsized) if unsized else {}
        for one, size in zip(page, told, strict=True):
            yield one, size or predicted.get(task_of(one)["id"])
