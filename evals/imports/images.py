"""The images of an imported file: gathered as small integers, checked, counted as events.

Nothing is written here; `save` does that.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import IO, Any

import numpy as np

from evals.db.definition import kind_of
from evals.documents.names import SPLITS
from evals.documents.refusals import InvalidImport
from evals.engine.class_events import report_events
from evals.engine.events import (
    Cells,
    Events,
    Ints,
    image_counts,
    join_events,
    pack_events,
    total_events,
)
from evals.engine.metrics import Matrix, matrix_of
from evals.imports.file import (
    MAX_CELLS,
    Disagreements,
    FileImage,
    Outline,
    UnreadableFile,
    images,
    read_image,
)
from evals.models import ModelEval, Split

#: Images counted at a time.
BLOCK = 5000


@dataclass(slots=True)
class ReportCells:
    """The cells of one report; images by their position."""

    image: "array[int]" = field(default_factory=lambda: array("i"))
    actual: "array[int]" = field(default_factory=lambda: array("i"))
    predicted: "array[int]" = field(default_factory=lambda: array("i"))
    count: "array[int]" = field(default_factory=lambda: array("i"))

    def add(self, position: int, cells: Iterable[tuple[int, int, int]]) -> None:
        for actual, predicted, count in cells:
            self.image.append(position)
            self.actual.append(actual)
            self.predicted.append(predicted)
            self.count.append(count)

    def between(self, first: int, end: int) -> Cells:
        """Those of a range of images, numbered from 0."""
        image = np.frombuffer(self.image, dtype=np.int32).astype(np.int64)
        mine = (image >= first) & (image < end)
        columns = (
            np.frombuffer(c, dtype=np.int32) for c in (self.actual, self.predicted, self.count)
        )
        actual, predicted, count = (column[mine].astype(np.int64) for column in columns)
        return Cells(image[mine] - first, actual, predicted, count)


@dataclass(slots=True)
class Gathered:
    """All images of a file: facts by position, cells by confidence."""

    facts: list[FileImage] = field(default_factory=list)
    flagged: set[int] = field(default_factory=set)
    position: dict[str, int] = field(default_factory=dict)
    cells: dict[int, ReportCells] = field(default_factory=dict)
    n_cells: int = 0


def gather(
    file: IO[bytes],
    outlined: Outline,
    evaluation: ModelEval,
    conflicts: Disagreements,
    progress: Callable[[int], Any],
) -> Gathered:
    """Reads all images of all reports once. `conflicts` is told where the file disagrees with
    itself, `progress` how many images are read.

    UnreadableFile names the path of what is no image.
    """
    gathered, everything, done = Gathered(), images(file), 0
    pixels = not kind_of(evaluation).has_items
    for place, report in enumerate(outlined.reports):
        if report.total is not None and report.total != report.n_images:
            conflicts.add(
                f"reports[{place}].totalImages",
                f"is {report.total}, there are {report.n_images} images",
            )
        gathered.cells[report.confidence] = ReportCells()
        seen: set[str] = set()
        for n, image in enumerate(islice(everything, report.n_images)):
            path = f"reports[{place}].image_results[{n}]"
            read = read_image(
                image,
                path,
                n_classes=len(outlined.classes),
                pixels=pixels,
                conflicts=conflicts,
            )
            if read.image_id in seen:
                conflicts.add(f"{path}.imageId", f"{read.image_id} is there twice")
                gathered.flagged.add(gathered.position[read.image_id])
            else:
                seen.add(read.image_id)
                _take(gathered, read, report.confidence, path, conflicts)
            done += 1
            if done % 1000 == 0:
                progress(done)
    progress(done)
    _check_presence(outlined, gathered, conflicts)
    return gathered


def _take(
    gathered: Gathered, read: FileImage, confidence: int, path: str, conflicts: Disagreements
) -> None:
    position = gathered.position.setdefault(read.image_id, len(gathered.facts))
    if position == len(gathered.facts):
        # The cells are held as numbers below.
        gathered.facts.append(replace(read, cells=[]))
    else:
        first = gathered.facts[position]
        for name in ("split", "name"):
            if getattr(first, name) != getattr(read, name):
                conflicts.add(f"{path}.{name}", "is another one in an earlier report")
                gathered.flagged.add(position)
    clusters = {gathered.facts[position].cluster, read.cluster} - {None}
    if len(clusters) > 1:
        conflicts.add(f"{path}.cluster.id", "is another one in an earlier report")
        gathered.flagged.add(position)
    if read.is_flagged:
        gathered.flagged.add(position)
    gathered.n_cells += len(read.cells)
    if gathered.n_cells > MAX_CELLS:
        raise UnreadableFile(f"{path}.confusion", f"more than {MAX_CELLS:,} cells in all images")
    gathered.cells[confidence].add(position, read.cells)


def _check_presence(outlined: Outline, gathered: Gathered, conflicts: Disagreements) -> None:
    for place, report in enumerate(outlined.reports):
        if report.n_images < len(gathered.facts):
            conflicts.add(
                f"reports[{place}].image_results",
                f"has {report.n_images} of the {len(gathered.facts)} images of all reports",
            )


@dataclass(frozen=True, slots=True)
class CountedFile:
    """The file's images as events."""

    blobs: list[bytes]
    tp: Ints
    fp: Ints
    fn: Ints
    #: By split.
    totals: dict[int, Events]


