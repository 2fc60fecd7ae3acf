"""Open Images: a CSV with a row a box, in shares of the image.

Ground truth: ImageID, LabelName, XMin, XMax, YMin, YMax; IsGroupOf is a crowd. Detections: the same
with Conf or Score, or Kaggle's ImageId, PredictionString (`class score xmin ymin xmax ymax ...`).
Names of the classes stand in a file beside it, class-descriptions*.csv, `/m/0k4j,Car`.
Format: https://storage.googleapis.com/openimages/web/download_v7.html
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from predictions.formats.content import Ask, Box, Content, FileTask, Kind, Known, Region
from predictions.formats.errors import Errors
from predictions.formats.readers import collected
from predictions.formats.readers.rows import NO_FLAG, Row, Rows, flag_of, number_of
from predictions.formats.sources import Source

SIDES = ("XMin", "XMax", "YMin", "YMax")
SCORES = ("Conf", "Score", "Confidence")
STRING, GROUP = "PredictionString", "IsGroupOf"
NO_NAMES = (
    "There is no class-descriptions*.csv beside the file: classes have the names in the file."
)
UNNAMED = (
    "{n:,} labels are not in class-descriptions*.csv, and are called as in the file, such as"
    " {first!r:.200}."
)
SAME_NAME = (
    "The labels {labels:.200} are all called {name!r:.200}: they are one class here. Give them"
    " names of their own."
)


class Names:
    """What labels are called, and which were asked for."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._labels: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def of(self, label: str) -> str:
        """The name of a label; itself where none is told."""
        name = self._names.get(label, label)
        self._labels[name][label] = None
        return name

    def warnings(self) -> list[str]:
        """Of labels without a name, and of several with one."""
        if not self._names:
            return [NO_NAMES]
        unnamed = [name for name in self._labels if name not in self._names.values()]
        told = [UNNAMED.format(n=len(unnamed), first=unnamed[0])] if unnamed else []
        several = ((name, labels) for name, labels in self._labels.items() if len(labels) > 1)
        for name, labels in several:
            told.append(SAME_NAME.format(labels=", ".join(labels), name=name))
            break
        return told


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """Images without boxes are not in the file."""
    return _read(source, errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """Of a PredictionString also images without detections."""
    return _read(source, errors, is_prediction=True)


def _read(source: Source, errors: Errors, *, is_prediction: bool) -> Content:
    source = source.around()
    rows = Rows(source, _boxes(source, errors), errors)
    image = next((one for one in ("ImageID", "ImageId") if one in rows.columns), "ImageID")
    is_string = is_prediction and STRING in rows.columns
    score = next((one for one in SCORES if one in rows.columns), SCORES[0])
    rows.need(image, *([STRING] if is_string else ["LabelName", *SIDES]))
    if is_prediction and not is_string:
        rows.need(score)
    names = Names(_names(source, errors))
    tasks: dict[str, FileTask] = {}
    for row in rows:
        name = row.cells[image].strip()
        if not name:
            errors.add(row.place, f"has no {image}.")
            continue
        task = tasks.setdefault(
            name,
            FileTask(
                image_id=name,
                image_name=f"{name}.jpg",
                is_suffix_guessed=True,
                is_relative=True,
                regions=[],
                place=row.place,
            ),
        )
        if is_string:
            task.read().extend(_of_string(row, names, errors))
        elif (region := _region(row, names, score if is_prediction else None, errors)) is not None:
            task.read().append(region)
    return collected.content(
        list(tasks.values()),
        errors,
        is_prediction=is_prediction,
        kind=Kind.BOX,
        warnings=names.warnings(),
    )


def _boxes(source: Source, errors: Errors) -> str:
    """The name of the table inside."""
    if source.entry is not None or not source.is_folder:
        return source.entry or source.names()[0]
    found = [one for one in source.names() if one.endswith(".csv") and not _is_names(one)]
    if len(found) != 1:
        raise errors.stop(source.name, f"holds {len(found)} tables of boxes: name one of them.")
    return found[0]


def _is_names(name: str) -> bool:
    return PurePosixPath(name).name.startswith("class-descriptions")


def _names(source: Source, errors: Errors) -> dict[str, str]:
    found = (
        next((one for one in source.names() if _is_names(one)), None) if source.is_folder else None
    )
    if found is None:
        return {}
    names = {}
    try:
        for n, cells in enumerate(csv.reader(source.text(found).splitlines(), strict=True), 1):
            if len(cells) != 2:
                errors.add(f"{found}, line {n}", "must be a label and its name.")
                continue
            names[cells[0]] = cells[1]
    except csv.Error as exc:
        raise errors.stop(found, f"is no table: {exc}.") from None
    return names


def _region(row: Row, names: Names, score: str | None, errors: Errors) -> Region | None:
    sides = [row.number(one, errors) for one in SIDES]
    told = row.number(score, errors) if score is not None else None
    if None in sides or (score is not None and told is None):
        return None
    left, right, top, bottom = (side or 0.0 for side in sides)
    box = _box(left, top, right, bottom, row.place, errors)
    label = row.cells["LabelName"]
    group = row.cells.get(GROUP, "").strip()
    # -1 says that nobody looked.
    is_group = group != "-1" and flag_of(group)
    if is_group is None:
        errors.add(f"{row.place}, {GROUP}", NO_FLAG.format(text=group))
    meta = {"iscrowd": 1} if is_group else None
    if box is None:
        return None
    return Region((names.of(label),), box, told, meta, row.place)


def _box(
    left: float, top: float, right: float, bottom: float, place: str, errors: Errors
) -> Box | None:
    if max(map(abs, (left, top, right, bottom))) > 2:
        errors.add(place, "its corners are no shares of the image: are these pixels?")
        return None
    if right < left or bottom < top:
        errors.add(place, "its last corner lies before its first.")
        return None
    return Box(left, top, right - left, bottom - top)


def _of_string(row: Row, names: Names, errors: Errors) -> list[Region]:
    words = row.cells[STRING].split()
    place = f"{row.place}, {STRING}"
    if len(words) % 6:
        errors.add(place, "must be class, score, xmin, ymin, xmax and ymax of each box.")
        return []
    found = []
    for at in range(0, len(words), 6):
        label = words[at]
        score, left, top, right, bottom = (number_of(one) for one in words[at + 1 : at + 6])
        if None in {score, left, top, right, bottom}:
            errors.add(place, f"box {at // 6 + 1} has a number that is none.")
            continue
        box = _box(left or 0.0, top or 0.0, right or 0.0, bottom or 0.0, place, errors)
        if box is not None:
            found.append(Region((names.of(label),), box, score, None, place))
    return found
