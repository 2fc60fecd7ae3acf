"""FiftyOne: `samples.json` of a FiftyOneDataset that was exported.

A field holds Detections, Polylines, a Classification or Classifications; which field is the ground
truth's and which the predictions' is asked for. Boxes and points are shares of the image; a mask
lies in its box, a numpy array that zlib packed, or a PNG beside the file.
Format: https://docs.voxel51.com/user_guide/export_datasets.html
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct, convert
from msgspec import ValidationError as Unfit

from predictions.formats import crops
from predictions.formats.content import (
    Ask,
    Box,
    Content,
    FileTask,
    Kind,
    Known,
    Polygon,
    Region,
    Shape,
    Size,
    size_of,
)
from predictions.formats.errors import Errors
from predictions.formats.masks import BadMask
from predictions.formats.readers import collected, documents
from predictions.formats.readers.documents import where
from predictions.formats.sources import Source
from predictions.formats.splits import split_named

SAMPLES = "samples.json"
#: Of detections: attributes that Open Images, VOC and others have, and that turn a box.
UNREAD = ("IsGroupOf", "difficult", "ignore", "rotation")
#: Shares of an image beyond which nothing lies.
FARTHEST = 10.0
PIXELS = "its {what} no share of the image: are these pixels?"
SPLITS = "is tagged as several splits: {splits}."
NO_FIELD = (
    "no sample has the field {field!r} with labels; there are {others}. Name it with"
    " --truth-field or --predictions-field (`truth_field`, `predictions_field`)."
)
OTHER_KIND = "{kind!r:.100} is not read: only Detections, Polylines and Classifications are."


class Metadata(Struct):
    """What FiftyOne computed of the picture."""

    width: int | None = None
    height: int | None = None


class Sample(Struct):
    """What all samples have."""

    filepath: str
    metadata: Metadata | None = None
    tags: list[str] = []


class Detection(Struct):
    """One of `detections`; its box is x, y, width and height."""

    label: str
    bounding_box: tuple[float, float, float, float]
    confidence: float | None = None
    mask: Any = None
    mask_path: str | None = None
    iscrowd: float | bool | None = None


class Polyline(Struct):
    """One of `polylines`: shapes of points."""

    label: str
    points: list[list[tuple[float, float]]]
    confidence: float | None = None
    closed: bool = True


class Classification(Struct):
    """A class of the whole image."""

    label: str
    confidence: float | None = None


class Samples(Struct):
    """The whole file."""

    samples: list[dict[str, Any]]


#: Names of the fields unless others are given.
TRUTH_FIELD, PREDICTIONS_FIELD = "ground_truth", "predictions"
#: Kind of a field: where its labels are, and what each is.
LABELS: dict[str, tuple[str, type]] = {
    "Detections": ("detections", Detection),
    "Polylines": ("polylines", Polyline),
    "Classifications": ("classifications", Classification),
}


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """A sample without the field has no objects."""
    return _read(source, ask.truth_field or TRUTH_FIELD, errors, is_prediction=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The same with `confidence`."""
    return _read(source, ask.predictions_field or PREDICTIONS_FIELD, errors, is_prediction=True)


def _read(source: Source, field: str, errors: Errors, *, is_prediction: bool) -> Content:
    source = source.around()
    name = _file(source, errors)
    content = source.inner(name) if source.is_folder else source.content()
    found = documents.decoded(content, Samples, name, errors)
    samples = found.samples if found is not None else []
    if samples and not any(isinstance(one.get(field), dict) for one in samples):
        others = sorted({
            key for one in samples for key, value in one.items()
            if isinstance(value, dict) and "_cls" in value and key != "metadata"
        })  # fmt: skip
        errors.raise_if_any()
        raise errors.stop(name, NO_FIELD.format(field=field, others=", ".join(others) or "none"))
    folder = PurePosixPath(name).parent if source.is_folder else None
    names = frozenset(source.names())
    tasks, folders = list[FileTask](), list[PurePosixPath]()
    for n, sample in enumerate(samples):
        place = f"{name}, samples[{n}]"
        reader = _Sample(source, folder, place, field, errors, is_prediction, names)
        task = reader.task(sample)
        if task is not None:
            tasks.append(task)
            folders.append(PurePosixPath(str(sample["filepath"]).replace("\\", "/")).parent)
    collected.tell_apart(tasks, folders)
    return collected.content(
        tasks,
        errors,
        is_prediction=is_prediction,
        kind=Kind.BOX,
        warnings=collected.unread(_unread(samples, field)),
    )


def _unread(samples: Sequence[Mapping[str, Any]], field: str) -> Iterator[str]:
    """Attributes of detections that other tools read, where they say something."""
    for sample in samples:
        value = sample.get(field)
        labels = value.get("detections") if isinstance(value, dict) else None
        for one in labels if isinstance(labels, list) else ():
            yield from (key for key in UNREAD if isinstance(one, dict) and one.get(key))


