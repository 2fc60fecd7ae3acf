"""The stored rows behind planned images: read to be counted, and again to show what was counted.

What is read again is what was counted: a row that changed meanwhile is none any more.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson

from evals.db.snapshot.plan import DIGEST_SQL, SIZE, Changed, PlannedRow, sized_portions
from evals.engine.boxes import Regions, RegionText, StoredImage
from evals.engine.reading import Reading
from predictions.db.places import slot_of_task
from predictions.pictures.addresses import end_of
from predictions.regions.geometry import Size
from predictions.regions.shapes import meta_size
from predictions_api.http.storable import json_value, whole_told
from predictions_api.postgres.sql import at_path, fetch_all

LONGEST_URL = 4096


@dataclass(frozen=True, slots=True)
class CountedRow(PlannedRow):
    """A row as it was counted."""

    #: What was read of its task, as `ReadImage.told`; None where nobody wrote it down.
    told: str | None = None
    #: What its image was called.
    name: str = ""


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image with what identifies it and what was stored about it."""

    row: PlannedRow
    image_id: str
    name: str
    augmentations: int
    #: The beginning of the image's address.
    url: str | None
    stored: StoredImage
    #: What is read of its task beside regions: a digest of the text that spans are of; of other
    #: images the size that the task tells, as JSON, empty where it tells none.
    told: str
    #: Whether its task says something of the image in `meta` that cannot be read.
    is_misread: bool = False


#: Of a task `t` the address of the image at `c.path`, which is a key as it stands or leads deeper.
ADDRESS = f"{at_path('t.data', 'c.path::text[]')} #>> '{{}}'"
#: The value there, as JSON text.
VALUE = f"{at_path('t.data', 'c.path::text[]')}::text"
Row = TypeVar("Row", bound=PlannedRow)

# By primary keys; rows written after the plan was made do not match.
READ_SQL = f"""
SELECT t.id, t.meta -> 'image_name', t.meta -> 'image_id', t.meta -> 'augmentations',
       t.meta -> 'image_size', left({ADDRESS}, %(longest)s),
       a.result::text, p.result::text, p.score,
       CASE WHEN %(needs_data)s OR %(of_text)s THEN {VALUE} END,
       CASE WHEN %(needs_data)s THEN {DIGEST_SQL} END
FROM unnest(%(tasks)s::bigint[], %(annotations)s::bigint[], %(predictions)s::bigint[],
            %(paths)s::text[])
     WITH ORDINALITY AS c(task_id, annotation_id, prediction_id, path, n)
LEFT JOIN predictions_task t ON t.id = c.task_id
LEFT JOIN predictions_annotation a ON a.id = c.annotation_id AND a.updated_at <= %(at)s
LEFT JOIN predictions_prediction p ON p.id = c.prediction_id AND p.updated_at <= %(at)s
ORDER BY c.n
"""  # noqa: S608
# By primary keys.
SIZES_SQL = f"""
SELECT COALESCE({SIZE.format("a")}, 0) + COALESCE({SIZE.format("p")}, 0)
FROM unnest(%(annotations)s::bigint[], %(predictions)s::bigint[])
     WITH ORDINALITY AS c(annotation_id, prediction_id, n)
LEFT JOIN predictions_annotation a ON a.id = c.annotation_id
LEFT JOIN predictions_prediction p ON p.id = c.prediction_id
ORDER BY c.n
"""  # noqa: S608


def portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in their order, as many at a time as may be read at once. One statement."""
    ids: dict[str, Any] = {"annotations": [r.annotation_id for r in rows]}
    ids |= {"predictions": [r.prediction_id for r in rows]}
    found = fetch_all(SIZES_SQL, ids, slot=slot_of_task(rows[0].task_id) if rows else None)
    sized = ((size, row) for (size,), row in zip(found, rows, strict=True))
    return sized_portions(sized, most=max(len(rows), 1))


def image_path(reading: Reading, item: str) -> str:
    """The way to an image's address in its task's data, as a Postgres array."""
    steps = reading.path(item) or ("image",)
    quoted = [step.replace("\\", "\\\\").replace('"', '\\"') for step in steps]
    return "{" + ",".join(f'"{step}"' for step in quoted) + "}"


def read(
    rows: Sequence[PlannedRow], *, reading: Reading, of_text: bool, planned_at: datetime
) -> list[ReadImage | None]:
    """The images of planned rows, None for one that is no longer as planned, or as counted; of
    those counted with the size that their task told then. `of_text` is whether regions are spans of
    a text. One statement.
    """
    found = fetch_all(
        READ_SQL,
        {
            "longest": LONGEST_URL,
            "tasks": [row.task_id for row in rows],
            "annotations": [row.annotation_id for row in rows],
            "predictions": [row.prediction_id for row in rows],
            "paths": [image_path(reading, row.item) for row in rows],
            "at": planned_at,
            "needs_data": reading.needs_data,
            "of_text": of_text,
        },
        slot=slot_of_task(rows[0].task_id) if rows else None,
    )
    # Images of one task share its regions, which are read once.
    texts: dict[str, Regions] = {}
    pairs = zip(rows, found, strict=True)
    return [_read_image(row, values, reading, texts, of_text=of_text) for row, values in pairs]


def read_all(
    rows: Sequence[PlannedRow], *, reading: Reading, of_text: bool, planned_at: datetime
) -> list[ReadImage]:
    """As `read`. `Changed` names the first row that did so since the plan was made."""
    images = read(rows, reading=reading, of_text=of_text, planned_at=planned_at)
    for row, image in zip(rows, images, strict=True):
        if image is None:
            raise Changed(
                f"Task {row.task_id}, its annotation {row.annotation_id} or its prediction "
                f"{row.prediction_id} was changed or deleted while it was being evaluated. "
                "Run the evaluation again."
            )
    return [image for image in images if image is not None]


def _read_image(
    row: PlannedRow,
    values: Sequence[Any],
    reading: Reading,
    texts: dict[str, Regions],
    *,
    of_text: bool,
) -> ReadImage | None:
    task_id, name, image_id, augmentations, size, url, *results, score, data, digest = values
    truth, predicted = results
    text = _digest(data) if of_text and data is not None else None
    if row.data and digest != row.data:
        return None
    told = text if text is not None else _told(size, reading)
    if isinstance(row, CountedRow) and row.told is not None:
        if text is not None and text != row.told:
            return None
        told = row.told
    if task_id is None or truth is None or (row.prediction_id is not None and predicted is None):
        return None
    ending = f"#{row.item}" if row.item else ""
    truths: Regions = RegionText(truth)
    predictions: Regions = [] if predicted is None else RegionText(predicted)
    if not reading.has_one_image:
        truths = texts.setdefault(f"a{row.annotation_id}", truths)
        if row.prediction_id is not None:
            predictions = texts.setdefault(f"p{row.prediction_id}", predictions)
    if reading.own_aliases:
        truths, predictions = (
            [reading.restated(region) for region in side] for side in (truths, predictions)
        )
    return ReadImage(
        row=row,
        image_id=(_text(_value(image_id)) or str(row.task_id)) + ending,
        name=_name(row, _text(_value(name)), url, ending),
        augmentations=_count(_value(augmentations)) or 0,
        url=url,
        stored=StoredImage(
            truths,
            predictions,
            score,
            reading.place(row.item),
            row.n_of_task,
            None if data is None else json_value(data),
            _size(told) if text is None else None,
            reading.elsewhere,
        ),
        told=told,
        # Of several images of a task one alone counts it.
        is_misread=bool(row.n_of_task or not row.item)
        and (
            any(_is_odd(one, _text) for one in (name, image_id))
            or _is_odd(augmentations, _count)
            or (text is None and reading.has_one_image and _is_odd(size, meta_size))
        ),
    )


def _digest(text: str) -> str:
    """As Postgres has it, which made those of older evaluations."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _is_odd(stored: Any, read: Callable[[Any], Any]) -> bool:
    """Whether a jsonb value is there, and is none that `read` reads."""
    value = _value(stored)
    return value not in (None, "") and read(value) in (None, "")


def _name(row: PlannedRow, own: str, url: str | None, ending: str) -> str:
    """What an image is called: as when it was counted, else as its task says, else by its address;
    of several images of a task with the item, its `ending`.
    """
    if isinstance(row, CountedRow) and row.name:
        return row.name
    return (own and own + ending) or end_of(url) or f"{row.task_id}{ending}"


def _told(size: Any, reading: Reading) -> str:
    """The size that a task tells of its only image, as JSON; empty without."""
    told = meta_size(_value(size)) if reading.has_one_image and not reading.elsewhere else None
    return "" if told is None else orjson.dumps(told).decode()


def _size(told: str) -> Size | None:
    if not told:
        return None
    width, height = orjson.loads(told)
    return width, height


def _text(value: Any) -> str:
    """A text or number as text, '' for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _count(value: Any) -> int | None:
    return whole_told(value, 2**31 - 1)


def _value(stored: Any) -> Any:
    return json_value(stored) if isinstance(stored, str) else stored
