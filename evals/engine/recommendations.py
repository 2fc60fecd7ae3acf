"""The five published rules that turn an evaluation into advice.

Rules and limits are those of Roboflow's model-improvement recommendations. Severities and wording
are ours. No images are read here: every recommendation names the confusion cells its images have,
and the caller fetches those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from evals.engine.metrics import Matrix
from predictions.regions.geometry import Bools
from predictions_api.wording import percent, plural

#: class_imbalance: fewer instances than this, or than 0.05 x sqrt(all instances), or
FEWEST_INSTANCES = 30
INSTANCES_PER_ROOT = 0.05
#: than this share of the median class.
MEDIAN_SHARE = 0.25

#: overconfident_fp: at least so many predictions and false positives, and a lower precision.
FEWEST_PREDICTIONS = 30
FEWEST_FALSE_POSITIVES = 30
LOW_PRECISION = 0.65

#: dataset_health: fewer test images, or smaller shares of a dataset without augmentation.
FEWEST_TEST_IMAGES = 50
TEST_SHARE = 0.05
VALID_SHARE = 0.10


class Words(NamedTuple):
    """What is counted, in words."""

    #: `task` where there are no images.
    image: str = "image"
    #: One and several of what a matrix counts: objects, pixels, labels.
    item: str = "object"
    items: str = "objects"


WORDS = Words()


class Kind(StrEnum):
    """What a recommendation is about."""

    MISSED_DETECTION = "missed_detection"
    WRONG_CLASS = "wrong_class"
    CLASS_IMBALANCE = "class_imbalance"
    OVERCONFIDENT_FP = "overconfident_fp"
    DATASET_HEALTH = "dataset_health"


class Severity(StrEnum):
    """How much it costs: half or more of what could be right, a fifth or more, or less."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One piece of advice."""

    kind: Kind
    severity: Severity
    message: str
    metrics: dict[str, float]
    class_name: str | None = None
    other_class_name: str | None = None
    #: [actual, predicted] of the confusion cells whose images show it; background is n_classes.
    cells: tuple[tuple[int, int], ...] = ()


def recommendations(
    matrix: Matrix,
    classes: Sequence[str],
    *,
    instances: Sequence[int],
    images: Mapping[str, int],
    is_augmented: bool = False,
    words: Words = WORDS,
) -> list[Recommendation]:
    """All advice of the five rules, most severe first, in the rules' order among equals.

    `matrix` is that of the test split at the confidence in question; `instances` counts each
    class's objects over all splits, `images` the images of each split. `is_augmented` says that
    training images were multiplied, which makes the other splits' shares meaningless. `words` say
    what images and objects are called.
    """
    found = [
        *missed_detection(matrix, classes, words=words),
        *wrong_class(matrix, classes, words=words),
        *class_imbalance(instances, classes, words=words),
        *overconfident_fp(matrix, classes, words=words),
        *dataset_health(images, is_augmented=is_augmented, words=words),
    ]
    return sorted(found, key=lambda advice: list(Severity).index(advice.severity))


def missed_detection(
    matrix: Matrix, classes: Sequence[str], *, words: Words = WORDS
) -> list[Recommendation]:
    """The class with the most false negatives, the first of equals; nothing when none is missed."""
    counts = matrix.counts()
    objects, missed = counts.objects, counts.fn
    if not missed.any():
        return []
    worst = int(np.argmax(missed))
    n_missed, n_objects = int(missed[worst]), int(objects[worst])
    return [
        Recommendation(
            kind=Kind.MISSED_DETECTION,
            severity=_severity(n_missed / n_objects),
            message=f'{n_missed} of {n_objects} "{classes[worst]}" {words.items} are missed. '
            f"Add training {words.image}s like those behind them, and check their labels.",
            metrics={
                "falseNegatives": n_missed,
                "objects": n_objects,
                "recall": (n_objects - n_missed) / n_objects,
            },
            class_name=classes[worst],
            cells=_cells(matrix, (matrix.actual == worst) & (matrix.predicted != worst)),
        )
    ]


def wrong_class(
    matrix: Matrix, classes: Sequence[str], *, words: Words = WORDS
) -> list[Recommendation]:
    """The most frequent pair of two real classes, the first of equals; nothing without one."""
    is_real = (matrix.actual < matrix.n_classes) & (matrix.predicted < matrix.n_classes)
    crossed = np.where(is_real & (matrix.actual != matrix.predicted), matrix.count, 0)
    if not crossed.any():
        return []
    # Cells stand in the matrix's order.
    at = int(np.argmax(crossed))
    actual, predicted = int(matrix.actual[at]), int(matrix.predicted[at])
    n_crossed, n_objects = int(crossed[at]), int(matrix.objects[actual])
    return [
        Recommendation(
            kind=Kind.WRONG_CLASS,
            severity=_severity(n_crossed / n_objects),
            message=f'{n_crossed} of {n_objects} "{classes[actual]}" {words.items} are called '
            f'"{classes[predicted]}". Check that both are labelled apart, '
            "and add examples of each.",
            metrics={"count": n_crossed, "objects": n_objects, "share": n_crossed / n_objects},
            class_name=classes[actual],
            other_class_name=classes[predicted],
            cells=((actual, predicted),),
        )
    ]


