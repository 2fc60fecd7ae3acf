"""The two files of a load, read and joined: each task, its ground truth and its detections."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from predictions.db.imports import called_tasks, data_of_tasks, values_of_tasks
from predictions.formats.classes import NO_NAME, check_names, is_name
from predictions.formats.content import Ask, Content, FileTask, Known, Region, Size
from predictions.formats.errors import Errors
from predictions.formats.label_config import keypoint_names
from predictions.formats.names import TEXT, Called, Names, Way, text_of, told_by
from predictions.formats.sources import Source
from predictions.formats.table import Format
from predictions.imports.datasets import numbers, pictures
from predictions.imports.tasks import MOST_TASKS
from predictions.models import Project
from predictions.regions.config import Config, read_config

DEFAULT_SPLIT = "test"
NOTHING = "Give a file of ground truth, of predictions, or both."
NO_TASKS = "There are no images in the file."
OTHER_KEY = "The ground truth is of {0}s and the predictions are of {1}s."
TWO_SORTS = "Label Studio's tasks go with no other format: load the two files one after the other."
ELSEWHERE = (
    "{n:,} images were found by their file's name alone, in another folder: {one!r:.200} was taken"
    " for {other!r:.200}. Give both sides' images the same names, or ids, if these are others."
)
BOTH_WAYS = (
    "The image ids of the detections are ids of images, and the names of other images' files, too: "
    "{id!r:.200} was taken for the id of {image!r:.200}, and may be the name of {other!r:.200}. "
    "Give the detections file names if these are meant."
)
UNEVEN = (
    "{n:,} texts stand in {where} more often than in the file: of {text!r:.100} the first {taken:,}"
    " of {there:,} were taken. If others are meant, give all of them, in the same order."
)
BY_ORDER = (
    "{n:,} texts stand in {where} more than once, and the file says different things of them: of"
    " {text!r:.100} the first was taken for the first, and so on. If they are in another order,"
    " give both sides other data that tells them apart, such as an id."
)
NOT_THERE = "{0} is not among the images of {1}."
OTHER_DATA = (
    "{0} stands in {1}, but not once more with the other data that the file has of it: leave the"
    " other data out, or give that of the task."
)
#: Of all classes together.
MOST_KEYPOINTS = 500
#: How many of a sort an error names.
MOST_NAMED = 5
UNUSED = "The map of labels has {0}, which the predictions have not. Their classes are {1}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What is to be loaded."""

    format: Format
    truth: Source | None = None
    predictions: Source | None = None
    #: Where it is another one.
    predictions_format: Format | None = None
    ask: Ask = field(default_factory=Ask)


@dataclass(slots=True)
class Read:
    """The contents of both files; at least one is there."""

    truth: Content | None
    predicted: Content | None

    @property
    def contents(self) -> list[Content]:
        """Those that are there, the ground truth first."""
        return [one for one in (self.truth, self.predicted) if one is not None]


@dataclass(slots=True)
class Planned:
    """A task to be stored: `task_id` is None for a new one, `truth` and `predicted`, its
    detections, where the file has none of it. `guessed` is what the task is called where its
    ground truth was found by the name of its file alone, in another folder.
    """

    truth: FileTask | None
    predicted: FileTask | None
    task_id: int | None
    guessed: str | None = None

    @property
    def tasks(self) -> list[FileTask]:
        """What the files say of it, the ground truth first."""
        return [one for one in (self.truth, self.predicted) if one is not None]

    @property
    def place(self) -> str:
        """Where in a file it stands."""
        return next((one.place for one in self.tasks), "")


def read(files: Files, project: Project | None, errors: Errors) -> Read:
    """The contents of both files, in the same form. BadFile for what cannot be read."""
    if files.truth is None and files.predictions is None:
        raise errors.stop("", NOTHING)
    other = files.predictions_format or files.format
    ask = files.ask
    if ask.shapes is None and files.predictions is not None:
        shapes = other.wanted(files.predictions)
        ask = replace(ask, shapes=shapes) if shapes else ask
    truth = predicted = None
    if files.truth is not None:
        if not files.format.has_truth:
            raise errors.stop("", f"{files.format.name} holds no ground truth.")
        truth = files.format.truth(files.truth, ask, errors)
        errors.raise_if_any()
    if files.predictions is not None:
        if not other.has_predictions:
            raise errors.stop(
                "", f"{other.name} holds no predictions: say which format they have"
                " (--predictions-format, or `predictions_format`).",
            )  # fmt: skip
        predicted = other.predictions(files.predictions, ask, errors, _known(truth, project))
        errors.raise_if_any()
        predicted = _mapped(predicted, ask.label_map)
    _check_together(truth, predicted, errors)
    return Read(truth, predicted)


