"""DOTA: corners of turned boxes in pixels.

The ground truth is a text file an image, `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`; a version is a
file a class, `Task1_<class>.txt`, `image score x1 y1 ... y4`, or `Task2_<class>.txt` with upright
boxes, `image score xmin ymin xmax ymax`. Difficult objects are crowds here.
Format: https://captain-whu.github.io/DOTA/dataset.html
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from predictions.formats.content import (
    Ask,
    Box,
    Content,
    Corners,
    FileTask,
    Kind,
    Known,
    Region,
    Size,
)
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import NO_FLAG, flag_of, number_of
from predictions.formats.sources import PICTURES, Source

OF_CLASS = re.compile(r"Task[12]_(.+)\.txt")
#: What may stand above the lines of objects.
HEAD = ("imagesource:", "gsd:", "acquisition dates:")
SUFFIX_GUESSED = "The images' suffixes are not in the files: .png is taken where no picture tells."


#: Folders that say what a file is, and not which image it is of.
LABELS, IMAGES = "labelTxt", "images"


class Pictures:
    """The pictures of a folder, by the stem of their file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names: dict[str, list[str]] = defaultdict(list)
        for name in source.names():
            path = PurePosixPath(name)
            if path.suffix.lower() in PICTURES:
                self.names[path.stem].append(name)

    def of(self, name: str, *, is_only: bool) -> str | None:
        """That of a label file: in the same folders, but for those of labels and images; whichever
        has its stem where the label file `is_only` one of its stem.
        """
        path = PurePosixPath(name)
        folder, same = _folder(path), self.names.get(path.stem, [])
        exact = [one for one in same if _folder(PurePosixPath(one)) == folder]
        return next(iter(exact or (same if is_only else [])), None)

    def size(self, picture: str | None) -> Size | None:
        """Its width and height, from its header; None where it is not there."""
        return None if picture is None else self.source.picture_size(picture)


def _folder(path: PurePosixPath) -> PurePosixPath:
    """Where a file lies, without the folders that say what it is."""
    return PurePosixPath(*(part for part in path.parent.parts if part not in {LABELS, IMAGES}))


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """An image whose file has no line of objects counts, too."""
    pictures = Pictures(source)
    names = [one for one in source.names() if PurePosixPath(one).suffix.lower() == ".txt"]
    stems = Counter(PurePosixPath(one).stem for one in names)
    tasks = []
    has_guessed = False
    for name in names:
        path = PurePosixPath(name)
        regions = []
        for n, line in enumerate(source.text(name).split("\n"), 1):
            if not line.strip() or line.startswith(HEAD):
                continue
            region = _object(line.split(), f"{name}, line {n}", errors)
            if region is not None:
                regions.append(region)
        picture = pictures.of(name, is_only=stems[path.stem] == 1)
        has_guessed = has_guessed or picture is None
        tasks.append(
            FileTask(
                image_name=PurePosixPath(picture).name if picture else f"{path.stem}.png",
                picture=picture,
                is_suffix_guessed=picture is None,
                size=pictures.size(picture),
                regions=regions,
                place=name,
            )
        )
    if not tasks:
        raise errors.stop(source.name, "holds no label files (*.txt).")
    collected.tell_apart(tasks, [_folder(PurePosixPath(one)) for one in names])
    return collected.content(
        tasks,
        errors,
        is_prediction=False,
        kind=Kind.BOX,
        warnings=[SUFFIX_GUESSED] if has_guessed else [],
    )


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The files of all classes; images without detections are not in them."""
    tasks: dict[str, FileTask] = {}
    classes = []
    for name in source.names():
        found = OF_CLASS.fullmatch(PurePosixPath(name).name)
        if found is None:
            continue
        classes.append(found[1])
        for n, line in enumerate(source.text(name).split("\n"), 1):
            if line.strip():
                _detection(line.split(), found[1], f"{name}, line {n}", tasks, errors)
    if not classes:
        raise errors.stop(source.name, "holds no Task1_<class>.txt.")
    return collected.content(
        list(tasks.values()), errors, is_prediction=True, kind=Kind.BOX, classes=classes
    )


def _object(words: Sequence[str], place: str, errors: Errors) -> Region | None:
    numbers = _numbers(words[:8])
    # A class with a point, such as 0.25, is the last corner of YOLO's, whose class comes first.
    is_yolo = len(words) == 9 and "." in words[8] and number_of(words[8]) is not None
    if len(words) not in {9, 10} or numbers is None or is_yolo:
        errors.add(place, "must be eight numbers, a class and whether it is difficult.")
        return None
    difficult = words[9] if len(words) == 10 else "0"
    # Of some of its versions 2 is more difficult yet.
    is_difficult = difficult == "2" or flag_of(difficult)
    if is_difficult is None:
        errors.add(place, NO_FLAG.format(text=difficult))
        return None
    meta = {"iscrowd": 1} if is_difficult else None
    return Region((words[8],), _corners(numbers), None, meta, place)


def _detection(
    words: Sequence[str], label: str, place: str, tasks: dict[str, FileTask], errors: Errors
) -> None:
    numbers = _numbers(words[1:])
    if len(words) not in {6, 10} or numbers is None:
        errors.add(place, "must be an image, a score and the eight numbers of its corners.")
        return
    score, *places = numbers
    if len(places) == 8:
        shape: Corners | Box = _corners(places)
    else:
        left, top, right, bottom = places
        if right < left or bottom < top:
            errors.add(place, "its last corner lies before its first.")
            return
        shape = Box(left, top, right - left, bottom - top)
    new = FileTask(image_id=words[0], is_stem=True, regions=[], place=place)
    task = tasks.setdefault(words[0], new)
    task.read().append(Region((label,), shape, score, None, place))


def _corners(numbers: Sequence[float]) -> Corners:
    first, second, third, fourth = zip(numbers[0::2], numbers[1::2], strict=True)
    return Corners((first, second, third, fourth))


def _numbers(words: Sequence[str]) -> list[float] | None:
    numbers = [number for word in words if (number := number_of(word)) is not None]
    return numbers if len(numbers) == len(words) else None
