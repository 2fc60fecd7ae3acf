"""The content of tasks that a reader has all in memory: classes, kinds and scores, checked."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from predictions.formats.classes import check_names
from predictions.formats.content import (
    Box,
    Content,
    Corners,
    Ellipse,
    FileTask,
    Kind,
    Mask,
    Polygon,
    Pose,
    Region,
    Span,
)
from predictions.formats.errors import Errors
from predictions.formats.label_regions import rectangle_of
from predictions.formats.scores import Scores

KINDS: dict[type, Kind] = {
    Box: Kind.BOX,
    Polygon: Kind.POLYGON,
    Mask: Kind.MASK,
    Ellipse: Kind.ELLIPSE,
    Pose: Kind.KEYPOINTS,
    Span: Kind.SPAN,
    type(None): Kind.CHOICE,
}
SPLIT_UNREAD = (
    "What the file calls split is not read: its tasks are in the split that --split (`split`)"
    " names, or in test."
)
UNREAD = "What the entries say of {keys} is not read."
#: How many versions an error names.
MOST_VERSIONS = 5
#: What names the version of a prediction, in files that may hold several.
VERSION = "model_version"
SEVERAL_VERSIONS = "has predictions of several versions, {names}: load one of them at a time."
NO_SCORES = "No score is in the file: every prediction counts as a sure one."


def refuse_versions(place: str, versions: Iterable[object], errors: Errors) -> None:
    """An error for predictions of several versions, which would be stored as those of one."""
    known = sorted({str(one) for one in versions if one is not None and one != ""})
    if len(known) > 1:
        names = ", ".join(map(repr, known[:MOST_VERSIONS]))
        errors.add(place, SEVERAL_VERSIONS.format(names=names))


def content(
    tasks: Sequence[FileTask],
    errors: Errors,
    *,
    is_prediction: bool,
    kind: Kind,
    scores_optional: bool = False,
    classes: Sequence[str] = (),
    **more: Any,
) -> Content:
    """The content of the tasks; `kind` is that of a file without regions.

    Of predictions each region needs a score, unless with `scores_optional` none has one, which is a
    warning. `classes` come first, those that only regions name after them; `more` are fields of
    `Content`. Tasks of one image, and names that are none, are errors.
    """
    _refuse_twice(tasks, errors)
    regions = [region for task in tasks for region in task.read()]
    named = [("classes", name) for name in classes]
    named += [(region.place, name) for region in regions for name in region.labels]
    names = check_names(dict.fromkeys(named), errors)
    warnings: list[str] = list(more.pop("warnings", ()))
    if is_prediction:
        _score(regions, warnings, errors, scores_optional)
    kinds = {kind for task in tasks for region in task.read() for kind in _kinds(region, task)}
    return Content(
        tasks=tasks,
        n_tasks=len(tasks),
        classes=names,
        kinds=frozenset(kinds or {kind}),
        is_multiple=any(_has_several(task, is_prediction=is_prediction) for task in tasks),
        warnings=warnings,
        **more,
    )


def unread(keys: Iterable[str]) -> list[str]:
    """A warning of keys that entries have and nothing here reads, once each; none of none."""
    told = ", ".join(map(repr, dict.fromkeys(keys)))
    return [UNREAD.format(keys=told)] if told else []


def tell_apart(tasks: Sequence[FileTask], folders: Sequence[PurePosixPath]) -> None:
    """Where two images would be called alike, all are called by their folder, too."""
    if len({task.image_name for task in tasks}) < len(tasks):
        for task, folder in zip(tasks, folders, strict=True):
            task.image_name = (folder / str(task.image_name)).as_posix().lstrip("/")


def _refuse_twice(tasks: Sequence[FileTask], errors: Errors) -> None:
    seen: dict[tuple[str | None, str | None], str] = {}
    for task in tasks:
        called = task.image_id, task.image_name
        if called != (None, None) and seen.setdefault(called, task.place) != task.place:
            name = task.image_name or task.image_id
            errors.add(task.place, f"is of the same image as {seen[called]}: {name!r:.200}.")


def _score(
    regions: Sequence[Region], warnings: list[str], errors: Errors, is_optional: bool
) -> None:
    if is_optional and all(region.score is None for region in regions):
        if regions:
            warnings.append(NO_SCORES)
        return
    scores = Scores()
    for region in regions:
        scores.see(region.score, region.place, errors)
    divisor = scores.divisor(warnings)
    if divisor != 1:
        for region in regions:
            region.score = None if region.score is None else region.score / divisor


def _has_several(task: FileTask, *, is_prediction: bool) -> bool:
    """Whether several choices about the task hold at once. Those of a prediction that have a score
    each are alternatives.
    """
    choices = [region.labels for region in task.read() if region.shape is None]
    if is_prediction:
        return any(len(labels) > 1 for labels in choices)
    return len({label for labels in choices for label in labels}) > 1


def _kinds(region: Region, task: FileTask) -> set[Kind]:
    shape = region.shape
    if isinstance(shape, Pose):
        return {Kind.BOX, Kind.KEYPOINTS}
    if not isinstance(shape, Corners):
        return {KINDS[type(shape)]}
    if task.is_relative:
        return {Kind.BOX, Kind.POLYGON}
    is_box = rectangle_of(np.array(shape.points, dtype=np.float64)) is not None
    return {Kind.BOX if is_box else Kind.POLYGON}
