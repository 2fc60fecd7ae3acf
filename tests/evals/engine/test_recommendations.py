import numpy as np
import pytest

from evals.engine.recommendations import (
    Kind,
    Recommendation,
    Severity,
    Words,
    class_imbalance,
    dataset_health,
    missed_detection,
    overconfident_fp,
    recommendations,
    wrong_class,
)
from tests.evals.engine.matrices import sparse

CLASSES = ["cat", "dog", "bird"]
HEALTHY = {"train": 700, "valid": 200, "test": 100}

# Rows actual, columns predicted, background last.
MATRIX = np.array(
    [
        [80, 7, 0, 13],
        [9, 40, 1, 2],
        [0, 0, 30, 20],
        [10, 31, 5, 0],
    ]
)


def test_missed_detection_names_the_class_with_the_most_false_negatives():
    assert missed_detection(sparse(MATRIX), CLASSES) == [
        Recommendation(
            kind=Kind.MISSED_DETECTION,
            severity=Severity.MEDIUM,
            message='20 of 100 "cat" objects are missed. '
            "Add training images like those behind them, and check their labels.",
            metrics={"falseNegatives": 20, "objects": 100, "recall": 0.8},
            class_name="cat",
            cells=((0, 1), (0, 3)),
        )
    ]


def test_missed_detection_takes_the_first_of_equals_and_none_when_all_are_found():
    (advice,) = missed_detection(sparse(np.array([[5, 0, 3], [0, 0, 3], [0, 0, 0]])), ["a", "b"])
    assert (advice.class_name, advice.severity) == ("a", Severity.MEDIUM)
    assert missed_detection(sparse(np.diag([5, 5, 0])), ["a", "b"]) == []


def test_wrong_class_names_the_most_frequent_pair():
    assert wrong_class(sparse(MATRIX), CLASSES) == [
        Recommendation(
            kind=Kind.WRONG_CLASS,
            severity=Severity.LOW,
            message='9 of 52 "dog" objects are called "cat". '
            "Check that both are labelled apart, and add examples of each.",
            metrics={"count": 9, "objects": 52, "share": 9 / 52},
            class_name="dog",
            other_class_name="cat",
            cells=((1, 0),),
        )
    ]
    only_background = np.array([[5, 0, 9], [0, 5, 0], [9, 9, 0]])
    assert wrong_class(sparse(only_background), ["a", "b"]) == []


@pytest.mark.parametrize(
    ("instances", "named"),
    [
        ([100, 100, 30], []),
        ([100, 100, 29], ["bird"]),
        # A quarter of the median of 400 is 100.
        ([400, 400, 100], []),
        ([400, 400, 99], ["bird"]),
        # 0.05 x sqrt(1,000,000 + 49) is 50.001.
        ([1_000_000, 49, 49], ["dog", "bird"]),
        ([0, 0, 0], CLASSES),
    ],
)
def test_class_imbalance_names_every_small_class(instances, named):
    assert [advice.class_name for advice in class_imbalance(instances, CLASSES)] == named


def test_class_imbalance_says_how_many_are_wanted():
    (advice,) = class_imbalance([1000, 1000, 200], CLASSES)
    assert advice.metrics == {"instances": 200, "wanted": 250.0, "medianInstances": 1000.0}
    assert advice.severity is Severity.MEDIUM
    assert advice.message == '"bird" has 200 objects, at least 250 are wanted. Add images of it.'
    assert class_imbalance([], []) == []


@pytest.mark.parametrize(
    ("hits", "wrong", "is_named"),
    [
        (40, 31, True),
        (0, 30, True),
        (0, 29, False),
        (20, 29, False),
        # 65 of 100 is not below 65 %, 64 of 99 is.
        (65, 35, False),
        (64, 35, True),
        (200, 40, False),
    ],
)
def test_overconfident_fp_needs_many_and_low_precision(hits, wrong, is_named):
    matrix = np.array([[hits, 0], [wrong, 0]])
    assert bool(overconfident_fp(sparse(matrix), ["cat"])) is is_named


