"""The formats there are, by name: what each reads, and how its files are recognised."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from predictions.formats.content import Ask, Content, Known, Shapes
from predictions.formats.errors import Errors
from predictions.formats.sources import Source

#: How much of a file is looked at to tell what it is.
START_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Start:
    """What a format is recognised by."""

    #: Names inside, or the file's own.
    names: list[str]
    #: The first START_BYTES of the file; empty for a folder.
    text: bytes


@dataclass(frozen=True, slots=True)
class Format:
    """One format. Its module is loaded when it is first read."""

    name: str
    title: str
    #: Below `readers/`.
    module: str
    #: Whether the format holds ground truth, and whether it holds detections.
    has_truth: bool
    has_predictions: bool
    #: Whether a file is of this format, by its start.
    fits: Callable[[Start], bool]
    #: Whether what fits is never meant as plain tasks, so that the plain import refuses it.
    is_never_tasks: bool = False
    #: Whether the module's `wanted(source, errors)` tells which shapes detections have.
    tells_shapes: bool = False
    #: Of an image, the best ones, as the format's own evaluation counts them; None for all.
    most_detections: int | None = None
    #: Options of a load that are read: names of fields of `Ask`, and of shapes which, by default
    #: none. Other names for classes are read of predictions of any format.
    options: frozenset[str] = frozenset()
    shapes: frozenset[str] = frozenset()

    def reads(self, option: str, value: str | int) -> bool:
        """Whether an option, a field of `Ask`, matters where it has this value."""
        return value in self.shapes if option == "shapes" else option in self.options

    @property
    def _module(self) -> Any:
        return import_module(f"predictions.formats.readers.{self.module}")

    def truth(self, source: Source, ask: Ask, errors: Errors) -> Content:
        """The ground truth of a file. BadFile where nothing can be read."""
        content: Content = self._module.truth(source, ask, errors)
        return content

    def predictions(self, source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
        """The detections of a file. BadFile where nothing can be read."""
        ask = replace(ask, most_detections=self.most_detections)
        content: Content = self._module.predictions(source, ask, errors, known)
        return content

    def wanted(self, source: Source) -> Shapes | None:
        """Which shapes the detections have, so that the ground truth is read in the same form."""
        found: Shapes | None = self._module.wanted(source) if self.tells_shapes else None
        return found


def _is_coco(start: Start) -> bool:
    head = start.text.lstrip()
    if head.startswith(b"["):
        return b'"image_id"' in head[:2000] and b'"category_id"' in head[:2000]
    pairs = (
        (b'"images"', b'"categories"'),
        (b'"images"', b'"file_name"'),
        (b'"annotations"', b'"category_id"'),
    )
    return head.startswith(b"{") and any(one in head and other in head for one, other in pairs)


def _is_yolo(start: Start) -> bool:
    if start.text:
        is_yaml = start.names[0].endswith((".yaml", ".yml"))
        return is_yaml and any(line.startswith(b"names:") for line in start.text.splitlines())
    names = {name.rpartition("/")[2] for name in start.names}
    return bool(names & {"data.yaml", "classes.txt"})


def _is_voc(start: Start) -> bool:
    if start.text:
        return b"<annotation>" in start.text[:2000]
    folders = {name.split("/")[-2] for name in start.names if "/" in name}
    is_flat = bool(start.names) and all(name.endswith(".xml") for name in start.names)
    return "Annotations" in folders or is_flat


def _columns(start: Start) -> set[str]:
    """Names in the first line of a table, in lower case."""
    first = start.text.lstrip(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
    return {one.strip().strip('"').lower() for one in re.split("[,;\t]", first)}


def _is_labels(start: Start) -> bool:
    columns = _columns(start)
    return "label" in columns and bool(columns & {"image", "text"})


def _is_conll(start: Start) -> bool:
    lines = [line.split() for line in start.text.splitlines()[:200] if line.strip()]
    if len(start.text) >= START_BYTES:
        lines = lines[:-1]  # may be cut
    return len(lines) > 1 and all(
        len(line) > 1 and re.fullmatch(rb"O|[BIESLU]-.+", line[-1]) for line in lines
    )


def _is_spans(start: Start) -> bool:
    line = start.text.lstrip(b"\xef\xbb\xbf \r\n\t").partition(b"\n")[0]
    if not line.startswith(b"{"):
        return False
    if b'"tokens"' in line and b'"ner_tags"' in line:
        return True
    if b'"text"' not in line:
        return False
    return b'"spans"' in line or bool(re.search(rb'"labels?"\s*:\s*\[\s*\[', line))


def _is_dota(start: Start) -> bool:
    if start.text:
        return False
    names = [name.rpartition("/")[2] for name in start.names]
    folders = {name.split("/")[-2] for name in start.names if "/" in name}
    return "labelTxt" in folders or any(re.fullmatch(r"Task[12]_.+\.txt", one) for one in names)


def _is_parquet(start: Start) -> bool:
    return start.text.startswith(b"PAR1")


def _is_supervision(start: Start) -> bool:
    words = (b"x_min", b"y_max", b"class_id", b"confidence")
    return all(word in start.text[:2000] for word in words)


def _is_inference(start: Start) -> bool:
    head = start.text[:2000].lstrip()
    words = (b'"predictions"', b'"x"', b'"confidence"', b'"class"')
    return head[:1] in {b"{", b"["} and all(word in head for word in words)


def _is_openimages(start: Start) -> bool:
    columns = _columns(start)
    is_string = "predictionstring" in columns
    return "imageid" in columns and (is_string or {"xmin", "labelname"} <= columns)


def _is_cvat(start: Start) -> bool:
    return b"<annotations>" in start.text[:2000] and b"<version>" in start.text


def _is_labelme(start: Start) -> bool:
    words = (b'"shapes"', b'"shape_type"', b'"points"')
    return start.text.lstrip()[:1] == b"{" and all(word in start.text for word in words)


def _is_labelstudio(start: Start) -> bool:
    head = start.text.lstrip(b"\xef\xbb\xbf \r\n\t")
    lists = b'"annotations"' in head or b'"predictions"' in head
    return head[:1] in {b"{", b"["} and lists and b'"data"' in head and b'"result"' in head


def _is_fiftyone(start: Start) -> bool:
    if not start.text:
        return any(name.rpartition("/")[2] == "samples.json" for name in start.names)
    return b'"samples"' in start.text[:2000] and b'"filepath"' in start.text


_TABLE = (
    Format(
        "coco",
        "COCO: instances, keypoints, results",
        "images.coco",
        has_truth=True,
        has_predictions=True,
        fits=_is_coco,
        is_never_tasks=True,
        tells_shapes=True,
        options=frozenset({"category_offset"}),
        shapes=frozenset({"boxes", "masks", "keypoints"}),
    ),
    Format(
        "yolo",
        "YOLO: detect, segment, pose, obb",
        "images.yolo",
        has_truth=True,
        has_predictions=True,
        fits=_is_yolo,
        # Eight numbers are an outline of four corners instead of a turned box.
        shapes=frozenset({"masks"}),
    ),
    Format(
        "voc",
        "Pascal VOC",
        "images.voc",
        has_truth=True,
        has_predictions=True,
        fits=_is_voc,
    ),
    Format(
        "csv",
        "a table of classes",
        "tables.labels",
        has_truth=True,
        has_predictions=True,
        fits=_is_labels,
    ),
    Format(
        "spans",
        "stretches of texts as JSON Lines",
        "tables.spans",
        has_truth=True,
        has_predictions=True,
        fits=_is_spans,
    ),
    Format(
        "dota",
        "DOTA: turned boxes",
        "images.dota",
        has_truth=True,
        has_predictions=True,
        fits=_is_dota,
    ),
    Format(
        "parquet",
        "Parquet of Hugging Face",
        "tables.parquet",
        has_truth=True,
        has_predictions=True,
        fits=_is_parquet,
    ),
    Format(
        "supervision",
        "supervision's JSONSink and CSVSink",
        "tables.supervision",
        has_truth=False,
        has_predictions=True,
        fits=_is_supervision,
        options=frozenset({"image_column"}),
    ),
    Format(
        "inference",
        "Roboflow inference",
        "images.inference",
        has_truth=False,
        has_predictions=True,
        fits=_is_inference,
        options=frozenset({"image_column"}),
    ),
    Format(
        "openimages",
        "Open Images",
        "tables.openimages",
        has_truth=True,
        has_predictions=True,
        fits=_is_openimages,
    ),
    Format(
        "cvat",
        "CVAT for images",
        "images.cvat",
        has_truth=True,
        has_predictions=False,
        fits=_is_cvat,
    ),
    Format(
        "labelme",
        "LabelMe",
        "images.labelme",
        has_truth=True,
        has_predictions=False,
        fits=_is_labelme,
        is_never_tasks=True,
    ),
    Format(
        "fiftyone",
        "FiftyOne",
        "images.fiftyone",
        has_truth=True,
        has_predictions=True,
        fits=_is_fiftyone,
        is_never_tasks=True,
        options=frozenset({"truth_field", "predictions_field"}),
    ),
    Format(
        "lvis",
        "LVIS",
        "images.coco",
        has_truth=True,
        has_predictions=True,
        # It is COCO with a few words more.
        fits=lambda start: False,
        tells_shapes=True,
        most_detections=300,
        options=frozenset({"category_offset"}),
        shapes=frozenset({"boxes", "masks", "keypoints"}),
    ),
    Format(
        "labelstudio",
        "Label Studio's tasks",
        "tables.labelstudio",
        has_truth=True,
        has_predictions=True,
        fits=_is_labelstudio,
    ),
    Format(
        "conll",
        "CoNLL: IOB2, IOB, BIOES",
        "tables.conll",
        has_truth=True,
        has_predictions=True,
        fits=_is_conll,
        is_never_tasks=True,
    ),
)
FORMATS: dict[str, Format] = {one.name: one for one in _TABLE}
