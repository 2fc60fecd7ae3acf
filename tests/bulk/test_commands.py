"""`manage.py import_predictions` and `export_predictions`: files in and out, and a second try."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from predictions.models import Prediction, Project
from tests.bulk.conftest import Seed


@pytest.fixture
def tasks(project: Project, seed_tasks: Seed) -> list[int]:
    return seed_tasks(project, 5)


def told(command: str, *arguments: object, **options: Any) -> str:
    written = io.StringIO()
    arguments = tuple(str(argument) for argument in arguments)
    call_command(command, *arguments, stdout=written, stderr=io.StringIO(), verbosity=0, **options)
    return written.getvalue()


def write(path: Path, items: list[Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def items_of(tasks: list[int], n: int = 10) -> list[Any]:
    return [
        {"task": tasks[i % 5], "result": [{"id": str(i)}], "score": i, "model_version": "v1"}
        for i in range(n)
    ]


@pytest.mark.parametrize("name", ["ndjson", "json", "parquet"])
def test_what_is_exported_can_be_imported(
    tmp_path: Path, project: Project, tasks: list[int], name: str
) -> None:
    told("import_predictions", write(tmp_path / "in.ndjson", items_of(tasks)), project=project.pk)
    before = list(Prediction.objects.order_by("id").values("task_id", "result", "score"))
    path = tmp_path / f"out.{name}"
    told("export_predictions", path, project=project.pk)
    Prediction.objects.all().delete()
    assert told("import_predictions", path, project=project.pk) == "10 predictions imported.\n"
    after = list(Prediction.objects.order_by("id").values("task_id", "result", "score"))
    assert after == before
    assert set(Prediction.objects.values_list("model_version", flat=True)) == {"v1"}


@pytest.mark.parametrize("name", ["ndjson", "json", "parquet"])
def test_what_an_evaluation_wrote_comes_in_again(
    tmp_path: Path, project: Project, tasks: list[int], name: str
) -> None:
    written = {"cluster": 4, "mislabeling": 0.7, "neighbors": tasks[1:3]}
    items = [{**items_of(tasks, 1)[0], **written}, *items_of(tasks, 2)[1:]]
    told("import_predictions", write(tmp_path / "in.ndjson", items), project=project.pk)
    path = tmp_path / f"out.{name}"
    told("export_predictions", path, project=project.pk)
    told("import_predictions", path, project=project.pk, upsert=True)
    rows = Prediction.objects.order_by("id").values("cluster", "mislabeling", "neighbors")
    assert list(rows) == [written, {"cluster": None, "mislabeling": 0.0, "neighbors": None}]


def test_parquet_with_a_confidence_in_the_place_of_a_score(
    tmp_path: Path, project: Project, tasks: list[int]
) -> None:
    path = tmp_path / "in.parquet"
    columns = {"task": tasks[:1], "result": ["[]"], "confidence": [0.2]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(CommandError, match=r"Prediction\[confidence\]: did you mean score\?"):
        told("import_predictions", path, project=project.pk)
    assert not Prediction.objects.exists()


def test_resumes_after_the_last_committed_batch(
    tmp_path: Path, project: Project, tasks: list[int]
) -> None:
    items = items_of(tasks)
    path = write(tmp_path / "in.ndjson", [*items[:7], {"task": "none"}, *items[8:]])
    with pytest.raises(CommandError) as refused:
        told("import_predictions", path, project=project.pk, batch=3)
    assert str(refused.value) == (
        "Prediction 7: Invalid task ID 'none' - task not found in project\n"
        "Nothing of this batch is stored; 6 items before it are."
    )
    assert Prediction.objects.count() == 6
    write(path, items)  # the line is put right, which makes the file another one
    said = told("import_predictions", path, project=project.pk, batch=3, resume=True)
    assert said == "6 skipped: they had been imported before.\n4 predictions imported.\n"
    scores = Prediction.objects.order_by("id").values_list("score", flat=True)
    assert list(scores) == list(range(10))


def test_resuming_a_finished_import_does_nothing(
    tmp_path: Path, project: Project, tasks: list[int]
) -> None:
    path = write(tmp_path / "in.ndjson", items_of(tasks))
    told("import_predictions", path, project=project.pk)
    said = told("import_predictions", path, project=project.pk, resume=True)
    assert said == "10 skipped: they had been imported before.\n0 predictions imported.\n"
    assert Prediction.objects.count() == 10


def test_resumes_a_file_that_has_grown(tmp_path: Path, project: Project, tasks: list[int]) -> None:
    items = items_of(tasks)
    for n_items, n_before, batch in [(4, 0, 3), (9, 4, 2), (4, 4, 3), (10, 9, 3)]:
        path = write(tmp_path / "in.ndjson", items[:n_items])
        said = told("import_predictions", path, project=project.pk, batch=batch, resume=True)
        assert said == (
            f"{n_before} skipped: they had been imported before.\n"
            f"{n_items - n_before} predictions imported.\n"
        )
    scores = Prediction.objects.order_by("id").values_list("score", flat=True)
    assert list(scores) == list(range(10))


def test_resuming_passes_over_nothing_of_another_file(
    tmp_path: Path, project: Project, tasks: list[int]
) -> None:
    """Neither its size nor how it begins tells it apart: it differs behind its first mebibyte."""
    region = {"id": "x" * (1 << 20), "meta": {"code": 10**30}}
    long = {"task": tasks[0], "result": [region], "model_version": "v1"}
    files = [write(tmp_path / v, [long, {**long, "model_version": v}]) for v in ("v2", "v3")]
    for path in files:
        told("import_predictions", path, project=project.pk, batch=2, resume=True)
    versions = Prediction.objects.order_by("id").values_list("model_version", flat=True)
    assert list(versions) == ["v1", "v2", "v1", "v3"]


def test_another_import_of_a_file_is_resumed_where_it_was_broken_off(
    tmp_path: Path, project: Project, tasks: list[int]
) -> None:
    items = items_of(tasks)
    path = write(tmp_path / "in.ndjson", items)
    told("import_predictions", path, project=project.pk)
    write(path, [*items[:4], {"task": "none"}, *items[5:]])
    with pytest.raises(CommandError, match="Nothing of this batch is stored; 4 items before it"):
        told("import_predictions", path, project=project.pk, batch=2)
    write(path, items)
    said = told("import_predictions", path, project=project.pk, resume=True)
    assert said == "4 skipped: they had been imported before.\n6 predictions imported.\n"
    assert Prediction.objects.count() == 20


def test_upsert_replaces(tmp_path: Path, project: Project, tasks: list[int]) -> None:
    path = write(tmp_path / "in.ndjson", items_of(tasks, 5))
    for _ in range(2):
        told("import_predictions", path, project=project.pk, upsert=True)
    assert Prediction.objects.count() == 5


def test_standard_input_and_output(
    project: Project, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = "".join(json.dumps(item) + "\n" for item in items_of(tasks))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sent.encode())))
    told("import_predictions", "-", project=project.pk)
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
    told("export_predictions", "-", project=project.pk, model_version="v1")
    assert [json.loads(line)["score"] for line in out.getvalue().splitlines()] == list(range(10))


@pytest.mark.parametrize(
    ("command", "arguments", "options", "message"),
    [
        ("import_predictions", ["x"], {"project": 0}, "There is no project 0."),
        ("export_predictions", ["x"], {"project": 0}, "There is no project 0."),
        ("import_predictions", ["/nowhere/x"], {}, "[Errno 2] No such file"),
        ("export_predictions", ["/nowhere/x"], {}, "[Errno 2] No such file"),
        ("import_predictions", ["-"], {"resume": True}, "Standard input cannot be resumed"),
        ("import_predictions", ["-"], {"batch": 0}, "--batch takes a number from 1."),
    ],
)
def test_refuses(
    project: Project, command: str, arguments: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CommandError) as refused:
        told(command, *arguments, **{"project": project.pk, **options})
    assert str(refused.value).startswith(message)


def test_a_json_file_that_breaks_off(tmp_path: Path, project: Project) -> None:
    path = tmp_path / "in.json"
    path.write_text('[{"task": 1')
    with pytest.raises(CommandError, match="JSON parse error"):
        told("import_predictions", path, project=project.pk)
