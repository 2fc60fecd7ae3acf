"""DOTA: the corners of turned boxes, in pixels (https://captain-whu.github.io/DOTA/dataset.html).

The ground truth is a file an image below `labelTxt/`, `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`; a
version a file a class, `Task1_<class>.txt`, `image score x1 y1 ... y4`.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from predictions.exports.datasets.items import (
    BOX,
    POLYGON,
    TURNED_BOX,
    ImageItem,
    NotHeld,
    kind_of,
    objects_in,
    score_of,
)
from predictions.exports.types.archive import Entry
from predictions.exports.types.objects import Object, Scheme, is_crowd, text_of
from predictions.regions.geometry import rotated_corners

HOLDS = (BOX, TURNED_BOX, POLYGON)
CORNERS = 4


def truths(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[Entry]:
    """A file an image, an empty one for an image without objects."""
    _refuse_names(scheme)
    for item in found:
        lines = [
            f"{' '.join(_corners(one, item))} {one.label} {int(is_crowd(one))}\n".encode()
            for one in objects_in(item, scheme, HOLDS)
        ]
        yield f"labelTxt/{item.stem}.txt", lines


def results(found: Iterable[ImageItem], scheme: Scheme) -> Iterator[Entry]:
    """A file a class, also of one that nothing was found of. Lines wait on disk."""
    _refuse_names(scheme)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, str(number)) for number, name in enumerate(scheme.names)}
        for path in paths.values():
            path.touch()
        for item in found:
            if any(letter.isspace() for letter in item.stem):
                raise NotHeld(f"Task {item.task['id']}: the name {item.stem!r:.100} has a space.")
            for one in objects_in(item, scheme, HOLDS):
                line = " ".join([item.stem, text_of(score_of(one)), *_corners(one, item)])
                with paths[one.label].open("ab") as file:
                    file.write(f"{line}\n".encode())
        for name, path in paths.items():
            with path.open("rb") as file:
                yield f"Task1_{name}.txt", file


def _refuse_names(scheme: Scheme) -> None:
    for name in scheme.names:
        if any(letter.isspace() or letter in "/\\" for letter in name):
            raise NotHeld(f"The label {name!r:.100} has a space or a slash; DOTA's have none.")


def _corners(one: Object, item: ImageItem) -> list[str]:
    """x and y by turns. `NotHeld` for a polygon that has not four of them."""
    points = one.shape.points_px
    if points is None:
        points = rotated_corners(one.shape.box_xywh_px, 0)
    elif kind_of(one) == POLYGON and len(points) != CORNERS:
        raise NotHeld(
            f"{item.place_of(one.region)}: a polygon of {len(points)} points has no place in this"
            f" format, only one of {CORNERS}."
        )
    return [text_of(number) for number in points.ravel().tolist()]