def _check_together(truth: Content | None, predicted: Content | None, errors: Errors) -> None:
    contents = [one for one in (truth, predicted) if one is not None]
    names = dict.fromkeys(name for one in contents for name in one.classes)
    check_names((("classes", name) for name in names), errors)
    points = keypoint_names(contents)
    if len(points) > MOST_KEYPOINTS:
        errors.add("", f"{len(points):,} key points are more than {MOST_KEYPOINTS:,}.")
    for name in points:
        if not is_name(name):
            errors.add("keypoints", NO_NAME.format(name=name))
    if truth is not None and predicted is not None:
        if truth.key != predicted.key:
            errors.add("", OTHER_KEY.format(truth.key, predicted.key))
        if (truth.controls is None) != (predicted.controls is None):
            errors.add("", TWO_SORTS)
        predicted.warnings += numbers.unknown_points(truth, predicted)
    if not any(one.n_tasks for one in contents):
        errors.add("", NO_TASKS)
    n_tasks = max(one.n_tasks for one in contents)
    if n_tasks > MOST_TASKS:
        errors.add("", f"{n_tasks:,} images are more than {MOST_TASKS:,}.")
    errors.raise_if_any()


def _known(truth: Content | None, project: Project | None) -> Known:
    if truth is not None:
        sizes: dict[str, Size] = {}
        for task in truth.tasks:
            if task.size is not None:
                sizes |= {name: task.size for name in (task.image_name, task.image_id) if name}
        return Known(
            class_ids=truth.class_ids,
            classes=truth.classes,
            keypoints=truth.keypoints,
            sizes=sizes,
            texts=_texts(truth) if truth.key == "text" else (),
        )
    if project is None:
        return Known()
    config = read_config(project.label_config)
    classes, points = _labels_of(config)
    return Known(
        class_ids=numbers.of_labels(project, classes),
        classes=classes,
        keypoints=dict.fromkeys(classes, points) if points else {},
        has_guessed_points=bool(points) and not numbers.are_points_numbered(project),
    )


def _texts(truth: Content) -> list[tuple[str, str]]:
    return [(task.place, task.data.get("text", "")) for task in truth.tasks]


def _labels_of(config: Config) -> tuple[list[str], list[str]]:
    """Classes of a config in its order, and key points in that of their `model_index`."""
    classes: dict[str, None] = {}
    points: dict[str, None] = {}
    for control in config.controls:
        if control.tag.place == "keypoint":
            points |= dict.fromkeys(stored for stored, _ in control.indexed_labels)
        elif control.tag.has_classes:
            classes |= dict.fromkeys(stored for stored, _ in control.labels)
    return list(classes), list(points)


def _mapped(predicted: Content, label_map: Mapping[str, str | None]) -> Content:
    """The detections under the classes' other names, without those that are not read."""
    if not label_map:
        return predicted
    classes = [label_map.get(name, name) for name in predicted.classes]
    unused = [name for name in label_map if name not in predicted.classes]
    warnings = list(predicted.warnings)
    if unused and predicted.classes:
        told = (", ".join(map(repr, names[:MOST_NAMED])) for names in (unused, predicted.classes))
        warnings.append(UNUSED.format(*told))
    return replace(
        predicted,
        warnings=warnings,
        classes=list(dict.fromkeys(name for name in classes if name is not None)),
        class_ids={
            n: new for n, old in predicted.class_ids.items() if (new := label_map.get(old, old))
        },
        keypoints={
            new: p for old, p in predicted.keypoints.items() if (new := label_map.get(old, old))
        },
    )


def renamed(regions: list[Region], label_map: Mapping[str, str | None]) -> list[Region]:
    """The regions under the classes' other names, without those that are not read."""
    if not label_map:
        return regions
    kept = []
    for region in regions:
        labels = [label_map.get(name, name) for name in region.labels]
        if names := tuple(name for name in labels if name is not None):
            region.labels = names
            kept.append(region)
    return kept


def plan(
    found: Read, project: Project | None, shown: str, ways: Sequence[Way], errors: Errors
) -> Iterator[Planned]:
    """The tasks to be stored, in the order of the ground truth or, without one, of the predictions.
    `shown` is the key of what is labelled, `ways` lead to all that the labelling config shows.

    BadFile for names that fit two tasks or none.
    """
    is_drawn = found.contents[0].controls is not None
    called = _called(project, shown, ways if is_drawn else ()) if project is not None else ()
    ways = ways if is_drawn else TEXT
    names = Names(called, ways, data_of_tasks)
    if found.truth is None:
        tasks = list(found.predicted.tasks) if found.predicted is not None else []
        keys = _found(tasks, names, "the project", errors, found.contents[0].warnings)
        planned = [Planned(None, task, key) for task, key in zip(tasks, keys, strict=True)]
    else:
        truths = list(found.truth.tasks)
        # In a new project there is nothing to be found.
        planned = (
            [Planned(task, None, None) for task in truths]
            if project is None
            else _found_truths(truths, names, errors)
        )
        _tell_guesses(names, "the project", found.truth.warnings)
        if found.predicted is not None:
            _place_predicted(found.predicted, planned, ways, errors)
    _refuse_twice(planned, errors)
    errors.raise_if_any()
    return iter(planned)