def test_overconfident_fp_names_the_cells_of_its_column():
    assert overconfident_fp(sparse(MATRIX), CLASSES) == [
        Recommendation(
            kind=Kind.OVERCONFIDENT_FP,
            severity=Severity.MEDIUM,
            message='38 of 78 objects predicted as "dog" are wrong. Raise its confidence '
            "threshold, or add images without it that look alike.",
            metrics={"falsePositives": 38, "predictions": 78, "precision": 40 / 78},
            class_name="dog",
            cells=((0, 1), (3, 1)),
        )
    ]


@pytest.mark.parametrize(
    ("images", "is_augmented", "metrics"),
    [
        (HEALTHY, False, []),
        ({"train": 100, "valid": 40, "test": 49}, False, ["testImages"]),
        ({"train": 100, "valid": 40, "test": 50}, False, []),
        ({"train": 2000, "valid": 300, "test": 60}, False, ["testShare"]),
        ({"train": 2000, "valid": 300, "test": 60}, True, []),
        ({"train": 910, "valid": 90, "test": 60}, False, ["validShare"]),
        ({"train": 500}, False, ["testImages", "testShare", "validShare"]),
        ({"train": 500}, True, ["testImages"]),
        ({}, False, ["testImages"]),
    ],
)
def test_dataset_health_of_splits(images, is_augmented, metrics):
    found = dataset_health(images, is_augmented=is_augmented)
    assert [next(iter(advice.metrics)) for advice in found] == metrics
    assert all(advice.class_name is None and advice.cells == () for advice in found)


def test_dataset_health_of_next_to_nothing_is_not_nothing():
    messages = [
        found.message
        for n in (0, 4)
        for found in dataset_health({"train": 9996, "valid": 9999, "test": n}, is_augmented=False)
        if "testShare" in found.metrics
    ]
    assert [message.partition(",")[0] for message in messages] == [
        "The test split has 0.0% of the dataset",
        "The test split has 0.02% of the dataset",
    ]


def test_dataset_health_says_how_small():
    count, share, _ = dataset_health({"train": 970, "test": 30}, is_augmented=False)
    assert count.message.startswith("The test split has 30 images, at least 50 are wanted")
    assert (count.severity, count.metrics) == (Severity.MEDIUM, {"testImages": 30, "wanted": 50})
    assert share.message.startswith("The test split has 3.0% of the dataset, at least 5% are")


def test_all_advice_comes_most_severe_first():
    found = recommendations(
        sparse(MATRIX),
        CLASSES,
        instances=[100, 52, 3],
        images={"train": 700, "valid": 90, "test": 100},
    )
    assert [(advice.kind, advice.severity) for advice in found] == [
        (Kind.CLASS_IMBALANCE, Severity.HIGH),
        (Kind.MISSED_DETECTION, Severity.MEDIUM),
        (Kind.OVERCONFIDENT_FP, Severity.MEDIUM),
        (Kind.WRONG_CLASS, Severity.LOW),
    ]


def test_a_good_evaluation_needs_no_advice():
    matrix = np.diag([50, 50, 50, 0])
    assert recommendations(sparse(matrix), CLASSES, instances=[200] * 3, images=HEALTHY) == []


def test_tasks_without_images_are_called_tasks() -> None:
    matrix = np.diag([40, 0, 3, 0])
    matrix[0, 1], matrix[3, 2], matrix[1, 3] = 9, 60, 9
    found = recommendations(
        sparse(matrix),
        CLASSES,
        instances=[200, 2, 3],
        images={"test": 1, "train": 900},
        words=Words("task", "label", "labels"),
    )
    said = " ".join(advice.message for advice in found)
    assert {advice.kind for advice in found} == set(Kind)
    assert "image" not in said
    assert "object" not in said
    assert '"dog" has 2 labels' in said
    assert "Add training tasks like those" in said


def test_what_is_too_little_never_reads_as_enough() -> None:
    one, _, share = dataset_health({"test": 1, "valid": 499, "train": 4500}, is_augmented=False)
    assert one.message.startswith("The test split has 1 image, at least 50 are")
    assert share.message.startswith("The valid split has 9.9% of the dataset, at least 10% are")
    (few, *_) = class_imbalance([1, 50], ["a", "b"], words=Words(item="pixel", items="pixels"))
    assert few.message.startswith('"a" has 1 pixel, at least 30 are wanted.')
