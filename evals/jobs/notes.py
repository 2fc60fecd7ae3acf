"""What an evaluation passed over, and what it read with a guess: from chunks to the header."""

from collections.abc import Iterable, Sequence
from typing import Any

from evals.db.definition import kind_of
from evals.db.label_config import known_labels
from evals.db.snapshot.hidden import count_hidden
from evals.db.snapshot.plan import CannotEvaluate, PlannedRow
from evals.documents.slices import MOST_VALUES
from evals.engine.notes import Notes
from evals.engine.reading import reading_of
from evals.models import EvalChunk, ModelEval, Split
from predictions.regions.config import PATH_SEPARATOR
from predictions.regions.labels import Reason

#: The sides of an evaluation as its answers name them, ground truth first.
SIDES = ("groundTruth", "predictions")
CALLED = {"groundTruth": "the ground truth", "predictions": "the predictions"}
OWN_TRUTHS = "own_predictions"
NO_KEYPOINTS = " A keypoint belongs to the rectangle whose id it has as its parentID."
TOO_VARIED = "too_many_values"
NOTHING_READ = "nothing_read"
ONE_SIDE_READ = "one_side_read"
BOXES_BESIDE_OUTLINES = "boxes_beside_outlines"
WITHIN_ONE_PER_CENT = "within_one_per_cent"
UNREAD_FACTS = "unread_task_facts"
UNUSED_NAMES = "unused_label_map"
ALIKE_PATHS = "alike_paths"
OLDER_ONES = "newest_of_other_control"
UNKNOWN_TASKS = "unknown_tasks"
#: What is known before anything is counted.
PLANNED = (OWN_TRUTHS, TOO_VARIED, UNKNOWN_TASKS)
#: Names that a warning spells out.
MOST_NAMED = 10
#: How far shares from 0 to 1 reach that were stored as per cent, and a little for rounding.
REACH_OF_SHARES_PCT = 1 + 1e-6
MESSAGES = {
    NOTHING_READ: (
        "Neither side has a region of the controls and classes that are evaluated, only {regions} "
        "others ({reasons}): the numbers are of tasks without anything."
    ),
    ONE_SIDE_READ: (
        "All {regions} regions of {called} are of other controls or classes than those that are "
        "evaluated ({reasons}): the other side is compared with nothing. Was a control renamed, or "
        "another question answered?"
    ),
    "no_image_size": (
        "{images} images have no size in any region (original_width, original_height): their "
        "boxes are compared in per cent, their outlines on a raster of 1000 x 1000."
    ),
    "aspect_ratio_differs": (
        "{regions} regions tell a size of their image whose ratio differs by more than 1 % from "
        "that of its first region. They are compared in per cent all the same."
    ),
    OWN_TRUTHS: (
        "The ground truth of {tasks} tasks was made of this version's own predictions and is "
        "unchanged: there it cannot be wrong."
    ),
    UNKNOWN_TASKS: (
        "The query names {tasks} tasks that the project does not have: {ids}. They were deleted, "
        "or are of another project."
    ),
    TOO_VARIED: "{key} has more than {most} different values: images are not sliced by it.",
    "more_labels": "{regions} regions have more than one label; the first counts.",
    "repeated_keypoints": (
        "{regions} key points have the name of another one of their rectangle, as where a labelMap "
        "calls two alike: the first of a name counts."
    ),
    OLDER_ONES: (
        "Of {tasks} tasks the newest of {called} is about other controls alone, and an older one "
        "about those that are evaluated. The newest alone counts, so there nothing is said: keep "
        "both in one annotation, or prediction."
    ),
    "score_out_of_range": (
        "{regions} predicted regions have a score below 0 or above 1. Confidences go from 0 to 1: "
        "a region above 1 is kept at all of them, one below 0 at none."
    ),
    "unread_score": (
        "{regions} predicted regions have no score, but a confidence or probability, or a score in "
        "their value or meta. It is not read: they count as sure as their prediction, without a "
        "score there as sure ones. Write it as the region's score."
    ),
    "outside_image": (
        "{regions} regions lie wholly outside of their image. Places are per cent of its width and "
        "height, from 0 to 100: are these pixels?"
    ),
    WITHIN_ONE_PER_CENT: (
        "All {regions} regions of {called} have places and sizes of at most 1. Places are per cent "
        "of the image's width and height, from 0 to 100: are these shares from 0 to 1?"
    ),
    BOXES_BESIDE_OUTLINES: (
        "Of one side there are outlines or masks alone, of the other boxes alone: they are "
        "compared as areas, so even a box that fits its object exactly does not overlap it wholly."
    ),
    "numbers_beside_dates": (
        "{regions} stretches tell their time in numbers where others of the same recording tell "
        "dates: the numbers are read as milliseconds since 1970, as Label Studio reads them."
    ),
    "unread_size": (
        "{regions} regions have an original_width or original_height that is no number of pixels, "
        "or one without the other: the size of their image is taken from elsewhere."
    ),
    "unread_meta": (
        "{regions} true regions have a meta.iscrowd that is neither 0 nor 1, or a meta.area that "
        "is no number from 0 on: that is not read."
    ),
    UNREAD_FACTS: (
        "{tasks} tasks have in their meta an image_size, augmentations, image_id or image_name in "
        "a form that is not read: they count as if it were not there."
    ),
    UNUSED_NAMES: (
        "The labelMap renames {names}: neither the labelling config nor any region that was read "
        "has a label of that name, so this changes nothing."
    ),
    ALIKE_PATHS: (
        "A choice and a path of one name count as one class: {names}. An alias without ' / ' tells "
        "them apart."
    ),
    "text_differs": (
        "{regions} spans say another text than stands at their place in the task's text, or reach "
        "beyond its end. They are compared by their place: are its characters counted otherwise, "
        "an emoji as two, or was the text edited?"
    ),
}
#: Of BOXES_BESIDE_OUTLINES, where a side has both.
SOME_BESIDE_OUTLINES = (
    "{regions} regions are of an image and class of which one side has outlines or masks alone, "
    "and the other boxes alone: they are compared as areas, so even a box that fits its object "
    "exactly does not overlap it wholly."
)
#: Warnings about regions, by what their number is called in the notes of a chunk.
COUNTED = {
    "aspect_ratio_differs": "otherRatio",
    "more_labels": "moreLabels",
    "repeated_keypoints": "repeatedPoints",
    "score_out_of_range": "oddScores",
    "unread_score": "scoresElsewhere",
    "outside_image": "outside",
    "numbers_beside_dates": "numbersAsDates",
    "text_differs": "otherText",
    "unread_size": "unreadSizes",
    "unread_meta": "unreadMeta",
}