def _file(source: Source, errors: Errors) -> str:
    if not source.is_folder or source.entry:
        return source.entry or source.names()[0]
    names = [one for one in source.names() if PurePosixPath(one).name == SAMPLES]
    if len(names) != 1:
        raise errors.stop(source.name, f"holds {len(names)} {SAMPLES}.")
    return names[0]


class _Sample:
    """Reads one sample; what is wrong is among the errors."""

    def __init__(
        self,
        source: Source,
        folder: PurePosixPath | None,
        place: str,
        field: str,
        errors: Errors,
        is_prediction: bool,
        names: frozenset[str],
    ) -> None:
        self.source = source
        self.names = names
        self.folder = folder
        self.place = place
        self.field = field
        self.errors = errors
        self.is_prediction = is_prediction

    def task(self, sample: Mapping[str, Any]) -> FileTask | None:
        head = self._converted(sample, Sample, self.place)
        if head is None:
            return None
        side = head.metadata or Metadata()
        path = head.filepath.replace("\\", "/")
        inside = self._inside(path)
        size = size_of(side.width, side.height)
        if size is None and inside is not None:
            size = self.source.picture_size(inside)
        splits = list(dict.fromkeys(filter(None, map(split_named, head.tags))))
        if len(splits) > 1:
            self.errors.add(f"{self.place}.tags", SPLITS.format(splits=" and ".join(splits)))
        return FileTask(
            image_name=PurePosixPath(path).name,
            picture=inside,
            size=size,
            split=splits[0] if splits else None,
            is_relative=True,
            regions=self._regions(sample.get(self.field), size),
            place=self.place,
        )

    def _inside(self, path: str) -> str | None:
        """The picture's name in the folder, where it is there."""
        if self.folder is None:
            return None
        found = (self.folder / path).as_posix()
        return found if found in self.names else None

    def _converted(self, value: Any, kind: Any, place: str) -> Any:
        try:
            return convert(value, kind)
        except Unfit as exc:
            inside, message = where(exc)
            self.errors.add(f"{place}{inside}", message)
            return None

    def _regions(self, value: Any, size: Size | None) -> list[Region]:
        if value is None:
            return []
        place = f"{self.place}.{self.field}"
        kind = value.get("_cls") if isinstance(value, dict) else type(value).__name__
        if kind == "Classification":
            labels, inside = [value], ""
            of_kind: type = Classification
        elif kind in LABELS:
            inside, of_kind = LABELS[kind]
            labels = value.get(inside) or []
        else:
            self.errors.add(place, OTHER_KIND.format(kind=kind))
            return []
        regions = []
        for n, one in enumerate(labels if isinstance(labels, list) else [labels]):
            where = f"{place}.{inside}[{n}]" if inside else place
            found = self._converted(one, of_kind, where)
            if found is None:
                continue
            try:
                regions.append(self._region(found, size, where))
            except BadMask as exc:
                self.errors.add(where, str(exc))
        return regions

    def _region(
        self, one: Detection | Polyline | Classification, size: Size | None, place: str
    ) -> Region:
        is_crowd = isinstance(one, Detection) and bool(one.iscrowd)
        return Region(
            (one.label,),
            self._shape(one, size),
            one.confidence if self.is_prediction else None,
            {"iscrowd": 1} if is_crowd else None,
            place,
        )

    def _shape(self, one: Detection | Polyline | Classification, size: Size | None) -> Shape | None:
        if isinstance(one, Classification):
            return None
        if isinstance(one, Polyline):
            if len(one.points) != 1 or len(one.points[0]) < 3 or not one.closed:
                raise BadMask("must be one closed outline of three points or more.")
            if max(abs(side) for point in one.points[0] for side in point) > FARTHEST:
                raise BadMask(PIXELS.format(what="outline is"))
            return Polygon(one.points[0])
        x, y, width, height = one.bounding_box
        if width < 0 or height < 0:
            raise BadMask("width and height may not be negative.")
        if max(abs(x), abs(y), width, height) > FARTHEST:
            raise BadMask(PIXELS.format(what="box is"))
        if one.mask is None and one.mask_path is None:
            return Box(x, y, width, height)
        if size is None:
            raise BadMask("has a mask, and its sample no metadata with width and height.")
        box_px = x * size[0], y * size[1], width * size[0], height * size[1]
        # As FiftyOne draws it: masks of models are often of one size, such as 28 x 28.
        crop, left, top = crops.stretched(self._crop(one), box_px, size)
        return crops.placed(crop, left, top, size, self.errors.work)

    def _crop(self, one: Detection) -> Any:
        if one.mask is not None:
            packed = one.mask
            if isinstance(packed, dict):
                packed = packed.get("$binary")
            if isinstance(packed, dict):
                packed = packed.get("base64")
            try:
                return crops.of_packed_array(b64decode(packed, validate=True))
            except (TypeError, ValueError) as exc:
                if isinstance(exc, BadMask):
                    raise
                raise BadMask("its mask is no base64.") from None
        name = ((self.folder or PurePosixPath()) / (one.mask_path or "")).as_posix()
        if self.folder is None or name not in self.names:
            raise BadMask(f"its mask {one.mask_path!r:.200} is not in the folder.")
        return crops.of_picture(self.source.inner(name))
