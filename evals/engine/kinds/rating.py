"""Stars: one rating of a task against another, as classes that are in an order."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from evals.engine.answers import Answer, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.kinds.classification import label_verdicts, single_label_events, surest
from evals.engine.kinds.kind import Chunk, Gathered, ImageVerdicts, Job, Kind, Primary, Tally, Total
from evals.engine.measures.stars import Ratings, rating_metrics, read_table, table_of
from evals.engine.metrics import matrix_of
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import Config, Control
from predictions.regions.labels import PassedOver, Reason, read_number

#: The most that can be evaluated.
MOST_STARS = 100


def star_names(config: Config, controls: Sequence[Control]) -> list[str]:
    """The classes of a rating: "1", "2" and so on."""
    most = max((one.most_stars for one in controls), default=0)
    return [str(one) for one in range(1, most + 1)]


def read_ratings(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> Ratings:
    """The rating of each task and side: the first true one, the surest predicted one.

    What is no whole number from 1 to the highest class is passed over.
    """
    answers = _answers(images, classes, reading or Reading(), notes or Notes())
    none = Answer(-1, 1.0, None, 0)
    pairs = [(truth or none, predicted or none) for truth, predicted in answers]
    return Ratings(
        np.array([truth.label for truth, _ in pairs], dtype=np.int64),
        np.array([predicted.label for _, predicted in pairs], dtype=np.int64),
        np.array([predicted.score for _, predicted in pairs], dtype=np.float64),
    )


def _answers(
    images: Sequence[StoredImage], classes: Sequence[str], reading: Reading, notes: Notes
) -> list[tuple[Answer[None] | None, Answer[None] | None]]:
    def read(region: Region, image: StoredImage) -> list[tuple[str, None]]:
        if region.get("type") != "rating":
            raise PassedOver(Reason.OTHER_CONTROL)
        stars = read_number(value_of(region).get("rating"))
        if stars is None or not 1 <= stars <= len(classes) or stars != int(stars):
            raise PassedOver(Reason.INVALID_VALUE)
        return [(classes[int(stars) - 1], None)]

    sides = read_answers(images, classes, read, reading=reading, notes=notes)
    pairs = zip(*sides, strict=True)
    return [(truth[0] if truth else None, surest(predicted)) for truth, predicted in pairs]


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    ratings = read_ratings(chunk.images, job.classes, reading=job.reading, notes=notes)
    stars = len(job.classes)
    return Tally(
        single_label_events(ratings.truth, ratings.predicted, ratings.score, n_classes=stars),
        state=lambda is_mine: table_of(ratings, stars=stars, chosen=is_mine).to_bytes(),
    )


def _total(gathered: Gathered, job: Job) -> Total:
    none = table_of(Ratings(*np.zeros((3, 0), dtype=np.int64)), stars=len(job.classes))
    table = reduce(add, (read_table(state) for state in gathered.states), none)
    matrix = matrix_of(gathered.events, 0, n_classes=len(job.classes))
    pairs, rated = int(table.counts.sum()), int(matrix.counts().objects.sum())
    metrics = rating_metrics(table)
    told = {**metrics, "pairs": pairs, "missing": rated - pairs}
    return Total(metrics=told, primary=metrics[RATING.primary.name])


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    by_image = []
    for truth, predicted in _answers(images, job.classes, job.reading, Notes()):
        labels = [] if truth is None else [truth.label]
        scored = [] if predicted is None else [(predicted.label, predicted.score)]
        overlap = np.ones((len(scored), len(labels)))
        by_image.append(label_verdicts(labels, scored, overlap, confidence))
    return by_image


def reads_stars(control: Control, objects: frozenset[str]) -> bool:
    """Ratings of the whole object."""
    is_rating = control.tag.tag == "Rating" and not control.is_per_region
    return is_rating and control.most_stars <= MOST_STARS


RATING = Kind(
    task_type="rating",
    reads=reads_stars,
    asks_for="Rating",
    is_of_one_control=True,
    has_labels=False,
    classes=star_names,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("rating", "ratings"),
    primary=Primary("quadraticKappa"),
    drawing="classes",
)
