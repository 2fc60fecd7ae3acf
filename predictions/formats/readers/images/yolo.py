"""YOLO: a text file an image, a line an object; `data.yaml` says where the images are.

Where a label file lies: the image's path with its last `images` replaced by `labels`. An image
whose label file is empty, or missing, has no objects.
Formats: https://docs.ultralytics.com/datasets
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from predictions.formats.classes import check_names
from predictions.formats.content import Ask, Content, FileTask, Kind, Known, Region
from predictions.formats.errors import Errors
from predictions.formats.readers.images import yolo_dataset, yolo_lines
from predictions.formats.readers.images.yolo_dataset import SAME_NAME, Dataset, of_yaml
from predictions.formats.readers.images.yolo_lines import KINDS, Layout, Task
from predictions.formats.scores import Scores
from predictions.formats.sources import PICTURES, Source

SPLIT_FOLDERS = frozenset({"train", "val", "valid", "test"})
NO_NAMES = (
    "there is no data.yaml or classes.txt with the names of the classes: add one, or give the"
    " ground truth, too."
)
SUFFIX_GUESSED = "The images' suffixes are not in the files: .jpg is taken where no picture tells."
NOTHING_THERE = (
    "data.yaml names {place!r:.200} ({split}), where there is no image and no label file: none of"
    " that split is read."
)
NO_LABELS = "There is no label file (*.txt): the version says that nothing is on any image."
NOT_YOLO = "is no label file (*.txt) and no data.yaml."
WHOLE_SCORES = (
    "All scores are whole numbers: if they are the numbers of tracks, save with save_conf and"
    " without tracking."
)
UNNAMED = (
    "Nothing names the classes of the label files: they are taken in the order of the ground"
    " truth's numbers, or of the labelling config: {some}. If that is another one, put a data.yaml"
    " or classes.txt beside them."
)
#: Of a line whose place is a box.
BOX_NUMBERS = 4
#: How many classes a warning names.
MOST_NAMED = 3
#: What is no label file beside label files.
NOT_LABELS = frozenset({"classes.txt", "readme.txt", "readme.dataset.txt", "readme.roboflow.txt"})


@dataclass(slots=True)
class Labelled:
    """An image, and the name of its label file; None for none."""

    name: str
    split: str | None
    labels: str | None
    #: Of the picture, where the folder has it.
    picture: str | None = None
    #: Whether nothing tells the suffix of the name.
    is_guessed: bool = False


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """The images of all splits."""
    source = source.around()
    dataset = _dataset(source, errors)
    if dataset is None:
        raise errors.stop(source.name, NO_NAMES)
    files = Files(source, errors)
    images = files.listed(dataset) or files.lone_labels()
    errors.raise_if_any()
    if not images:
        raise errors.stop(source.name, "holds no images and no label files.")
    warnings = [*dataset.warnings, *files.missing]
    if files.guessed:
        warnings.append(SUFFIX_GUESSED)
    return _content(source, images, dataset, ask, errors, warnings, has_score=False)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The label files of a folder, with a score at the end of each line."""
    source = source.around()
    warnings: list[str] = []
    dataset = _dataset(source, errors) or _known(known, warnings)
    if dataset is None:
        raise errors.stop(source.name, NO_NAMES)
    yolo_dataset.name_points(dataset, known, ask.label_map)
    warnings += dataset.warnings
    files = Files(source, errors)
    images = files.listed(dataset) or files.lone_labels()
    errors.raise_if_any()
    if not any(one.labels for one in images):
        warnings.append(NO_LABELS)
    return _content(source, images, dataset, ask, errors, warnings, has_score=True)


def _known(known: Known, warnings: list[str]) -> Dataset | None:
    """The classes of the ground truth, by their numbers from 0 on; else in the order of these, or
    their own, with a warning.
    """
    numbers = sorted(known.class_ids)
    classes = [known.class_ids[n] for n in numbers] or list(known.classes)
    if classes and numbers != list(range(len(classes))):
        some = ", ".join(f"{n} is {name!r:.100}" for n, name in enumerate(classes[:MOST_NAMED]))
        warnings.append(UNNAMED.format(some=some))
    return Dataset(classes) if classes else None