def chunk_notes(notes: Notes, rows: Sequence[PlannedRow]) -> dict[str, Any]:
    """The notes of a chunk, to be stored with it."""
    unsized: dict[int, list[int]] = {}
    for image, n in notes.unsized.items():
        unsized.setdefault(rows[image].split, []).append(n)
    return {
        "ignored": [
            [reason.value, SIDES[not is_truth], found.regions, rows[found.image].task_id,
             found.region]
            for (reason, is_truth), found in notes.ignored.items()
        ],
        "read": notes.read,
        "unusable": notes.unusable,
        "masks": notes.masks,
        "besideOutlines": notes.beside_outlines,
        # Of each split how many images, and how many regions of theirs.
        "unsized": [
            [split, len(of_split), sum(of_split)] for split, of_split in sorted(unsized.items())
        ],
        "moreLabels": notes.more_labels,
        "repeatedPoints": notes.repeated_points,
        "otherRatio": notes.other_ratio,
        "oddScores": notes.odd_scores,
        "scoresElsewhere": notes.scores_elsewhere,
        "outside": notes.outside,
        "reachPct": notes.reach_pct,
        "numbersAsDates": notes.numbers_as_dates,
        "otherText": notes.other_text,
        "unreadSizes": notes.unread_sizes,
        "unreadMeta": notes.unread_meta,
        "misreadTasks": notes.misread_tasks,
        "mapped": sorted(notes.mapped),
        "ownSeparators": sorted(notes.own_separators),
    }  # fmt: skip


