"""COCO: instances, key points, and lists of results.

A file is held as its own bytes; of each entry an address into them is kept, and each is parsed when
its image is asked for. Of boxes alone their numbers are kept instead.
Format: https://cocodataset.org/#format-data and #format-results
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw

from predictions.formats.classes import MOST_CLASSES, check_names, guessed_points
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
from predictions.formats.errors import Errors
from predictions.formats.readers.columns import NO_AREA, Columns
from predictions.formats.readers.images import coco_document, coco_entries
from predictions.formats.readers.images.coco_document import (
    Category,
    Image,
    NotPlain,
    Whole,
    blocks,
    decoded,
    each,
    is_list,
    pieces,
    read_size,
)
from predictions.formats.readers.images.coco_document import (
    wanted as wanted,
)
from predictions.formats.readers.images.coco_entries import BadEntry, Entry, Id, Rasters
from predictions.formats.scores import Scores
from predictions.formats.sources import Bytes, Source

#: Of one file.
MOST_IMAGES = 250_000


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """Annotations of a whole COCO file."""
    content = source.content()
    if is_list(content):
        raise errors.stop("", coco_document.NO_TRUTH)
    return _whole(source, ask, errors, "", is_result=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """Detections: a list of results, or a whole COCO file with scores."""
    content = source.content()
    if not is_list(content):
        return _whole(source, ask, errors, "predictions.", is_result=True)
    if not known.class_ids:
        decoded(content, list[Raw], "predictions", errors)
        raise errors.stop("predictions", coco_document.NO_NAMES)
    reader = Reader(content, known.class_ids, known.keypoints, ask, errors, "predictions", True)
    if ask.category_offset is None:
        reader.warnings += coco_entries.counted_from_one(reader.numbers_used(), known.class_ids)
    if reader.shapes == "keypoints" and known.has_guessed_points:
        reader.warnings.append(guessed_points(known.keypoints))
    if len(reader.places) > MOST_IMAGES:
        raise errors.stop("predictions", f"are of more than {MOST_IMAGES:,} images.")
    for image_id in reader.places:
        size = reader.rasters.get(image_id) or known.sizes.get(str(image_id))
        reader.images[image_id] = Image(image_id, width=size and size[0], height=size and size[1])
    return reader.content(source)


def _whole(source: Source, ask: Ask, errors: Errors, prefix: str, *, is_result: bool) -> Content:
    name = prefix.rstrip(".") or source.name
    whole: Whole = decoded(source.content(), Whole, prefix.rstrip("."), errors, name=name)
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
        coco_document.check_points(category, f"{prefix}categories[{n}]", errors)
    names = ((f"{prefix}categories[{n}].name", one.name) for n, one in enumerate(categories))
    check_names(names, errors)
    points = {one.name: one.keypoints for one in categories if one.keypoints}
    coco_document.check_owners(whole.annotations, f"{prefix}annotations", errors)
    reader = Reader(
        whole.annotations, class_ids, points, ask, errors, f"{prefix}annotations", is_result
    )
    known_ids: set[str] = set()
    for n, image in each(whole.images, Image, f"{prefix}images", errors):
        place = f"{prefix}images[{n}]"
        # What is stored is its text: `1` and `"1"` are one id.
        if str(image.id) in known_ids:
            errors.add(f"{place}.id", f"{image.id} stands twice.")
        read_size(image, place, errors)
        known_ids.add(str(image.id))
        reader.images[image.id] = image
        reader.image_places[image.id] = place
    for image_id, numbers in reader.places.items():
        if image_id not in reader.images:
            place = f"{prefix}annotations[{numbers[0]}].image_id"
            errors.add(place, f"{image_id} is not among the images.")
    found = reader.content(source)
    if whole.annotations is coco_document.NO_ENTRIES:
        found.warnings.append(coco_document.NO_ANNOTATIONS)
    found.warnings += coco_entries.same_names(reader.numbers_used(), class_ids)
    if Kind.KEYPOINTS in found.kinds and any(one.skeleton for one in categories):
        found.warnings.append(coco_document.SKELETON)
    if any(image.neg_category_ids is not None for image in reader.images.values()):
        found.warnings.append(coco_entries.LVIS)
    return found


class Reader:
    """The entries of one file, a list as text: all are looked at when it is made, and parsed again
    image by image, unless they are boxes and nothing else.

    `images` are to be added, in order.
    """

    def __init__(
        self,
        listed: Bytes | Raw,
        class_ids: Mapping[int, str],
        keypoints: Mapping[str, Sequence[str]],
        ask: Ask,
        errors: Errors,
        place: str,
        is_result: bool,
    ) -> None:
        self.class_ids = class_ids
        self.keypoints = keypoints
        self.errors = errors
        self.place = place
        self.is_result = is_result
        self.offset = (ask.category_offset or 0) if is_result else 0
        self.most = ask.most_detections
        self.scores = Scores()
        self.warnings: list[str] = []
        self.images: dict[Id, Image] = {}
        self.image_places: dict[Id, str] = {}
        self.names = coco_entries.FileNames()
        self.divisor = 1.0
        #: Of each class its place among them, by its number in the file.
        self.numbers = {class_id: n for n, class_id in enumerate(class_ids)}
        self.used: set[int] = set()
        self.n_segments = self.n_masks = self.n_poses = 0
        self._decode = msgspec.json.Decoder(Entry).decode
        #: Which entries each image has.
        self.places: defaultdict[Id, array[int]] = defaultdict(partial(array, "l"))
        self.rasters = Rasters()
        self.shapes: Shapes = "boxes"
        #: All boxes of the file, where there is nothing else to read; else its entries.
        self.columns = self._boxes(listed, ask)
        self.entries: Sequence[Raw] = ()
        if self.columns is None:
            self.entries = decoded(listed, list[Raw], place, errors)
            self._look(ask)

    def _boxes(self, listed: Bytes | Raw, ask: Ask) -> Columns | None:
        """The entries of a file of boxes, none of which is odd; else None."""
        if ask.shapes not in {None, "boxes"}:
            return None
        columns = Columns(list(self.class_ids.values()), is_result=self.is_result)
        n = 0
        try:
            for entries in pieces(listed, Entry):
                if not self._keep(entries, columns, is_boxes=ask.shapes is not None):
                    raise NotPlain
                for entry in entries:
                    self.places[entry.image_id].append(n)
                    n += 1
        except (NotPlain, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            # What is odd or wrong is found, and named, one by one.
            self.places.clear()
            self.names, self.n_segments, self.n_poses = coco_entries.FileNames(), 0, 0
            self.scores = Scores()
            return None
        return columns

    def _keep(self, entries: Sequence[Entry], columns: Columns, *, is_boxes: bool) -> bool:
        """Keeps entries together; False, and none is kept, where one is no plain box of a class
        that there is. `is_boxes` says that whatever else they have is not read.
        """
        classes = [self.numbers.get(entry.category_id + self.offset) for entry in entries]
        names = [name for name in classes if name is not None]
        if len(names) < len(classes):
            return False
        plain = coco_entries.plain(entries, is_result=self.is_result, is_boxes=is_boxes)
        if plain is None:
            return False
        columns.keep_all(names, *plain)
        if is_boxes:
            for entry in entries:
                self.rasters.see(entry)
                self.n_segments += coco_entries.has_segmentation(entry)
                self.n_poses += bool(entry.keypoints)
        if self.is_result:
            self.scores.highest = max(self.scores.highest, float(plain[1].max()))
            for entry in [one for one in entries if one.file_name]:
                self.names.see(entry)
        return True

    def _look(self, ask: Ask) -> None:
        """Looks at each entry: what is wrong with it is among the errors."""
        columns = Columns(list(self.class_ids.values()), is_result=self.is_result)
        unknown: list[tuple[str, int]] = []
        for block in blocks(self.entries, Entry, self.place, self.errors):
            entries = [entry for _, entry in block]
            self.used.update([entry.category_id for entry in entries])
            for n, entry in block:
                self.places[entry.image_id].append(n)
            if entries and self._keep(entries, columns, is_boxes=False):
                continue
            for n, entry in block:
                name = self.numbers.get(entry.category_id + self.offset)
                if name is None:
                    unknown.append((f"{self.place}[{n}].category_id", entry.category_id))
                self._look_at(n, entry, name, columns)
        # Those of ground truth are never shifted.
        offset = self.offset if self.is_result else None
        coco_entries.name_unknown(unknown, self.used, self.class_ids, offset, self.errors)
        self.shapes = ask.shapes or self._richest()
        if self.shapes == "boxes" and columns.has(len(self.entries)):
            self.columns, self.entries = columns, ()

    def _look_at(self, n: int, entry: Entry, name: int | None, columns: Columns) -> None:
        """One entry that is not a plain box, or stands among such."""
        score, box = entry.score, entry.bbox
        if self.is_result:
            self._see_result(entry, n)
        if coco_entries.has_segmentation(entry):
            self.rasters.see(entry)
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
        self.names.see(entry)

    def _richest(self) -> Shapes:
        """Key points where there are any; segmentations, if all entries have one; else boxes."""
        if self.n_poses and self.keypoints:
            return "keypoints"
        have_all = self.entries and self.n_segments == len(self.entries)
        return "masks" if have_all else "boxes"

    def _keep_best(self, most: int) -> None:
        """Of each image the detections with the highest scores, the first of equal ones."""
        n_left_out = 0
        for image_id, numbers in self.places.items():
            if len(numbers) > most:
                scores = {n: self._score(n) for n in numbers}
                best = sorted(numbers, key=lambda n: -scores[n])[:most]
                self.places[image_id] = array("l", sorted(best))
                n_left_out += len(numbers) - most
        if n_left_out:
            self.warnings.append(coco_entries.BEST.format(n=n_left_out, most=most))

    def numbers_used(self) -> set[int]:
        """The numbers of all classes of which there are entries."""
        ids = list(self.class_ids)
        return {ids[n] for n in self.columns.classes()} if self.columns else self.used

    def _score(self, n: int) -> float:
        if self.columns is not None:
            return self.columns.facts[n]
        return self._decode(self.entries[n]).score or 0.0

    def content(self, source: Source) -> Content:
        """What there is in the file, once the images are known."""
        self.names.check(self.place, self.errors)
        if self.is_result:
            coco_document.check_versions(source.content(), self.place, self.errors)
        self.warnings += coco_document.unread(source.content(), is_result=self.is_result)
        if self.shapes == "boxes":
            self.warnings += coco_entries.partly(self.places, self.n_segments, self.n_poses)
        if self.columns is not None:
            source.let_go()
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
            size=image.size or self.rasters.get(image.id),
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
                size = image.size or self.rasters.get(image.id)
                shape = self._shape(entry, label, size)
            except BadEntry as exc:
                self.errors.add(f"{place}{exc.inside}", exc.message)
                continue
            found.append(
                coco_entries.region(
                    entry, label, shape, self.divisor if self.is_result else None, place
                )
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