def _dataset(source: Source, errors: Errors) -> Dataset | None:
    names = source.names()
    wanted = [source.entry] if source.entry else []
    found = [n for n in (*wanted, *names) if n.endswith((".yaml", ".yml")) and n in names]
    found.sort(key=lambda n: (n != source.entry, n.count("/"), PurePosixPath(n).stem != "data"))
    if found:
        return of_yaml(found[0], source, errors)
    listed = [n for n in names if PurePosixPath(n).name == "classes.txt"]
    if not listed:
        return None
    name = min(listed, key=lambda n: n.count("/"))
    # A line's number is the class's, so that none between them may be passed over.
    classes = [line.strip() for line in source.text(name).rstrip().splitlines()]
    check_names(((f"{name}, line {n}", one) for n, one in enumerate(classes, 1)), errors)
    same = [SAME_NAME.format(name=one) for one, n in Counter(classes).items() if n > 1]
    return Dataset(classes, warnings=same[:1])


class Files:
    """The files of a folder or an archive: pictures, label files, and which belongs to which."""

    def __init__(self, source: Source, errors: Errors) -> None:
        self.source = source
        self.errors = errors
        self.names = source.names()
        given = source.entry or ("" if source.is_folder else self.names[0])
        if given and not given.lower().endswith((".txt", ".yaml", ".yml")):
            raise errors.stop(given, NOT_YOLO)
        if odd := [one for one in self.names if one.endswith((".TXT", ".Txt"))]:
            raise errors.stop(odd[0], "is not read: label files end with .txt, in small letters.")
        #: What to say of places that `data.yaml` names and that hold nothing.
        self.missing: list[str] = []
        self.known = set(self.names)
        #: All folders that a file lies in, at any depth.
        self.folders = {
            folder.as_posix() for name in self.names for folder in PurePosixPath(name).parents
        }
        #: Images of which only a label file tells, and so not the suffix.
        self.guessed: set[str] = set()

    def listed(self, dataset: Dataset) -> list[Labelled]:
        """The images of the folders and lists that `data.yaml` names, each once, in order."""
        found: dict[str, Labelled] = {}
        for ways, split in dataset.places:
            n_images = 0
            for way in ways:
                for name in self._images_of(self._inside(way, dataset.root)):
                    found.setdefault(name, self._labelled(name, split))
                    n_images += 1
            if not n_images:
                self.missing.append(NOTHING_THERE.format(place=ways[-1], split=split))
        return list(found.values())

    def _inside(self, place: str, root: str) -> str:
        """A place as a name inside: relative to the file that names it, or whatever of its end is
        there; Roboflow's own begin with `..`.
        """
        parts = [one for one in place.replace("\\", "/").split("/") if one not in {"", "."}]
        start = [one for one in root.split("/") if one not in {"", "."}]
        tried = [*start, *parts]
        if ".." not in tried and self._is_there("/".join(tried)):
            return "/".join(tried)
        for n in range(len(parts)):
            rest = "/".join([*start, *parts[n:]])
            if ".." not in parts[n:] and self._is_there(rest):
                return rest
        return "/".join(one for one in tried if one != "..")

    def _is_there(self, name: str) -> bool:
        return name in self.known or bool({name, _labels_folder(name)} & self.folders)

    def _images_of(self, place: str) -> Iterator[str]:
        if place.endswith(".txt"):
            if place in self.known:
                root = place.rpartition("/")[0]
                for n, line in enumerate(self.source.text(place).splitlines(), 1):
                    if PurePosixPath(line.strip()).suffix:
                        yield self._listed_name(line.strip(), root)
                    elif line.strip():
                        self.errors.add(f"{place}, line {n}", "names no picture.")
            return
        prefix, labels = f"{place}/", f"{_labels_folder(place)}/"
        pictures = [
            one for one in self.names
            if one.startswith(prefix) and PurePosixPath(one).suffix.lower() in PICTURES
        ]  # fmt: skip
        yield from pictures
        stems = {_stem(one) for one in pictures}
        for name in self.names:
            if name.startswith(labels) and name.endswith(".txt"):
                image = prefix + name[len(labels) :].removesuffix(".txt")
                if image not in stems:
                    self.guessed.add(f"{image}.jpg")
                    yield f"{image}.jpg"

    def _listed_name(self, line: str, root: str) -> str:
        name = line.replace("\\", "/").removeprefix("./")
        return f"{root}/{name}" if root and not name.startswith("/") else name.lstrip("/")

    def _labelled(self, name: str, split: str | None) -> Labelled:
        labels = f"{_stem(_labels_folder(name))}.txt"
        is_there = labels in self.known
        return Labelled(
            name,
            split,
            labels if is_there else None,
            name if name in self.known else None,
            name in self.guessed,
        )

    def lone_labels(self) -> list[Labelled]:
        """The label files of a folder that nothing describes, beside its pictures or alone."""
        labels = [
            one for one in self.names
            if one.endswith(".txt") and PurePosixPath(one).name.lower() not in NOT_LABELS
        ]  # fmt: skip
        pictures = [one for one in self.names if PurePosixPath(one).suffix.lower() in PICTURES]
        of_labels = _beside(labels, pictures)
        taken = set(of_labels.values())
        of_stem: defaultdict[str, list[str]] = defaultdict(list)
        for one in pictures:
            if one not in taken:
                of_stem[PurePosixPath(one).stem].append(one)
        found = []
        for name in labels:
            picture = of_labels.get(name)
            others = of_stem[PurePosixPath(name).stem] if picture is None else []
            if others:
                told = " or ".join(map(repr, others[:2]))
                self.errors.add(name, f"may be of {told}: keep one picture of its name, beside it.")
            image = picture or f"{_stem(name)}.jpg"
            if picture is None:
                self.guessed.add(image)
            found.append(Labelled(image, None, name, picture, picture is None))
        found += [Labelled(one, None, None, one) for one in pictures if one not in taken]
        return sorted(found, key=lambda one: one.name)