def own_truths(n_tasks: int) -> list[dict[str, Any]]:
    """The warning about tasks whose ground truth is this version's own prediction, if any."""
    message = MESSAGES[OWN_TRUTHS].format(tasks=n_tasks)
    return [{"reason": OWN_TRUTHS, "tasks": n_tasks, "message": message}] if n_tasks else []


def too_varied(keys: Iterable[str]) -> list[dict[str, Any]]:
    """The warnings about keys that were asked for as slices and have too many values."""
    return [
        {"reason": TOO_VARIED, "message": MESSAGES[TOO_VARIED].format(key=key, most=MOST_VALUES)}
        for key in keys
    ]


def unknown_tasks(ids: Sequence[int]) -> list[dict[str, Any]]:
    """The warning about tasks that the query names and the project does not have, if any."""
    message = MESSAGES[UNKNOWN_TASKS].format(tasks=len(ids), ids=spelled_out(list(map(str, ids))))
    return [{"reason": UNKNOWN_TASKS, "tasks": len(ids), "message": message}] if ids else []


def summarise(evaluation: ModelEval) -> None:
    """Stores what all chunks noted, beside what was known when it was planned.

    `CannotEvaluate` where nothing of a side is usable.
    """
    chunks = EvalChunk.objects.filter(evaluation=evaluation).order_by("number")
    notes = [one for one in chunks.values_list("notes", flat=True) if one]
    evaluation.ignored = _ignored(notes)
    planned = [one for one in evaluation.warnings if one["reason"] in PLANNED]
    evaluation.warnings = [
        *planned,
        *_nothing_read(evaluation.ignored, notes),
        *_warnings(notes),
        *_unused_names(evaluation, notes),
        *_alike_paths(evaluation, notes),
        *_older_ones(evaluation),
    ]
    evaluation.save(update_fields=["ignored", "warnings"])
    for at, side in enumerate(SIDES):
        read = sum(one["read"][at] for one in notes)
        if not read and sum(one["unusable"][at] for one in notes):
            raise CannotEvaluate(_unusable(evaluation.ignored, side))


