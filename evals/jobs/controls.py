"""Projects whose controls hold the same objects, each as an outline and as a box.

`label-studio-converter import coco` makes such projects. Counted together every object would stand
there twice and be found once, so one control of a side is read: the one that the task type asked
for prefers, or nothing is evaluated until somebody chooses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evals.db.definition import job_of, kind_of
from evals.db.snapshot.plan import CannotEvaluate
from evals.db.snapshot.stored import ReadImage
from evals.engine.errors import UnknownLabels
from evals.engine.kinds.kind import Job
from evals.engine.matched.shapes import same_objects
from evals.engine.reading import Reading, reading_of
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from evals.models import ModelEval


@dataclass(slots=True)
class Tally:
    """Of two controls on one side: their regions, and those that the other has, too."""

    regions: tuple[int, int] = (0, 0)
    twins: tuple[int, int] = (0, 0)

    def add(self, regions: tuple[int, int], twins: tuple[int, int]) -> None:
        self.regions = self.regions[0] + regions[0], self.regions[1] + regions[1]
        self.twins = self.twins[0] + twins[0], self.twins[1] + twins[1]

    @property
    def are_the_same(self) -> bool:
        """Whether at least half of the regions of one are there as the other's."""
        columns = zip(self.regions, self.twins, strict=True)
        return any(n and 2 * twins >= n for n, twins in columns)


def have_to_be_chosen(evaluation: ModelEval) -> bool:
    """Whether `settle` has something to find out."""
    is_one = len(reading_of(evaluation.reading).controls) < 2
    return not is_one and kind_of(evaluation).prefers_boxes is not None


def settle(evaluation: ModelEval, chunks: Iterable[Sequence[ReadImage]]) -> None:
    """Stores which controls of each side are read; all where no image is given.

    `CannotEvaluate` where one must be chosen.
    """
    reading = replace(
        reading_of(evaluation.reading), not_in_truth=frozenset(), not_in_said=frozenset()
    )
    job = job_of(evaluation)
    tallies = {
        (side, pair): Tally() for side in (0, 1) for pair in combinations(reading.controls, 2)
    }
    for images in chunks:
        sides = _read_alone(images, job, reading)
        for (side, pair), tally in tallies.items():
            one, other = (sides[name][side] for name in pair)
            regions = len(one.image), len(other.image)
            tally.add(regions, same_objects(one, other) if all(regions) else (0, 0))
    left_out: tuple[set[str], set[str]] = (set(), set())
    for (side, pair), tally in tallies.items():
        if tally.are_the_same:
            left_out[side].add(_other_than_preferred(reading, pair))
    settled = replace(
        reading, not_in_truth=frozenset(left_out[0]), not_in_said=frozenset(left_out[1])
    )
    evaluation.reading = settled.document()
    evaluation.save(update_fields=["reading"])


def _read_alone(
    images: Sequence[ReadImage], job: Job, reading: Reading
) -> dict[str, tuple[Side, Side]]:
    """Both sides of some images as each of the controls has them."""
    stored = [image.stored for image in images]
    # Those that are met come last, so what was read before stays as it is.
    classes, sides = list(job.classes), {}
    for name in reading.controls:
        alone = replace(reading, controls=(name,), is_strict=True)
        try:
            sides[name] = read_shapes(stored, classes, reading=alone, with_masks=True)
        except UnknownLabels as error:
            classes += sorted(error.labels)
            sides[name] = read_shapes(stored, classes, reading=alone, with_masks=True)
    return sides


def _other_than_preferred(reading: Reading, pair: tuple[str, str]) -> str:
    """Of two controls the one that is not read."""
    rest = [name for name in pair if name not in reading.preferred]
    if len(rest) != 1:
        names = ", ".join(reading.controls)
        raise CannotEvaluate(
            f"ambiguous_control: choose one of {names} as control. {pair[0]} and {pair[1]} hold "
            "the same objects, which would be counted twice."
        )
    return rest[0]
