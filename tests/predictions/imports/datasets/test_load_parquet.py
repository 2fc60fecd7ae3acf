"""`manage.py load parquet`: columns as Hugging Face's data sets have them."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.conftest import Caller
from tests.predictions.imports.datasets.scenes import both, refused, said, tasks, truths, values


def write(path: Path, columns: dict[str, Any], features: Any = None) -> Path:
    table = pa.table(columns)
    if features is not None:
        told = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": told})
    parquet.write_table(table, path)
    return path


CLASSES = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
TAGS = {"ner_tags": {"feature": {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"},
                     "_type": "Sequence"}}  # fmt: skip


def test_classes_of_texts(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "t.parquet", {"text": ["a", "b", "c"], "label": [1, 0, -1]}, CLASSES)
    found = {"text": ["a", "b", "c"], "prediction": [1, 1, 0],
             "scores": [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]}  # fmt: skip
    both("parquet", truth, write(tmp_path / "s.parquet", found, CLASSES))
    assert [data for data, _ in tasks()] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert values(truths()) == [[{"choices": ["pos"]}], [{"choices": ["neg"]}], []]
    assert values(said()) == [
        [{"choices": ["pos"], "score": 0.75}], [{"choices": ["pos"], "score": 0.5}],
        [{"choices": ["neg"], "score": 1.0}],
    ]  # fmt: skip


def test_classes_of_images_without_their_bytes(ada: Caller, tmp_path: Path) -> None:
    images = [{"bytes": b"\xff\xd8" * 100, "path": "x/a.jpg"}]
    path = write(tmp_path / "t.parquet", {"image": images, "label": ["cat"]})
    both("parquet", path, path)
    assert tasks() == [({"image": "x/a.jpg"}, {"image_name": "x/a.jpg", "split": "test"})]
    assert values(truths()) == [[{"choices": ["cat"]}]]


def test_tags_of_tokens(ada: Caller, tmp_path: Path) -> None:
    columns = {"tokens": [["Ada", "Lovelace", "wrote"]], "ner_tags": [[1, 2, 0]]}
    path = write(tmp_path / "t.parquet", columns, TAGS)
    both("parquet", path, path)
    ada_ = {"start": 0, "end": 12, "text": "Ada Lovelace", "labels": ["PER"]}
    assert values(truths()) == values(said()) == [[ada_]]


@pytest.mark.parametrize(
    ("told", "features"),
    [
        ({"prediction": ["pos"], "scores": [[0.25, 0.75]]}, None),
        ({"prediction": ["pos"], "scores": [{"neg": 0.25, "pos": 0.75}]}, CLASSES),
        ({"prediction": [1], "scores": [[0.25]]}, CLASSES),
        ({"prediction": [0], "scores": pa.array([[]], pa.list_(pa.float64()))}, CLASSES),
        ({"prediction": [[0, 1]], "scores": [[0.25, 0.75]]}, CLASSES),
    ],
)
def test_scores_of_unknown_classes_are_refused(
    ada: Caller, tmp_path: Path, told: dict[str, Any], features: Any
) -> None:
    """They were stored as sure predictions."""
    truth = write(tmp_path / "t.parquet", {"text": ["a"], "label": [1]}, CLASSES)
    path = write(tmp_path / "s.parquet", {"text": ["a"], **told}, features)
    arguments = ("--ground-truth", str(truth), "--predictions", str(path), "-P", "Files")
    assert refused("parquet", *arguments, "--model-version", "v1") == [
        f"{path}, row 1, scores: must be a list, of the one label of the row, with a number for "
        "each class that the schema's metadata names. Else give a column `score`."
    ]


@pytest.mark.parametrize(
    ("label", "score", "is_refused"),
    [("pos", 0.25, True), ("pos", 0.754, False), ("neg", 0.75, True), ("neg", 0.25, False)],
)
def test_a_score_beside_scores_says_the_same(
    ada: Caller, tmp_path: Path, label: str, score: float, is_refused: bool
) -> None:
    truth = write(tmp_path / "t.parquet", {"text": ["a"], "label": [1]}, CLASSES)
    found = {"text": ["a"], "prediction": [label], "score": [score], "scores": [[0.25, 0.75]]}
    path = write(tmp_path / "s.parquet", found, CLASSES)
    if is_refused:
        arguments = ("--ground-truth", str(truth), "--predictions", str(path), "-P", "Files")
        assert refused("parquet", *arguments, "--model-version", "v1") == [
            f"{path}, row 1, score: is {score}, and `scores` of the row's label {1 - score}: leave "
            "one out."
        ]
        return
    both("parquet", truth, path)
    assert values(said()) == [[{"choices": [label], "score": score}]]


def test_labels_with_a_separator_of_other_tables_are_warned_of(ada: Caller, tmp_path: Path) -> None:
    """`csv` reads two classes there."""
    truth = write(tmp_path / "t.parquet", {"text": ["a", "b"], "label": ["x;y", "x"]})
    listed = write(tmp_path / "s.parquet", {"text": ["a"], "label": [["x", "y;"]], "score": [1.0]})
    _, warnings = both("parquet", truth, listed)
    assert values(truths()) == [[{"choices": ["x;y"]}], [{"choices": ["x"]}]]
    assert [one for one in warnings if ";" in one] == [
        "Warning: A ';' stands in 1 labels, such as 'x;y': each is read as the name of one class. "
        "Write several classes of a row as a list."
    ]


def test_scores_of_rows_without_a_class_are_not_needed(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "t.parquet", {"text": ["a"], "label": [1]}, CLASSES)
    found = {"text": ["a"], "prediction": [-1], "scores": [[0.5, 0.5]]}
    both("parquet", truth, write(tmp_path / "s.parquet", found, CLASSES))
    assert values(said()) == [[]]


def test_scores_of_tokens_are_refused(ada: Caller, tmp_path: Path) -> None:
    columns = {"tokens": [["Ada"]], "ner_tags": [[1]]}
    truth = write(tmp_path / "t.parquet", columns, TAGS)
    path = write(tmp_path / "s.parquet", {**columns, "scores": [[0.5]]}, TAGS)
    arguments = ("--ground-truth", str(truth), "--predictions", str(path), "-P", "Files")
    (error,) = refused("parquet", *arguments, "--model-version", "v1")
    assert error.startswith(f"{path}, row 1, scores: must be a list")


@pytest.mark.parametrize(
    ("columns", "features", "error"),
    [
        ({"a": [1]}, None, "{}: has no column text, image or tokens: a."),
        ({"text": ["a"]}, None, "{}: has no column 'label' or 'labels', only text."),
        ({"text": ["a"], "label": [1]}, None,
         "{}, row 1, label: 1 is a number, and the schema's metadata names no classes."),
        ({"text": ["a", "b"], "label": [1, 2]}, CLASSES,
         "{}, row 2, label: 2 is not among the 2 names of the schema's metadata."),
        ({"text": ["a", None], "label": [1, 1]}, CLASSES, "{}, row 2: has no text."),
        ({"text": ["a"], "label": [1.5]}, CLASSES, "{}, row 1, label: 1.5 is no class."),
        ({"text": ["a"], "label": ["['pos']"]}, CLASSES,
         '{}, row 1, label: "[\'pos\']" is the text of a list or an object, and no class: give a '
         "list of names."),
        ({"text": ["a", "b"], "label": [[0, 1], [1, 0]]}, CLASSES,
         "{}, row 2, label: [1, 0] may be a number for each class: write the numbers of the row's "
         "classes, each once and rising, or their names."),
        ({"text": ["a"], "label": [[0, 0]]}, CLASSES,
         "{}, row 1, label: [0, 0] may be a number for each class: write the numbers of the row's "
         "classes, each once and rising, or their names."),
        ({"tokens": [["a", "b"]], "ner_tags": [[0]]}, TAGS,
         "{}, row 1: must have as many tokens as tags."),
        ({"tokens": [["a"]], "ner_tags": [[3]]}, TAGS,
         "{}, row 1, ner_tags[0]: 3 is not among the 3 names of the schema's metadata."),
    ],
)  # fmt: skip
def test_bad_files(
    ada: Caller, tmp_path: Path, columns: dict[str, Any], features: Any, error: str
) -> None:
    path = write(tmp_path / "t.parquet", columns, features)
    assert refused("parquet", "--ground-truth", path, "-P", "Files") == [error.format(path)]


def test_truncated(ada: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", {"text": ["a"], "label": ["b"]})
    path.write_bytes(path.read_bytes()[:-20])
    (error,) = refused("parquet", "--ground-truth", path, "-P", "Files")
    assert error.startswith(f"{path}: cannot be read as Parquet: ")


def test_predictions_of_several_versions_are_refused(ada: Caller, tmp_path: Path) -> None:
    columns = {"text": ["a", "b"], "label": ["x", "y"], "model_version": ["m1", "m2"]}
    path = write(tmp_path / "a.parquet", columns)
    asked = ("parquet", "--ground-truth", path, "-P", "Files", "--model-version", "v1")
    assert refused(*asked, "--predictions", path) == [
        f"{path}: has predictions of several versions, 'm1', 'm2': load one of them at a time."
    ]


def test_equal_texts_are_told_apart_by_their_other_columns(ada: Caller, tmp_path: Path) -> None:
    """In whatever order. Lists and times are no data, and no more is pandas' own column."""
    columns: dict[str, Any] = {
        "text": ["ok", "ok"],
        "label": ["cat", "dog"],
        "id": [1.0, float("nan")],
        "day": [datetime(2026, 11, 30, 6, 30), None],
        "sort": pa.array(["x", "x"]).dictionary_encode(),
        "price": [Decimal("1.50"), None],
        "is_new": [True, False],
        "vector": [[0.5], [0.25]],
        "score": [0.5, 0.75],
        "__index_level_0__": [5, 6],
    }
    truth = write(tmp_path / "t.parquet", columns)
    turned = {name: column[::-1] for name, column in columns.items()}
    _, warned = both("parquet", truth, write(tmp_path / "s.parquet", turned))
    assert warned == []
    assert [data for data, _ in tasks()] == [
        {"text": "ok", "id": 1.0, "sort": "x", "price": "1.50", "is_new": True},
        {"text": "ok", "id": None, "sort": "x", "price": None, "is_new": False},
    ]
    assert values(truths()) == [[{"choices": ["cat"]}], [{"choices": ["dog"]}]]
    assert values(said()) == [
        [{"choices": ["cat"], "score": 0.5}], [{"choices": ["dog"], "score": 0.75}]
    ]  # fmt: skip
