"""Reading an evaluation's file without holding it: the format of imports, checked path by path.

The file is read twice. The first pass takes everything but the images and counts those of each
report, the second hands the images out one by one. Whatever disagrees inside the file is named with
its path, `reports[0].image_results[3].stats.truePositives`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import IO, Any

import ijson

from evals.documents.names import SPLITS
from evals.imports.errors import UnreadableFile as UnreadableFile
from evals.imports.escapes import refuse_half_characters
from predictions_api.http.storable import is_number, number_within, whole_told, whole_within

IMAGES = "reports.item.image_results"
#: The parser makes the path of every value of a block before the first of them is seen.
READ_BYTES = 4096
MAX_CLASSES = 2**16 - 1
MAX_NAME = 500
#: Levels of lists and objects; a path has a part for each.
MAX_LEVELS = 100
#: What is held of a file at once: values beside the images, some 100 bytes each, and those of one
#: image, of which five make a cell. The panels of 2,000 classes have two million values.
MAX_VALUES, MAX_IMAGE_VALUES = 5_000_000, 1_000_000
#: Images and cells of all reports together; an image is held in 600 bytes, a cell in 16.
MAX_IMAGES, MAX_CELLS, IMAGE_BYTES = 1_000_000, 20_000_000, 600
MAX_INT = 2**31 - 1
#: Disagreements kept; the rest are counted.
MOST_NAMED = 100


@dataclass(slots=True)
class Disagreements:
    """Where the file disagrees with itself."""

    named: list[dict[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, path: str, message: str) -> None:
        """Keeps the first ones and counts them all."""
        self.count += 1
        if len(self.named) < MOST_NAMED:
            self.named.append({"path": path, "message": message})

    def text(self) -> str:
        """The first ones in words, and how many there are."""
        shown = "; ".join(f"{one['path']}: {one['message']}" for one in self.named[:10])
        more = f"; {self.count - 10:,} more" if self.count > 10 else ""
        return (
            f"The file disagrees with itself (use strict=false to import it anyway): {shown}{more}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """One materialised confidence."""

    confidence: int
    n_images: int
    #: What the report itself says it has; None if it says nothing.
    total: int | None


@dataclass(frozen=True, slots=True)
class Outline:
    """The file without its images."""

    keys: dict[str, Any]
    classes: list[str]
    reports: list[Report]

    @property
    def confidences(self) -> list[int]:
        """The percents there are reports for, rising."""
        return sorted(report.confidence for report in self.reports)


def outline(file: IO[bytes]) -> Outline:
    """Everything but the images. `UnreadableFile` names what is missing or of the wrong kind."""
    refuse_half_characters(file)
    file.seek(0)
    builder, n_images = ijson.ObjectBuilder(), list[int]()
    bounds = Bounds()
    try:
        for prefix, event, value in ijson.parse(file, use_float=True, buf_size=READ_BYTES):
            bounds.count(prefix, event)
            if prefix.startswith(IMAGES):
                if prefix == IMAGES and event == "start_array":
                    n_images.append(0)
                elif prefix == IMAGES + ".item" and event == "start_map":
                    n_images[-1] += 1
                elif prefix == IMAGES + ".item" and event != "map_key" and event != "end_map":
                    raise UnreadableFile(_images_path(n_images), "an image is an object")
                elif prefix == IMAGES and event not in {"start_array", "end_array"}:
                    raise UnreadableFile(IMAGES, "must be a list")
                continue
            if event == "map_key" and prefix == "reports.item" and value == "image_results":
                # Stands for the images, which are not kept.
                builder.event("map_key", "n_images")
                builder.event("number", len(n_images))
                continue
            if event == "number" and not isfinite(value):
                raise UnreadableFile(prefix, "is too large a number")
            builder.event(event, value)
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
        raise UnreadableFile("", f"The file is no JSON document: {error}") from error
    except AttributeError as error:
        raise UnreadableFile("", "The file is empty.") from error
    document = getattr(builder, "value", None)
    if not isinstance(document, dict):
        raise UnreadableFile("", "The file must hold one JSON object.")
    return Outline(document, _classes(document), _reports(document, n_images))


@dataclass(slots=True)
class Bounds:
    """How much of a file would be held, counted as it is read."""

    level: int = 0
    n_values: int = 0
    n_image_values: int = 0
    n_images: int = 0

    def count(self, prefix: str, event: str) -> None:
        """One event of the parser. UnreadableFile for what is too much."""
        if event in {"start_map", "start_array"}:
            self.level += 1
            if self.level > MAX_LEVELS:
                raise UnreadableFile("", f"The file is nested deeper than {MAX_LEVELS} levels.")
        elif event in {"end_map", "end_array"}:
            self.level -= 1
        if not prefix.startswith(IMAGES):
            self.n_values += 1
            if self.n_values > MAX_VALUES:
                raise UnreadableFile("", f"The file has more than {MAX_VALUES:,} values.")
            return
        if prefix == IMAGES + ".item" and event == "start_map":
            self.n_image_values = 0
            self.n_images += 1
            if self.n_images > MAX_IMAGES:
                raise UnreadableFile(IMAGES, f"there are more than {MAX_IMAGES:,} of them")
        self.n_image_values += 1
        if self.n_image_values > MAX_IMAGE_VALUES:
            raise UnreadableFile(IMAGES, f"an image has more than {MAX_IMAGE_VALUES:,} values")


def _images_path(n_images: list[int]) -> str:
    return f"reports[{len(n_images) - 1}].image_results[{n_images[-1]}]"


def _classes(document: dict[str, Any]) -> list[str]:
    classes = document.get("classes")
    if not isinstance(classes, list) or not classes:
        raise UnreadableFile("classes", "must be a list of class names, without background")
    for place, name in enumerate(classes):
        if not isinstance(name, str) or not name or "\0" in name:
            raise UnreadableFile(f"classes[{place}]", "must be a name")
        if len(name) > MAX_NAME:
            raise UnreadableFile(f"classes[{place}]", f"has more than {MAX_NAME} characters")
        if name == "background":
            raise UnreadableFile(f"classes[{place}]", "background is added by itself: leave it out")
    if len(set(classes)) < len(classes) or len(classes) > MAX_CLASSES:
        raise UnreadableFile("classes", "names must differ, and be at most 65,535")
    return classes


def _reports(document: dict[str, Any], n_images: list[int]) -> list[Report]:
    reports = document.get("reports")
    if not isinstance(reports, list) or not reports:
        raise UnreadableFile("reports", "must be a list of at least one report")
    read: list[Report] = []
    for place, report in enumerate(reports):
        path = f"reports[{place}]"
        if not isinstance(report, dict) or "n_images" not in report:
            raise UnreadableFile(f"{path}.image_results", "must be a list of images")
        confidence = whole_within(report.get("confidence"), 0, 100)
        if confidence is None:
            raise UnreadableFile(f"{path}.confidence", "must be an integer from 0 to 100")
        if confidence in {one.confidence for one in read}:
            raise UnreadableFile(f"{path}.confidence", f"{confidence} is there twice")
        total = report.get("totalImages")
        n_told = None if total is None else whole_told(total, MAX_INT)
        if total is not None and n_told is None:
            raise UnreadableFile(f"{path}.totalImages", "must be a whole number")
        read.append(Report(confidence, n_images[place], n_told))
    return read


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and is_number(value)


def images(file: IO[bytes]) -> Iterator[Any]:
    """The images of all reports one after the other, one at a time."""
    file.seek(0)
    try:
        yield from ijson.items(file, IMAGES + ".item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
        raise UnreadableFile("", f"The file is no JSON document: {error}") from error


@dataclass(frozen=True, slots=True)
class FileImage:
    """One image of one report."""

    image_id: str
    name: str
    split: int
    augmentations: int
    cluster: int | None
    x: float | None
    y: float | None
    #: (actual, predicted, count), each cell once.
    cells: list[tuple[int, int, int]]
    is_flagged: bool


def read_image(
    image: dict[str, Any], path: str, *, n_classes: int, pixels: bool, conflicts: Disagreements
) -> FileImage:
    """The image; where it disagrees with itself goes to `conflicts`. UnreadableFile for
    what is no image."""
    before = conflicts.count
    image_id = image.get("imageId")
    if not isinstance(image_id, str) or not image_id or "\0" in image_id:
        raise UnreadableFile(f"{path}.imageId", "must be a text")
    name = image.get("imageName")
    if not isinstance(name, str) or "\0" in name:
        raise UnreadableFile(f"{path}.imageName", "must be a text")
    split = image.get("split")
    if split not in SPLITS:
        what = "is missing" if split is None else f"is {split!r:.50}"
        conflicts.add(f"{path}.split", f"{what}; it must be train, valid or test")
        split = "test"
    cells = _cells(image.get("confusion"), f"{path}.confusion", n_classes, pixels, conflicts)
    _check_stats(image.get("stats"), f"{path}.stats", cells, n_classes, conflicts)
    cluster, x, y = _cluster(image.get("cluster"), f"{path}.cluster")
    augmentations = whole_within(image.get("augmentations", 0), 0, MAX_INT)
    if augmentations is None:
        raise UnreadableFile(f"{path}.augmentations", "must be a whole number")
    return FileImage(
        image_id=image_id,
        name=name,
        split=SPLITS.index(split),
        augmentations=augmentations,
        cluster=cluster,
        x=x,
        y=y,
        cells=cells,
        is_flagged=conflicts.count > before,
    )


def _cells(
    triples: Any, path: str, n_classes: int, pixels: bool, conflicts: Disagreements
) -> list[tuple[int, int, int]]:
    if not isinstance(triples, list):
        raise UnreadableFile(path, "must be a list of [actual, predicted, count]")
    cells: dict[tuple[int, int], int] = {}
    for place, triple in enumerate(triples):
        is_triple = isinstance(triple, list) and len(triple) == 3 and all(map(_is_whole, triple))
        if not is_triple or whole_within(triple[2], 0, MAX_INT) is None:
            raise UnreadableFile(f"{path}[{place}]", "must be [actual, predicted, count]")
        actual, predicted, count = triple
        if not (0 <= actual <= n_classes and 0 <= predicted <= n_classes):
            conflicts.add(f"{path}[{place}]", f"class index beyond {n_classes}, the background")
        elif actual == predicted == n_classes and not pixels:
            conflicts.add(f"{path}[{place}]", "background taken for background cannot be counted")
        elif (actual, predicted) in cells:
            conflicts.add(f"{path}[{place}]", f"the cell [{actual}, {predicted}] is there twice")
        elif count:
            cells[actual, predicted] = count
    if sum(cells.values()) > MAX_INT:
        raise UnreadableFile(path, f"its counts add up to more than {MAX_INT:,}")
    return [(actual, predicted, count) for (actual, predicted), count in sorted(cells.items())]


def _check_stats(
    stats: Any,
    path: str,
    cells: list[tuple[int, int, int]],
    n_classes: int,
    conflicts: Disagreements,
) -> None:
    if stats is None:
        return
    if not isinstance(stats, dict):
        raise UnreadableFile(path, "must be an object")
    tp = sum(n for a, p, n in cells if a == p < n_classes)
    fp = sum(n for a, p, n in cells if p < n_classes and a != p)
    fn = sum(n for a, p, n in cells if a < n_classes and a != p)
    expected = {"truePositives": tp, "falsePositives": fp, "falseNegatives": fn}
    for name, count in expected.items():
        given = stats.get(name, count)
        if not is_number(given) or given != count:
            conflicts.add(f"{path}.{name}", f"is {given!r:.50}, the confusion cells say {count}")
    silent = not tp + fp + fn
    ratios = {
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }
    for name, (part, whole) in ratios.items():
        value = part / whole if whole else 0.0
        given = stats.get(name, value)
        # An image with nothing in it may be called perfect or worthless.
        is_near = is_number(given) and abs(given - value) <= 0.0011
        if not is_near and not (silent and given in (0, 1, None)):
            conflicts.add(
                f"{path}.{name}", f"is {given!r:.50}, the confusion cells say {value:.3f}"
            )


def _cluster(cluster: Any, path: str) -> tuple[int | None, float | None, float | None]:
    if cluster is None:
        return None, None, None
    if not isinstance(cluster, dict) or not _is_whole(cluster.get("id")):
        raise UnreadableFile(path, "must be null or an object with an integer id")
    if whole_within(cluster["id"], -MAX_INT - 1, MAX_INT) is None:
        raise UnreadableFile(f"{path}.id", "is too large")
    point = cluster.get("embedding2D")
    if point is None:
        return cluster["id"], None, None
    if (
        not isinstance(point, list)
        or len(point) != 2
        or any(number_within(v, -1e300, 1e300) is None for v in point)
    ):
        raise UnreadableFile(f"{path}.embedding2D", "must be two numbers")
    return cluster["id"], float(point[0]), float(point[1])