def _found_truths(truths: Sequence[FileTask], names: Names, errors: Errors) -> list[Planned]:
    planned = []
    names.expect(truths)
    for task in truths:
        n_guesses = len(names.elsewhere)
        key = names.find(task, errors)
        guesses = names.elsewhere[n_guesses:]
        planned.append(Planned(task, None, key, guesses[0][1] if guesses else None))
    return planned


def _tell_guesses(names: Names, where: str, warnings: list[str]) -> None:
    if names.elsewhere:
        one, other = names.elsewhere[0]
        warnings.append(ELSEWHERE.format(n=len(names.elsewhere), one=one, other=other))
    if uneven := names.uneven():
        text, taken, there = uneven[0]
        told = {"n": len(uneven), "where": where, "text": text, "taken": taken, "there": there}
        warnings.append(UNEVEN.format(**told))
    if by_order := names.by_order():
        warnings.append(BY_ORDER.format(n=len(by_order), where=where, text=by_order[0]))


def _place_predicted(
    predicted: Content, planned: list[Planned], ways: Sequence[Way], errors: Errors
) -> None:
    """Puts the detections of each image beside its ground truth."""
    tasks = list(predicted.tasks)
    called = (
        Called(
            key=n,
            image_id=one.truth.image_id,
            image_name=one.truth.image_name,
            text=text_of(one.truth, ways),
            told=one.truth.place,
        )
        for n, one in enumerate(planned)
        if one.truth is not None
    )
    truths = [one.truth for one in planned]
    names = Names(called, ways, lambda keys: {n: one.data for n in keys if (one := truths[n])})
    keys = _found(tasks, names, "the ground truth", errors, predicted.warnings)
    for task, key in zip(tasks, keys, strict=True):
        if key is None:
            continue
        if (earlier := planned[key].predicted) is not None:
            errors.add(task.place, f"is the same task as {earlier.place}.")
        planned[key].predicted = task


def _found(
    tasks: list[FileTask], names: Names, where: str, errors: Errors, warnings: list[str]
) -> list[int | None]:
    """The task of each; an error for one that is not there."""
    bare = [one for one in tasks if one.image_name is None and not one.is_stem]
    ids = [one.image_id for one in bare if one.image_id is not None]
    names.expect(tasks)
    by_stem = bool(ids) and names.prefers_stems(ids)
    if doubt := names.both_ways(ids):
        told, image, other = doubt
        both = {"id": told, "image": image.image_name, "other": other.image_name}
        warnings.append(BOTH_WAYS.format(**both))
    found = []
    for task in tasks:
        n_errors = len(errors.found)
        is_bare = task.image_name is None and task.image_id is not None
        key = names.find(task, errors, by_stem=by_stem and is_bare)
        if key is None and len(errors.found) == n_errors:
            what = task.image_id if is_bare else task.image_name
            told = f"{what!r}" if what is not None else "this text"
            is_other = what is None and names.shows(task)
            errors.add(task.place, (OTHER_DATA if is_other else NOT_THERE).format(told, where))
        found.append(key)
    _tell_guesses(names, where, warnings)
    return found


def _refuse_twice(planned: Sequence[Planned], errors: Errors) -> None:
    seen: dict[int, Planned] = {}
    for one in planned:
        if one.task_id is not None and seen.setdefault(one.task_id, one) is not one:
            other = seen[one.task_id].place
            errors.add(one.place, f"is the same task of the project as {other}.")


def _called(project: Project, shown: str, ways: Sequence[Way]) -> Iterator[Called]:
    """What the project's tasks are called; those without `meta.image_name` by what they show: at
    all of these ways or, without any, under the key alone.
    """
    values = values_of_tasks(project.pk, ways) if ways else {}
    for id_, image_id, named, value in called_tasks(project.pk, pictures.path_of(shown)):
        path = pictures.path_in(value)
        text = told_by(values.get(id_, [])) if ways else value
        yield Called(
            key=id_,
            image_id=image_id,
            image_name=named or (path and path.rpartition("/")[2]),
            path=named if named and "/" in named else path,
            text=text if image_id is None and named is None else None,
            told=f"task {id_} of the project",
        )


def batched(planned: Iterator[Planned], size: int) -> Iterator[list[Planned]]:
    """The tasks so many at a time."""
    while batch := list(islice(planned, size)):
        yield batch
