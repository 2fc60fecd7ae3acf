"""Storing an evaluation that was computed elsewhere: the one place that writes imports.

The file is streamed: its images are held as small integers, the document itself compressed, as it
came. It is stored whole or not at all.
"""

import zlib
from collections.abc import Callable, Iterator
from io import SEEK_END
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import transaction

from evals.db import evaluations, writes
from evals.db.sources import source_pieces, write_source
from evals.db.writes import NewImage, NewPanel
from evals.documents.refusals import InvalidImport, ProjectNotFound
from evals.engine.kinds.table import KINDS
from evals.imports.file import IMAGE_BYTES, Disagreements, Outline, UnreadableFile, outline
from evals.imports.images import CountedFile, Gathered, check_matrices, count, gather
from evals.imports.panels import check_shares, derived_panels, given_panels, summary_of
from evals.models import ModelEval, Split, TaskType
from predictions_api import memory
from predictions_api.http.storable import is_number, number_within

BLOCK = 5000
PIECE_BYTES = 2**20
READ_BYTES = 2**16

TASK_TYPES = {"object-detection-like": TaskType.DETECTION, **{one: TaskType(one) for one in KINDS}}


def import_file(
    file: IO[bytes],
    *,
    workspace_id: int,
    strict: bool = True,
    progress: Callable[[int], Any] = lambda n: None,
) -> ModelEval:
    """Stores the evaluation in a file open for reading; `progress` is told the images read so far.

    InvalidImport names the path of what cannot be read, or when strict of what disagrees;
    ProjectNotFound where the workspace lacks the project it names.
    """
    conflicts = Disagreements()
    try:
        outlined = outline(file)
        n_images = sum(report.n_images for report in outlined.reports)
        # Cells take about what they take in the file.
        memory.hold(n_images * IMAGE_BYTES + 2 * file.seek(0, SEEK_END))
        evaluation = _evaluation(outlined, workspace_id)
        panels = list(given_panels(outlined))
        gathered = gather(file, outlined, evaluation, conflicts, progress)
    except UnreadableFile as error:
        raise InvalidImport(error.detail) from error
    counted = count(evaluation, gathered)
    check_matrices(outlined, counted, conflicts)
    check_shares(outlined, conflicts)
    if strict and conflicts.count:
        raise InvalidImport(conflicts.text())
    evaluation.warnings = conflicts.named
    splits = [image.split for image in gathered.facts]
    evaluation.image_counts = {split.label: splits.count(split.value) for split in Split}
    evaluation.summary = summary_of(evaluation, outlined, counted)
    panels += derived_panels(outlined, counted)
    _store(file, evaluation, gathered, counted, panels)
    return evaluation


def _evaluation(outlined: Outline, workspace_id: int) -> ModelEval:
    """The row to store, not stored yet."""
    keys = outlined.keys
    confidence = keys.get("confidence", outlined.reports[0].confidence)
    if not is_number(confidence) or confidence not in outlined.confidences:
        raise UnreadableFile("confidence", "must be the confidence of one of the reports")
    task_type = TASK_TYPES.get(str(keys.get("taskType", TaskType.DETECTION.value)))
    if task_type is None:
        raise UnreadableFile("taskType", f"must be one of {', '.join(KINDS)}")
    project = None
    if (name := _name(keys, "project", required=False)) is not None:
        project = evaluations.project(name, workspace_id=workspace_id)
        if project is None:
            raise ProjectNotFound()
    return ModelEval(
        workspace_id=workspace_id,
        project=project,
        origin=ModelEval.Origin.IMPORTED,
        version_id=_name(keys, "versionId", required=True) or "",
        model_id=_name(keys, "modelId", required=False),
        task_type=task_type,
        status=ModelEval.Status.DONE,
        progress=1.0,
        matching="imported",
        iou_threshold=_iou_threshold(keys),
        median_latency_ms=_latency(keys),
        confidence=confidence,
        classes=outlined.classes,
        confidences=outlined.confidences,
    )


def _name(keys: dict[str, Any], key: str, *, required: bool) -> str | None:
    value = keys.get(key)
    if isinstance(value, int) and is_number(value):
        value = str(value)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value or "\0" in value or len(value) > 500:
        raise UnreadableFile(key, "must be a text of at most 500 characters")
    return value


def _iou_threshold(keys: dict[str, Any]) -> float:
    value = keys.get("iouThreshold", 0.5)
    if number_within(value, 0, 1) is None:
        raise UnreadableFile("iouThreshold", "must be a number from 0 to 1")
    return float(value)


def _latency(keys: dict[str, Any]) -> float | None:
    value = keys.get("medianLatencyMs")
    if value is None:
        return None
    if number_within(value, 0, 1e9) is None:
        raise UnreadableFile("medianLatencyMs", "must be a number of milliseconds, from 0")
    return float(value)


def _store(
    file: IO[bytes],
    evaluation: ModelEval,
    gathered: Gathered,
    counted: CountedFile,
    panels: list[NewPanel],
) -> None:
    with transaction.atomic():
        writes.add_finished(evaluation)
        new = _new_images(gathered, counted)
        while block := list(islice(new, BLOCK)):
            writes.write_images(evaluation.pk, block)
        writes.write_panels(evaluation.pk, panels)
        write_source(evaluation, _compressed(file))
        writes.record_end(evaluation.pk)
    evaluation.refresh_from_db()


def _new_images(gathered: Gathered, counted: CountedFile) -> Iterator[NewImage]:
    in_split = dict.fromkeys(range(len(Split)), 0)
    numbers = (counted.tp.tolist(), counted.fp.tolist(), counted.fn.tolist())
    columns = zip(gathered.facts, counted.blobs, *numbers, strict=True)
    for position, (image, blob, tp, fp, fn) in enumerate(columns):
        yield NewImage(
            position=position,
            split_position=in_split[image.split],
            split=image.split,
            image_id=image.image_id,
            name=image.name,
            augmentations=image.augmentations,
            tp=tp,
            fp=fp,
            fn=fn,
            cluster=image.cluster,
            x=image.x,
            y=image.y,
            is_flagged=position in gathered.flagged,
            events=blob,
        )
        in_split[image.split] += 1


def _compressed(file: IO[bytes]) -> Iterator[bytes]:
    """The file, zlib, in pieces of a megabyte or so."""
    file.seek(0)
    packer, kept = zlib.compressobj(6), b""
    while data := file.read(READ_BYTES):
        kept += packer.compress(data)
        if len(kept) >= PIECE_BYTES:
            yield kept
            kept = b""
    yield kept + packer.flush()


def source(evaluation: ModelEval) -> Iterator[bytes]:
    """The imported file byte for byte, at most READ_BYTES at a time."""
    unpacker = zlib.decompressobj()
    for piece in source_pieces(evaluation):
        data = unpacker.decompress(piece, READ_BYTES)
        while data:
            yield data
            data = unpacker.decompress(unpacker.unconsumed_tail, READ_BYTES)
    if rest := unpacker.flush():
        yield rest


def spooled(stream: Any) -> IO[bytes]:
    """What a stream holds as a file on disk, so that it can be read twice without being held."""
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed by whoever asked for it
    try:
        while data := stream.read(READ_BYTES):
            file.write(data)
    except BaseException:
        file.close()
        raise
    return file
