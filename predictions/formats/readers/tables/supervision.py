"""What supervision's JSONSink and CSVSink write: a row a detection.

`x_min, y_min, x_max, y_max` in pixels, `class_id`, `confidence`, `tracker_id`, `class_name`, and a
column of the user's own that names the image.
Format: https://supervision.roboflow.com/latest/detection/tools/save_detections/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.formats.content import Ask, Box, Content, FileTask, Kind, Known, Region
from predictions.formats.errors import Errors
from predictions.formats.readers import collected, documents
from predictions.formats.readers.rows import Rows, number_of
from predictions.formats.sources import Source

IMAGE_COLUMNS = ("image", "image_name", "file_name", "source")
CORNERS = ("x_min", "y_min", "x_max", "y_max")
NO_IMAGE = (
    "has no column that names the image: give the sink custom_data with image_name, or name the"
    " column with --image-column. There are {columns}."
)
NUMBERED = (
    "{n:,} rows have no class_name: their class_id is taken for the number that classes have in the"
    " ground truth, or in the labelling config (category), such as {first} for {name!r}."
)
Entry = Mapping[str, Any]


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """Images without detections are not in the file."""
    tasks: dict[str, FileTask] = {}
    column, n_numbered, first = None, 0, (0, "")
    for place, entry in _entries(source, errors):
        if column is None:
            column = _image_column(entry, ask, place, errors)
        name = entry.get(column)
        if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
            errors.add(place, f"has no {column}.")
            continue
        told = str(name).replace("\\", "/")
        region = _region(entry, known, place, errors)
        if region is not None and not _named(entry):
            n_numbered += 1
            first = first if first[1] else (int(float(entry["class_id"])), region.labels[0])
        task = tasks.setdefault(told, FileTask(image_name=told, regions=[], place=place))
        if region is not None:
            task.read().append(region)
    told = NUMBERED.format(n=n_numbered, first=first[0], name=first[1])
    return collected.content(
        list(tasks.values()),
        errors,
        is_prediction=True,
        kind=Kind.BOX,
        warnings=[told] if n_numbered else [],
    )


def _entries(source: Source, errors: Errors) -> Iterator[tuple[str, Entry]]:
    content, name = source.content(), source.names()[0]
    if content[:64].lstrip(b"\xef\xbb\xbf \r\n\t")[:1] != b"[":
        rows = Rows(source, name, errors)
        rows.need(*CORNERS)
        yield from ((row.place, row.cells) for row in rows)
        return
    found = documents.decoded(content, list[dict[str, Any]], name, errors)
    for n, entry in enumerate(found or ()):
        yield f"{name}, [{n}]", entry


def _image_column(entry: Entry, ask: Ask, place: str, errors: Errors) -> str:
    wanted = (ask.image_column,) if ask.image_column else IMAGE_COLUMNS
    column = next((one for one in wanted if one in entry), None)
    if column is None:
        raise errors.stop(place, NO_IMAGE.format(columns=", ".join(map(str, entry)))[:1000])
    return column


def _region(entry: Entry, known: Known, place: str, errors: Errors) -> Region | None:
    told = entry.get("class_name")
    if told is not None and not isinstance(told, str):
        errors.add(f"{place}, class_name", f"{told!r:.100} is no text.")
        return None
    label = _named(entry) or _numbered(entry, known)
    if not label:
        errors.add(place, "has no class_name, and its class_id is not among the known classes.")
        return None
    corners = []
    for name in CORNERS:
        number = number_of(entry.get(name))
        if number is None:
            errors.add(f"{place}, {name}", f"{entry.get(name)!r:.100} is no number.")
            return None
        corners.append(number)
    left, top, right, bottom = corners
    if right < left or bottom < top:
        errors.add(place, "its last corner lies before its first.")
        return None
    told = entry.get("confidence")
    score = number_of(told)
    if score is None and told is not None and told != "":
        errors.add(f"{place}, confidence", f"{told!r:.100} is no number.")
        return None
    return Region((label,), Box(left, top, right - left, bottom - top), score, None, place)


def _named(entry: Entry) -> str:
    return str(entry.get("class_name") or "").strip()


def _numbered(entry: Entry, known: Known) -> str | None:
    number = number_of(entry.get("class_id"))
    return None if number is None or number % 1 else known.class_ids.get(int(number))
