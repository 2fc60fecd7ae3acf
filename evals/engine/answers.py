"""Stored results as answers that are no shapes: classes, texts, numbers, spans.

A kind says what it reads of one region; this says which regions are asked, what each answer's class
and score are, and what is noted of those that are passed over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from evals.engine.boxes import Region, StoredImage
from evals.engine.errors import UnknownLabels
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.region_rows import identity_of
from predictions.regions.labels import PassedOver, Reason, region_score

#: Reasons of regions that nobody asked for.
OF_OTHERS = frozenset({Reason.OTHER_CONTROL, Reason.OTHER_CLASS})

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """One item of a side."""

    label: int
    #: 1 of ground truth.
    score: float
    value: Value
    #: Where its region stands in the stored result.
    region: int


#: Names of the classes that a region has, each with its value. `PassedOver` for none.
ReadRegion = Callable[[Region, StoredImage], Sequence[tuple[str, Value]]]


def read_answers(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    read_region: ReadRegion[Value],
    *,
    reading: Reading,
    notes: Notes,
) -> tuple[list[list[Answer[Value]]], list[list[Answer[Value]]]]:
    """Answers of ground truth and of predictions, for each image, in stored order.

    What is not read goes to `notes`. `UnknownLabels` names all labels that are not in `classes`.
    """
    unknown: set[str] = set()
    index = reading.index(classes, notes.mapped)
    sides: tuple[list[list[Answer[Value]]], list[list[Answer[Value]]]] = ([], [])
    for number, image in enumerate(images):
        default = 1.0 if image.score is None else image.score
        for is_truth, regions in ((True, image.truth), (False, image.predicted)):
            answers: list[Answer[Value]] = []
            for at, region in enumerate(regions):
                if image.place is not None and not image.place.holds(region):
                    if reading.is_nowhere(region, image.n_of_task):
                        notes.ignore(
                            Reason.OTHER_CONTROL,
                            is_truth=is_truth,
                            image=number,
                            region=identity_of(region, at),
                            was_meant=reading.means(region, is_truth=is_truth),
                        )
                    continue
                try:
                    named = _named(region, image, read_region, reading, is_truth=is_truth)
                    # The score of a truth does not matter.
                    score = default if is_truth or not named else region_score(region, (), default)
                    found = [
                        Answer(label, 1.0 if is_truth else score, value, at)
                        for label, value in _classed(named, reading, index, unknown)
                    ]
                except PassedOver as passed:
                    notes.ignore(
                        passed.reason,
                        is_truth=is_truth,
                        image=number,
                        region=identity_of(region, at),
                        was_meant=passed.reason not in OF_OTHERS,
                    )
                    continue
                answers += found
                if not is_truth and not 0 <= score <= 1:
                    notes.odd_scores += len(found)
            notes.read[not is_truth] += len(answers)
            sides[not is_truth].append(answers)
    if unknown:
        raise UnknownLabels(unknown)
    return sides


def _named(
    region: Region,
    image: StoredImage,
    read_region: ReadRegion[Value],
    reading: Reading,
    *,
    is_truth: bool,
) -> Sequence[tuple[str, Value]]:
    if region.get("type") == "relation":
        return ()
    if reading.skips(region.get("from_name"), is_truth=is_truth):
        raise PassedOver(Reason.OTHER_CONTROL)
    return read_region(region, image)


def _classed(
    named: Sequence[tuple[str, Value]],
    reading: Reading,
    index: Mapping[str, int],
    unknown: set[str],
) -> list[tuple[int, Value]]:
    """The classes of those names that are read, of two names for one class at one place one.
    `PassedOver` where none of a region's is.
    """
    found: list[tuple[int, Value]] = []
    first: dict[int, str] = {}
    refused = None
    for name, value in named:
        try:
            label = reading.class_of(name, index, unknown)
        except PassedOver as passed:
            refused = passed
            continue
        if label is None:
            continue
        is_another_name = first.setdefault(label, name) != name
        if not (is_another_name and (label, value) in found):
            found.append((label, value))
    if refused is not None and not found:
        raise refused
    return found


def value_of(region: Region) -> Mapping[str, object]:
    """The region's value; empty for what is none."""
    value = region.get("value")
    return value if isinstance(value, Mapping) else {}