def _ignored(notes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in notes:
        for reason, side, regions, task, region in one["ignored"]:
            example = {"task": task, "region": region}
            new = {"reason": reason, "side": side, "regions": 0, "example": example}
            found.setdefault((reason, side), new)["regions"] += regions
    return [found[key] for key in sorted(found)]


def _nothing_read(
    ignored: Sequence[dict[str, Any]], notes: Sequence[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """The warning about an evaluation of other regions alone, on both sides or on one: its numbers
    look as good as any.
    """
    read = [sum(one["read"][at] for one in notes) for at in range(len(SIDES))]
    if ignored and not any(read):
        regions = sum(one["regions"] for one in ignored)
        message = MESSAGES[NOTHING_READ].format(regions=regions, reasons=_reasons(ignored))
        yield {"reason": NOTHING_READ, "regions": regions, "message": message}
        return
    for side, n_read in zip(SIDES, read, strict=True):
        others = [one for one in ignored if one["side"] == side]
        if others and not n_read:
            facts = {"side": side, "regions": sum(one["regions"] for one in others)}
            message = MESSAGES[ONE_SIDE_READ].format(
                regions=facts["regions"], called=CALLED[side], reasons=_reasons(others)
            )
            yield {"reason": ONE_SIDE_READ, **facts, "message": message}


def _warnings(notes: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    unsized = [of_split for one in notes for of_split in one["unsized"]]
    if unsized:
        regions = sum(n for _, _, n in unsized)
        splits = sorted({Split(split).label for split, _, _ in unsized})
        facts: dict[str, Any] = {"images": sum(n for _, n, _ in unsized), "splits": splits}
        yield _warning("no_image_size", regions, **facts)
    read, masks = (
        [sum(one[name][at] for one in notes) for at in range(len(SIDES))]
        for name in ("read", "masks")
    )
    if all(read) and masks in ([read[0], 0], [0, read[1]]):
        yield _warning(BOXES_BESIDE_OUTLINES, sum(read))
    elif regions := sum(one.get("besideOutlines", 0) for one in notes):
        message = SOME_BESIDE_OUTLINES.format(regions=regions)
        yield {"reason": BOXES_BESIDE_OUTLINES, "regions": regions, "message": message}
    for at, side in enumerate(SIDES):
        # A chunk that was counted by an earlier release does not know it.
        reach_pct = max((one.get("reachPct", (100.0, 100.0))[at] for one in notes), default=0)
        if 0 < reach_pct <= REACH_OF_SHARES_PCT:
            yield _warning(WITHIN_ONE_PER_CENT, read[at], side=side)
    for reason, name in COUNTED.items():
        # A chunk that was counted by an earlier release does not know all of them.
        regions = sum(one.get(name, 0) for one in notes)
        if regions:
            yield _warning(reason, regions)
    if tasks := sum(one.get("misreadTasks", 0) for one in notes):
        message = MESSAGES[UNREAD_FACTS].format(tasks=tasks)
        yield {"reason": UNREAD_FACTS, "tasks": tasks, "message": message}


def _unused_names(
    evaluation: ModelEval, notes: Sequence[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """The warning about names of the labelMap that no label has: a typing error changes nothing."""
    asked = evaluation.options.get("labelMap", {})
    # A chunk that was counted by an earlier release does not know which labels it met.
    if not asked or evaluation.project is None or not all("mapped" in one for one in notes):
        return
    met = {name for one in notes for name in one["mapped"]}
    known = known_labels(evaluation.project, kind_of(evaluation), reading_of(evaluation.reading))
    if unused := [name for name in asked if name not in met and name not in known]:
        message = MESSAGES[UNUSED_NAMES].format(names=spelled_out(list(map(repr, unused))))
        yield {"reason": UNUSED_NAMES, "message": message}


def _alike_paths(
    evaluation: ModelEval, notes: Sequence[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """The warning about choices that are called as a path is, whose upper nodes are classes."""
    # A chunk that was counted by an earlier release does not know them.
    own = {name for one in notes for name in one.get("ownSeparators", ())}
    alike = [name for name in sorted(own) if _above(name) <= {*evaluation.classes}]
    if alike:
        message = MESSAGES[ALIKE_PATHS].format(names=spelled_out(list(map(repr, alike))))
        yield {"reason": ALIKE_PATHS, "message": message}


def _older_ones(evaluation: ModelEval) -> Iterable[dict[str, Any]]:
    """The warnings about tasks of which an older row alone holds what is evaluated."""
    passed = {one["side"] for one in evaluation.ignored if one["reason"] == Reason.OTHER_CONTROL}
    for side in SIDES:
        if side in passed and (n := count_hidden(evaluation, is_truth=side == SIDES[0])):
            message = MESSAGES[OLDER_ONES].format(tasks=n, called=CALLED[side])
            yield {"reason": OLDER_ONES, "side": side, "tasks": n, "message": message}


def _above(name: str) -> set[str]:
    """The names above a node, where its name is read as a path."""
    steps = name.split(PATH_SEPARATOR)
    return {PATH_SEPARATOR.join(steps[:end]) for end in range(1, len(steps))}


def spelled_out(names: Sequence[str]) -> str:
    """Names for a message: the first ten, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _warning(reason: str, regions: int, **facts: Any) -> dict[str, Any]:
    called = CALLED.get(facts.get("side", ""))
    message = MESSAGES[reason].format(regions=regions, called=called, **facts)
    return {"reason": reason, "regions": regions, **facts, "message": message}


def _reasons(ignored: Iterable[dict[str, Any]]) -> str:
    return "; ".join(
        f"{one['reason']}: {one['regions']}, such as task {one['example']['task']}, "
        f"region {one['example']['region']}"
        for one in ignored
    )


def _unusable(ignored: Sequence[dict[str, Any]], side: str) -> str:
    """Why no region of a side could be read, with an example of each reason."""
    reasons = _reasons([one for one in ignored if one["side"] == side])
    is_hint_due = any(
        one["reason"] in {Reason.NO_KEYPOINTS, Reason.NO_RECTANGLE} for one in ignored
    )
    hint = NO_KEYPOINTS if is_hint_due else ""
    return f"No region of {CALLED[side]} can be evaluated ({reasons}).{hint}"