def count(evaluation: ModelEval, gathered: Gathered) -> CountedFile:
    """The cells as events, by image and by split, and the counts at the canonical confidence."""
    n_classes, n_all = len(evaluation.classes), len(gathered.facts)
    splits = np.array([image.split for image in gathered.facts], dtype=np.int64)
    blobs: list[bytes] = []
    columns: list[list[Ints]] = [[np.zeros(0, np.int64)] for _ in range(3)]
    totals: dict[int, list[Events]] = {split.value: [] for split in Split}
    for first in range(0, n_all, BLOCK):
        end = min(first + BLOCK, n_all)
        events = report_events(
            {c: cells.between(first, end) for c, cells in gathered.cells.items()}
        )
        blobs += pack_events(events, end - first)
        counts = image_counts(
            events, evaluation.confidence, n_images=end - first, n_classes=n_classes
        )
        for column, values in zip(columns, (counts.tp, counts.fp, counts.fn), strict=True):
            column.append(values)
        for split, parts in totals.items():
            chosen = splits[first:end][events.image] == split
            parts.append(total_events(_chosen(events, chosen)))
    tp, fp, fn = (np.concatenate(column) for column in columns)
    return CountedFile(blobs, tp, fp, fn, {s: join_events(parts) for s, parts in totals.items()})


def _is_square_of(matrix: Matrix, rows: Any) -> bool:
    """Whether a list of rows is the whole of the matrix; nothing is made that is as large."""
    side = matrix.n_classes + 1
    if not isinstance(rows, list) or len(rows) != side:
        return False
    if not all(isinstance(row, list) and len(row) == side for row in rows):
        return False
    cells = [[a, p, n] for a, row in enumerate(rows) for p, n in enumerate(row) if n != 0]
    return bool(cells == matrix.cells().tolist())


def _chosen(events: Events, chosen: Any) -> Events:
    return Events(
        events.image[chosen],
        events.bin[chosen],
        events.actual[chosen],
        events.predicted[chosen],
        events.delta[chosen],
    )


def check_matrices(outlined: Outline, counted: CountedFile, conflicts: Disagreements) -> None:
    """`confusionMatrices`, bodies of that route the file may bring, against its images."""
    given = outlined.keys.get("confusionMatrices", [])
    if given is None:
        return
    if not isinstance(given, list):
        raise InvalidImport("confusionMatrices: must be a list of bodies of that route")
    for place, body in enumerate(given):
        path = f"confusionMatrices[{place}]"
        split, threshold = (
            (body.get(k) for k in ("split", "confidenceThreshold"))
            if isinstance(body, dict)
            else (None, None)
        )
        if split not in (*SPLITS, "all") or not isinstance(threshold, int | float):
            raise InvalidImport(f"{path}: must have split, confidenceThreshold and matrix")
        confidence = round(100 * threshold)
        if confidence not in outlined.confidences:
            conflicts.add(f"{path}.confidenceThreshold", "there is no report for it")
            continue
        wanted = SPLITS if split == "all" else (split,)
        events = join_events([counted.totals[SPLITS.index(name)] for name in wanted])
        matrix = matrix_of(events, confidence, n_classes=len(outlined.classes))
        if not _is_square_of(matrix, body.get("matrix")):
            conflicts.add(f"{path}.matrix", "is not the sum of the images")