def _beside(labels: Iterable[str], pictures: Iterable[str]) -> dict[str, str]:
    """The picture of each label file: the one in its place or, where no other label file has its
    stem, the only one of that stem. None where several fit.
    """
    by_place: defaultdict[str, list[str]] = defaultdict(list)
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        for place in {_stem(picture), _stem(_labels_folder(picture))}:
            by_place[place].append(picture)
        by_stem[PurePosixPath(picture).stem].append(picture)
    names = Counter(PurePosixPath(one).stem for one in labels)
    found = {}
    for name in labels:
        stem = PurePosixPath(name).stem
        fitting = by_place.get(_stem(name)) or (by_stem[stem] if names[stem] == 1 else [])
        if len(fitting) == 1:
            found[name] = fitting[0]
    return found


def _labels_folder(name: str) -> str:
    """The name with its last folder `images` replaced by `labels`."""
    parts = name.split("/")
    for n in range(len(parts) - 1, -1, -1):
        if parts[n] == "images":
            return "/".join([*parts[:n], "labels", *parts[n + 1 :]])
    return name


def _stem(name: str) -> str:
    """The name without its suffix."""
    return PurePosixPath(name).with_suffix("").as_posix()


def _content(
    source: Source,
    images: Sequence[Labelled],
    dataset: Dataset,
    ask: Ask,
    errors: Errors,
    warnings: list[str],
    *,
    has_score: bool,
) -> Content:
    texts = {one.labels: source.text(one.labels) for one in images if one.labels is not None}
    task = dataset.task or _guessed(texts.values(), dataset, ask, has_score=has_score)
    divisor = 1.0
    if has_score:
        divisor = _look_at_scores(texts, errors, warnings).divisor(warnings)
    if task == "pose" and has_score:
        _count_point_numbers(texts.values(), dataset)
    named, each = dataset.points, dataset.point_numbers
    layout = Layout(task, dataset.classes, has_score, named, each, dataset.points_of)
    names = _names(images)
    tasks = [
        FileTask(
            image_name=name,
            picture=one.name,
            is_suffix_guessed=one.is_guessed,
            split=one.split,
            is_relative=True,
            size=None if one.picture is None else source.picture_size(one.picture),
            regions=partial(_regions, texts, one, layout, errors, divisor),
            place=one.labels or one.name,
        )
        for one, name in zip(images, names, strict=True)
    ]
    points = {one: dataset.points_of.get(one, named) for one in dataset.classes}
    kinds = KINDS[task]
    if task == "segment" and BOX_NUMBERS not in _counts(texts.values(), has_score=has_score):
        kinds = frozenset({Kind.POLYGON})
    return Content(
        tasks=tasks,
        n_tasks=len(tasks),
        classes=dataset.classes,
        kinds=kinds,
        is_of_corners=task == "obb",
        keypoints=points if task == "pose" else {},
        class_ids=dict(enumerate(dataset.classes)),
        warnings=warnings,
    )


