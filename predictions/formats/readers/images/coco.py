"""COCO: instances, key points, and lists of results.

A file is held as its own bytes; of each entry an address into them is kept, and each is parsed when
its image is asked for. Of boxes alone their numbers are kept instead.
Format: https://cocodataset.org/#format-data and #format-results
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw

from predictions.formats.classes import MOST_CLASSES, check_names
from predictions.formats.content import (
    Ask,
    Boxes,
    Content,
    FileTask,
    Kind,
    Known,
    Region,
    Shape,
    Shapes,
    Size,
)
from predictions.formats.errors import BadFile, Errors
from predictions.formats.readers.columns import NO_AREA, Columns
from predictions.formats.readers.images import coco_entries
from predictions.formats.readers.images.coco_document import (
    Category,
    Image,
    Result,
    Whole,
    blocks,
    decoded,
    each,
    first_of,
    is_list,
)
from predictions.formats.readers.images.coco_entries import BadEntry, Entry, Id
from predictions.formats.scores import Scores
from predictions.formats.sources import Bytes, Source

#: Of one file.
MOST_IMAGES = 250_000
LVIS = (
    "LVIS's neg_category_ids and not_exhaustive_category_ids are kept in each task's meta and not"
    " applied: its average precision has other rules."
)
BEST = (
    "{n:,} detections are left out: LVIS counts the {most} best of an image. The format coco reads"
    " all."
)
SKELETON = "Label Studio has no place for the skeleton: it is not kept."
SOME = (
    "Only {n:,} of {all:,} objects have a segmentation: boxes are read."
    " --shapes masks reads segmentations."
)
NO_NAMES = (
    "results name classes by number: give the ground truth's file, too, load into a project whose"
    " labels have their numbers, or give a whole COCO file with scores."
)
NO_TRUTH = (
    "This is a list of results, which are predictions: give it as --predictions (`predictions`),"
    " and the whole COCO file with its images and categories as the ground truth."
)
SHIFTED = (
    "{id} is not among the categories. All ids fit when {offset:+d} is added to each: if that is"
    " how they were written, give --category-offset {offset}."
)


def wanted(source: Source) -> Shapes | None:
    """Which shapes the first of the detections has; None where that cannot be told."""
    content = source.content()
    errors = Errors()
    try:
        if is_list(content):
            start = first_of(content) or decoded(content, list[Raw], "", errors)[0]
        else:
            start = decoded(content, Whole, "", errors).annotations[0]
        first = msgspec.json.decode(start, type=Result)
    except (BadFile, msgspec.MsgspecError, IndexError, RecursionError):
        return None  # whoever reads the file names what is wrong
    if bytes(first.keypoints) not in coco_entries.EMPTY:
        return "keypoints"
    return "boxes" if bytes(first.segmentation) in coco_entries.EMPTY else "masks"


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """Annotations of a whole COCO file."""
    content = source.content()
    if is_list(content):
        raise errors.stop("", NO_TRUTH)
    return _whole(content, ask, errors, "", is_result=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """Detections: a list of results, or a whole COCO file with scores."""
    content = source.content()
    if not is_list(content):
        return _whole(content, ask, errors, "predictions.", is_result=True)
    entries: list[Raw] = decoded(content, list[Raw], "predictions", errors)
    if not known.class_ids:
        raise errors.stop("predictions", NO_NAMES)
    reader = Reader(entries, known.class_ids, known.keypoints, ask, errors, "predictions", True)
    if len(reader.places) > MOST_IMAGES:
        raise errors.stop("predictions", f"are of more than {MOST_IMAGES:,} images.")
    for image_id in reader.places:
        reader.images[image_id] = _named(image_id, known)
    return reader.content()


def _named(image_id: Id, known: Known) -> Image:
    size = known.sizes.get(str(image_id))
    return Image(image_id, width=size and size[0], height=size and size[1])


def _whole(content: Bytes, ask: Ask, errors: Errors, prefix: str, *, is_result: bool) -> Content:
    whole: Whole = decoded(content, Whole, prefix.rstrip("."), errors)
    if len(whole.images) > MOST_IMAGES:
        raise errors.stop(f"{prefix}images", f"are more than {MOST_IMAGES:,}.")
    if len(whole.categories) > MOST_CLASSES:
        raise errors.stop(f"{prefix}categories", f"are more than {MOST_CLASSES:,}.")
    categories = [one for _, one in each(whole.categories, Category, f"{prefix}categories", errors)]
    errors.raise_if_any()
    class_ids: dict[int, str] = {}
    for n, category in enumerate(categories):
        if category.id in class_ids:
            errors.add(f"{prefix}categories[{n}].id", f"{category.id} stands twice.")
        class_ids[category.id] = category.name
    names = ((f"{prefix}categories[{n}].name", one.name) for n, one in enumerate(categories))
    check_names(names, errors)
    points = {one.name: one.keypoints for one in categories if one.keypoints}
    reader = Reader(
        whole.annotations, class_ids, points, ask, errors, f"{prefix}annotations", is_result
    )
    known_ids: set[str] = set()
    for n, image in each(whole.images, Image, f"{prefix}images", errors):
        place = f"{prefix}images[{n}]"
        # What is stored is its text: `1` and `"1"` are one id.
        if str(image.id) in known_ids:
            errors.add(f"{place}.id", f"{image.id} stands twice.")
        if not image.width and not image.height:
            # What tools write that did not look: also ours, where no region tells the size.
            image.width = image.height = None
        for side, length in (("width", image.width), ("height", image.height)):
            if length is not None and not 0 < length < 2**31:
                errors.add(f"{place}.{side}", f"{length} is no length in pixels.")
        known_ids.add(str(image.id))
        reader.images[image.id] = image
        reader.image_places[image.id] = place
    for image_id, numbers in reader.places.items():
        if image_id not in reader.images:
            place = f"{prefix}annotations[{numbers[0]}].image_id"
            errors.add(place, f"{image_id} is not among the images.")
    found = reader.content()
    if Kind.KEYPOINTS in found.kinds and any(one.skeleton for one in categories):
        found.warnings.append(SKELETON)
    if any(image.neg_category_ids is not None for image in reader.images.values()):
        found.warnings.append(LVIS)
    return found


class Reader:
    """The entries of one file: all are looked at when it is made, and parsed again image by image.

    `images` are to be added, in order.
    """

    def __init__(
        self,
        entries: Sequence[Raw],
        class_ids: Mapping[int, str],
        keypoints: Mapping[str, Sequence[str]],
        ask: Ask,
        errors: Errors,
        place: str,
        is_result: bool,
    ) -> None:
        self.entries = entries
        self.class_ids = class_ids
        self.keypoints = keypoints
        self.errors = errors
        self.place = place
        self.is_result = is_result
        self.offset = ask.category_offset or 0
        self.most = ask.most_detections
        self.scores = Scores()
        self.warnings: list[str] = []
        self.images: dict[Id, Image] = {}
        self.image_places: dict[Id, str] = {}
        self.names: dict[Id, str] = {}
        self.divisor = 1.0
        #: Which entries each image has.
        self.places: defaultdict[Id, list[int]] = defaultdict(list)
        self.used: set[int] = set()
        self.n_segments = self.n_masks = self.n_poses = 0
        self._decode = msgspec.json.Decoder(Entry).decode
        columns = Columns(list(class_ids.values()), is_result=is_result)
        unknown = self._look(columns)
        self._name_unknown(unknown)
        self.shapes = ask.shapes or self._richest()
        #: All boxes of the file, where there is nothing else to read.
        self.columns: Columns | None = None
        if self.shapes == "boxes" and columns.has(len(entries)):
            self.columns, self.entries = columns, ()

    def _look(self, columns: Columns) -> list[tuple[str, int]]:
        """Counts, checks and keeps the entries; places and numbers of the classes that there are
        not.
        """
        unknown: list[tuple[str, int]] = []
        known = {class_id: n for n, class_id in enumerate(self.class_ids)}
        for block in blocks(self.entries, Entry, self.place, self.errors):
            entries = [entry for _, entry in block]
            names = [known.get(entry.category_id + self.offset) for entry in entries]
            self.used.update([entry.category_id for entry in entries])
            for n, entry in block:
                self.places[entry.image_id].append(n)
            plain = coco_entries.plain(entries, is_result=self.is_result)
            classes = [name for name in names if name is not None]
            if plain is not None and len(classes) == len(names):
                columns.keep_all(classes, *plain)
                if self.is_result:
                    self.scores.highest = max(self.scores.highest, float(plain[1].max()))
                continue
            for (n, entry), name in zip(block, names, strict=True):
                if name is None:
                    unknown.append((f"{self.place}[{n}].category_id", entry.category_id))
                self._look_at(n, entry, name, columns)
        return unknown

    def _look_at(self, n: int, entry: Entry, name: int | None, columns: Columns) -> None:
        """One entry that is not a plain box, or stands among such."""
        score, box = entry.score, entry.bbox
        if self.is_result:
            self._see_result(entry, n)
        if coco_entries.has_segmentation(entry):
            self.n_segments += 1
            self.n_masks += coco_entries.is_mask(entry)
        self.n_poses += entry.keypoints is not None
        try:
            coco_entries.check(entry)
        except BadEntry as exc:
            self.errors.add(f"{self.place}[{n}]{exc.inside}", exc.message)
            return
        if box is not None and name is not None and (score is not None) == self.is_result:
            fact = entry.area if score is None else score
            columns.keep(name, box, NO_AREA if fact is None else fact, bool(entry.iscrowd))

    def _see_result(self, entry: Entry, n: int) -> None:
        score = entry.score
        if score is None or not 0 <= score <= self.scores.highest:
            self.scores.see(score, f"{self.place}[{n}].score", self.errors)
        if entry.file_name:
            self.names.setdefault(entry.image_id, entry.file_name.replace("\\", "/"))

    def _name_unknown(self, unknown: Sequence[tuple[str, int]]) -> None:
        if not unknown:
            return
        place, first = unknown[0]
        for offset in (1, -1):
            if not self.offset and all(one + offset in self.class_ids for one in self.used):
                raise self.errors.stop(place, SHIFTED.format(id=first, offset=offset))
        for place, one in unknown:
            shifted = f" (with the offset {one + self.offset})" if self.offset else ""
            self.errors.add(place, f"{one}{shifted} is not among the categories.")

    def _richest(self) -> Shapes:
        """Key points where there are any; segmentations, if all entries have one; else boxes."""
        if self.n_poses and self.keypoints:
            return "keypoints"
        if self.entries and self.n_segments == len(self.entries):
            return "masks"
        if self.n_segments:
            self.warnings.append(SOME.format(n=self.n_segments, all=len(self.entries)))
        return "boxes"

    def _keep_best(self, most: int) -> None:
        """Of each image the detections with the highest scores, the first of equal ones."""
        n_left_out = 0
        for image_id, numbers in self.places.items():
            if len(numbers) > most:
                scores = {n: self._score(n) for n in numbers}
                best = sorted(numbers, key=lambda n: -scores[n])[:most]
                self.places[image_id] = sorted(best)
                n_left_out += len(numbers) - most
        if n_left_out:
            self.warnings.append(BEST.format(n=n_left_out, most=most))

    def _score(self, n: int) -> float:
        if self.columns is not None:
            return self.columns.facts[n]
        return self._decode(self.entries[n]).score or 0.0

    def content(self) -> Content:
        """What there is, once the images are known."""
        if self.is_result and self.most is not None:
            self._keep_best(self.most)
        self.divisor = self.scores.divisor(self.warnings) if self.is_result else 1.0
        return Content(
            tasks=Tasks(self),
            n_tasks=len(self.images),
            classes=list(self.class_ids.values()),
            kinds=self._kinds(),
            keypoints=self.keypoints if self.shapes == "keypoints" else {},
            class_ids=self.class_ids,
            warnings=self.warnings,
        )

    def _kinds(self) -> frozenset[Kind]:
        if self.shapes == "keypoints":
            return frozenset({Kind.BOX, Kind.KEYPOINTS})
        if self.shapes == "boxes":
            return frozenset({Kind.BOX})
        has_masks, has_outlines = self.n_masks > 0, self.n_segments > self.n_masks
        if not has_masks:
            return frozenset({Kind.POLYGON})
        return frozenset({Kind.MASK, Kind.POLYGON} if has_outlines else {Kind.MASK})

    def task(self, image: Image) -> FileTask:
        meta: dict[str, Any] = {}
        if image.neg_category_ids is not None:
            meta["neg_category_ids"] = image.neg_category_ids
        if image.not_exhaustive_category_ids is not None:
            meta["not_exhaustive_category_ids"] = image.not_exhaustive_category_ids
        numbers = self.places.get(image.id, ())
        place = self.image_places.get(image.id)
        return FileTask(
            image_id=str(image.id),
            image_name=image.name or self.names.get(image.id),
            meta=meta,
            size=image.size,
            regions=partial(self.regions, image),
            boxes=partial(self.boxes, self.columns, image) if self.columns else None,
            place=place or (f"{self.place}[{numbers[0]}].image_id" if numbers else ""),
        )

    def regions(self, image: Image) -> list[Region]:
        """The regions of an image; what is wrong with them is among the errors."""
        numbers = self.places.get(image.id, ())
        if self.columns is not None:
            return self.columns.regions(numbers, self.divisor, self.place)
        found = []
        for n in numbers:
            entry = self._decode(self.entries[n])
            place = f"{self.place}[{n}]"
            label = self.class_ids[entry.category_id + self.offset]
            try:
                shape = self._shape(entry, label, image.size)
            except BadEntry as exc:
                self.errors.add(f"{place}{exc.inside}", exc.message)
                continue
            found.append(
                coco_entries.region(entry, label, shape, divisor=self.divisor, place=place)
            )
        return found

    def boxes(self, columns: Columns, image: Image) -> Boxes:
        """The same of an image whose regions are boxes."""
        return columns.of(self.places.get(image.id, ()), self.divisor)

    def _shape(self, entry: Entry, label: str, size: Size | None) -> Shape:
        if self.shapes == "boxes":
            return coco_entries.box_of(entry)
        if self.shapes == "masks":
            return coco_entries.segment_of(entry, size, self.errors.work)
        names = coco_entries.names_of(self.keypoints, label)
        return coco_entries.pose_of(entry, names, is_result=self.is_result)


class Tasks:
    """The images of a reader, each made as it is asked for.

    In the order of their numbers, as COCO's own evaluation takes them: which of two equal scores
    comes first decides the last digits of an average precision.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __iter__(self) -> Iterator[FileTask]:
        images = self.reader.images
        if all(isinstance(image_id, int) for image_id in images):
            return (self.reader.task(images[image_id]) for image_id in sorted(images))
        return map(self.reader.task, images.values())