def class_imbalance(
    instances: Sequence[int], classes: Sequence[str], *, words: Words = WORDS
) -> list[Recommendation]:
    """Every class with too few instances, in class order."""
    counts = np.asarray(instances, dtype=np.int64)
    if not len(counts):
        return []
    median = float(np.median(counts))
    fewest = max(
        FEWEST_INSTANCES,
        INSTANCES_PER_ROOT * float(np.sqrt(counts.sum())),
        MEDIAN_SHARE * median,
    )
    return [
        Recommendation(
            kind=Kind.CLASS_IMBALANCE,
            severity=_severity((fewest - count) / fewest),
            message=f'"{classes[label]}" has {_counted(count, words)}, '
            f"at least {int(np.ceil(fewest))} are wanted. Add {words.image}s of it.",
            metrics={"instances": count, "wanted": fewest, "medianInstances": median},
            class_name=classes[label],
        )
        for label, count in enumerate(counts.tolist())
        if count < fewest
    ]


def overconfident_fp(
    matrix: Matrix, classes: Sequence[str], *, words: Words = WORDS
) -> list[Recommendation]:
    """Every class that is predicted often and too often wrongly, in class order."""
    counts = matrix.counts()
    columns = zip(classes, counts.kept.tolist(), counts.fp.tolist(), strict=True)
    return [
        _overconfident(matrix, label, name, n_kept, n_false, words)
        for label, (name, n_kept, n_false) in enumerate(columns)
        if _is_overconfident(n_kept, n_false)
    ]


def dataset_health(
    images: Mapping[str, int], *, is_augmented: bool, words: Words = WORDS
) -> list[Recommendation]:
    """What is too small to measure by: the test split, then the shares of test and valid."""
    n_test, n_all = images.get("test", 0), sum(images.values())
    found = []
    if n_test < FEWEST_TEST_IMAGES:
        phrase = f"{n_test} {plural(n_test, words.image)}"
        found.append(_too_small("test", n_test, FEWEST_TEST_IMAGES, phrase, words))
    if not is_augmented and n_all:
        for split, wanted in (("test", TEST_SHARE), ("valid", VALID_SHARE)):
            share = images.get(split, 0) / n_all
            if share < wanted:
                # Rounded down: what is too little never reads as enough.
                tenths = 1000 * images.get(split, 0) // n_all
                part = f"{tenths / 10:.1f}%" if tenths or not share else percent(share, 1)
                phrase = f"{part} of the dataset"
                found.append(_too_small(split, share, wanted, phrase, words))
    return found


def _is_overconfident(n_kept: int, n_false: int) -> bool:
    if n_kept < FEWEST_PREDICTIONS or n_false < FEWEST_FALSE_POSITIVES:
        return False
    # Compared in integers: 0.65 has no exact binary form.
    return 100 * (n_kept - n_false) < round(100 * LOW_PRECISION) * n_kept


def _overconfident(
    matrix: Matrix, label: int, name: str, n_kept: int, n_false: int, words: Words
) -> Recommendation:
    return Recommendation(
        kind=Kind.OVERCONFIDENT_FP,
        severity=_severity(n_false / n_kept),
        message=f'{n_false} of {n_kept} {words.items} predicted as "{name}" are wrong. '
        f"Raise its confidence threshold, or add {words.image}s without it that look alike.",
        metrics={
            "falsePositives": n_false,
            "predictions": n_kept,
            "precision": (n_kept - n_false) / n_kept,
        },
        class_name=name,
        cells=_cells(matrix, (matrix.predicted == label) & (matrix.actual != label)),
    )


def _counted(n: int, words: Words) -> str:
    return f"{n} {plural(n, words.item, words.items)}"


def _cells(matrix: Matrix, chosen: Bools) -> tuple[tuple[int, int], ...]:
    columns = matrix.actual[chosen].tolist(), matrix.predicted[chosen].tolist()
    return tuple(zip(*columns, strict=True))


def _too_small(
    split: str, found: float, wanted: float, phrase: str, words: Words
) -> Recommendation:
    limit = f"{wanted:.0%}" if wanted < 1 else f"{wanted:.0f}"
    return Recommendation(
        kind=Kind.DATASET_HEALTH,
        severity=_severity((wanted - found) / wanted),
        message=f"The {split} split has {phrase}, at least {limit} are wanted: "
        f"its numbers say little about {words.image}s to come.",
        metrics={f"{split}Images" if wanted >= 1 else f"{split}Share": found, "wanted": wanted},
    )


def _severity(loss: float) -> Severity:
    if loss >= 0.5:
        return Severity.HIGH
    return Severity.MEDIUM if loss >= 0.2 else Severity.LOW