def _names(images: Sequence[Labelled]) -> list[str]:
    """What images are called: below the folder of their split, unless two would be called alike."""
    short = [_below_split(one.name) for one in images]
    return short if len(set(short)) == len(short) else [one.name for one in images]


def _below_split(name: str) -> str:
    parts = name.split("/")
    for n in range(len(parts) - 1, 0, -1):
        if parts[n - 1] in {"images", "labels"}:
            rest = parts[n:]
            return "/".join(rest[1:] if len(rest) > 1 and rest[0] in SPLIT_FOLDERS else rest)
    return name


def _regions(
    texts: Mapping[str, str], image: Labelled, layout: Layout, errors: Errors, divisor: float
) -> list[Region]:
    text = texts.get(image.labels or "", "")
    found = yolo_lines.regions(text, layout, image.labels or image.name, errors)
    for region in found:
        if region.score is not None:
            region.score /= divisor
    return found


def _look_at_scores(texts: Mapping[str, str], errors: Errors, warnings: list[str]) -> Scores:
    scores = Scores()
    are_whole = True
    for name, text in texts.items():
        for n, line in enumerate(text.splitlines(), 1):
            read = yolo_lines.numbers_of(line) if line.strip() else None
            if read is not None and len(read[1]) >= 5:
                scores.see(read[1][-1], f"{name}, line {n}", errors)
                are_whole = are_whole and read[1][-1].is_integer()
    if are_whole and scores.highest > 1:
        warnings.append(WHOLE_SCORES)
    return scores


def _guessed(texts: Any, dataset: Dataset, ask: Ask, *, has_score: bool) -> Task:
    """The task whose lines these are: eight numbers are turned boxes if all lines have so many."""
    if dataset.points:
        return "pose"
    counts = _counts(texts, has_score=has_score)
    if counts == {8} and ask.shapes != "masks":
        return "obb"
    return "detect" if max(counts, default=BOX_NUMBERS) <= BOX_NUMBERS else "segment"


def _counts(texts: Iterable[str], *, has_score: bool) -> set[int]:
    """How many numbers lines have for their place."""
    lines = (line for text in texts for line in text.splitlines() if line.strip())
    return {len(line.split()) - 1 - has_score for line in lines}


def _count_point_numbers(texts: Any, dataset: Dataset) -> None:
    """Of detections: whether key points have two numbers or three."""
    counts = {len(line.split()) - 6 for text in texts for line in text.splitlines() if line.strip()}
    n_points = len(dataset.points)
    if counts == {2 * n_points}:
        dataset.point_numbers = 2
    elif counts == {3 * n_points}:
        dataset.point_numbers = 3
