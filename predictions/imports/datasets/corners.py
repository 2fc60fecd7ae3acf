"""Whether four corners are boxes: of files that tell shares of an image, only its size says."""

from collections.abc import Mapping, Sequence

import numpy as np

from predictions.formats.content import Content, Corners, FileTask, Kind, Size
from predictions.formats.label_regions import rectangle_of
from predictions.formats.names import stem
from predictions.imports.datasets.pictures import Pictures


def settle(contents: Sequence[Content], pictures: Pictures) -> None:
    """Takes polygons from the kinds of files of corners (`is_of_corners`) that all are rectangles,
    where the sizes of their images are known: from either file, or from the pictures.
    """
    asked = [one for one in contents if one.is_of_corners]
    if not asked:
        return
    sizes: dict[str, Size | None] = {}
    for task in (task for content in contents for task in content.tasks):
        size = task.size or _size_of_picture(task, pictures)
        if size is not None:
            name = _key(task)
            # Two images of one stem and two sizes: nobody knows which.
            sizes[name] = size if sizes.setdefault(name, size) == size else None
    for content in asked:
        if all(_are_boxes(task, sizes) for task in content.tasks):
            content.kinds -= {Kind.POLYGON}


def _key(task: FileTask) -> str:
    return stem(task.image_name or task.image_id or "")


def _size_of_picture(task: FileTask, pictures: Pictures) -> Size | None:
    name = task.picture or task.image_name
    if name is None:
        return None
    return pictures.size(pictures.with_suffix(name) if task.is_suffix_guessed else name)


def _are_boxes(task: FileTask, sizes: Mapping[str, Size | None]) -> bool:
    regions = task.read()
    size = sizes.get(_key(task))
    if size is None or not regions:
        return not regions
    return all(
        isinstance(one.shape, Corners)
        and rectangle_of(np.array(one.shape.points, dtype=np.float64) * size) is not None
        for one in regions
    )
