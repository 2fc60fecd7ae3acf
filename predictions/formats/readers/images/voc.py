"""Pascal VOC: an XML file an image; corners count from 1, and the last pixel is within the box, but
for those of Label Studio's exports, which count from 0.

Objects marked as difficult are crowds here, as VOC's own evaluation passes them over. A detection
has its `score` beside its name, as `manage.py dump voc` writes it.
Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from predictions.formats.classes import check_names
from predictions.formats.content import (
    Ask,
    Box,
    Content,
    FileTask,
    Kind,
    Known,
    Region,
    size_of,
)
from predictions.formats.errors import Errors
from predictions.formats.readers import collected, xml
from predictions.formats.readers.rows import NO_FLAG, flag_of, number_of
from predictions.formats.scores import Scores
from predictions.formats.sources import Source
from predictions.formats.splits import split_named

FROM_ZERO = (
    "{n:,} objects have a corner at 0, as files have that count pixels from 0: here they count from"
    " 1, as VOC's do, so that boxes of such files are off by a pixel."
)
#: Who counts pixels from 0, the last one without: `exportType=VOC` here names it, too.
FROM_ZERO_OWNER = "Label Studio"
#: The folder of the XML files, beside that of the lists.
ANNOTATIONS = "Annotations"
#: Of an object, beside its box: other shapes of it.
UNREAD = ("polygon", "robndbox", "mask", "angle")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """All annotations of a folder, or one."""
    return _read(source, errors, None)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same with scores."""
    return _read(source, errors, Scores())


def _read(source: Source, errors: Errors, scores: Scores | None) -> Content:
    splits = _splits(source, errors)
    tasks: dict[str, FileTask] = {}
    unread: dict[str, None] = {}
    for name in source.names():
        if not name.lower().endswith(".xml") and source.is_folder:
            continue
        task = _task(name, source, splits, unread, errors, scores)
        if task is None:
            continue
        earlier = tasks.setdefault(task.image_name or "", task)
        if earlier is not task:
            errors.add(name, f"is of the same image as {earlier.place}: {task.image_name!r}.")
    if not tasks:
        errors.raise_if_any()
        raise errors.stop(source.name, "holds no annotations (*.xml).")
    places: dict[str, str] = {}
    for task in tasks.values():
        for region in task.read():
            places.setdefault(region.labels[0], region.place)
    classes = check_names(((places[one], one) for one in sorted(places)), errors)
    n_from_zero = sum(1 for task in tasks.values() for one in task.read() if _is_outside(one))
    warnings = [FROM_ZERO.format(n=n_from_zero)] if n_from_zero else []
    warnings += collected.unread(unread)
    if scores is not None and (divisor := scores.divisor(warnings)) != 1:
        for task in tasks.values():
            for region in task.read():
                region.score = None if region.score is None else region.score / divisor
    return Content(
        tasks=list(tasks.values()),
        n_tasks=len(tasks),
        classes=classes,
        kinds=frozenset({Kind.BOX}),
        warnings=warnings,
    )


def _is_outside(region: Region) -> bool:
    """Whether its box begins before the picture."""
    return isinstance(region.shape, Box) and min(region.shape.x, region.shape.y) < 0


def _splits(source: Source, errors: Errors) -> dict[str, str]:
    """The split of each image, called as the lists below `ImageSets/Main/` do; an error for one
    that two of them have.
    """
    splits: dict[str, str] = {}
    for name in source.names():
        path = PurePosixPath(name)
        is_list = path.parent.name == "Main" and path.suffix == ".txt"
        if is_list and (split := split_named(path.stem)) is not None:
            for line in source.text(name).splitlines():
                image = line.strip()
                if image and splits.setdefault(image, split) != split:
                    errors.add(name, f"{image!r:.200} is in the list of {splits[image]}, too.")
    return splits


def _names_in_lists(name: str, given: str) -> Iterator[str]:
    """How lists may call the image of a file: with its folders first, as two may have one stem."""
    path, told = PurePosixPath(name), PurePosixPath(given)
    folders = path.parts
    if ANNOTATIONS in folders:
        yield "/".join([*folders[folders.index(ANNOTATIONS) + 1 : -1], path.stem])
    yield (told.parent / told.stem).as_posix()
    yield path.stem
    yield told.stem


def _task(
    name: str,
    source: Source,
    splits: dict[str, str],
    unread: dict[str, None],
    errors: Errors,
    scores: Scores | None,
) -> FileTask | None:
    root = xml.root_of(source.inner(name), name, errors)
    if root is None:
        return None
    if root.tag != "annotation":
        errors.add(name, f"is no annotation: its root is {root.tag!r:.100}.")
        return None
    stem = PurePosixPath(name).stem
    given = (root.findtext("filename") or "").strip().replace("\\", "/")
    first = 0 if (root.findtext("owner/name") or "").strip() == FROM_ZERO_OWNER else 1
    regions = []
    for n, element in enumerate(root.iter("object"), 1):
        unread.update(dict.fromkeys(tag for tag in UNREAD if element.find(tag) is not None))
        region = _region(element, first, f"{name}, object {n}", errors, scores)
        if region is not None:
            regions.append(region)
    return FileTask(
        image_name=given or f"{stem}.jpg",
        is_suffix_guessed=not given,
        size=size_of(*(number_of(root.findtext(f"size/{side}")) for side in ("width", "height"))),
        split=next(filter(None, map(splits.get, _names_in_lists(name, given))), None),
        regions=regions,
        place=name,
    )


def _region(
    element: Any, first: int, place: str, errors: Errors, scores: Scores | None
) -> Region | None:
    """The region of an object; `first` is the number of the image's first pixel."""
    label = (element.findtext("name") or "").strip()
    if not label:
        errors.add(place, "has no name.")
        return None
    corners = [number_of(element.findtext(f"bndbox/{corner}")) for corner in CORNERS]
    if None in corners:
        lacking = CORNERS[corners.index(None)]
        errors.add(place, f"has no number for bndbox/{lacking}.")
        return None
    left, top, right, bottom = (number or 0.0 for number in corners)
    # Counted from 1 the last pixel is within: corners of one pixel are equal.
    width, height = right - left + first, bottom - top + first
    if width < 0 or height < 0:
        errors.add(place, "its last corner lies before its first.")
        return None
    score = None
    if scores is not None:
        score = number_of(element.findtext("score"))
        scores.see(score, place, errors)
    told = element.findtext("difficult")
    is_difficult = flag_of(told)
    if is_difficult is None:
        errors.add(f"{place}, difficult", NO_FLAG.format(text=told))
    box = Box(left - first, top - first, width, height)
    return Region((label,), box, score, {"iscrowd": 1} if is_difficult else None, place)
