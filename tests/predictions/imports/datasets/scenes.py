"""What loading stored, as tests of formats compare it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from predictions.models import Annotation, Prediction, Project, Task
from tests.predictions.imports.datasets.loading import load


def both(name: str, truth: Path, said: Path, *more: object) -> tuple[list[str], list[str]]:
    return load(
        name, "--ground-truth", truth, "--predictions", said, "-P", "Files",
        "--model-version", "v1", *more,
    )  # fmt: skip


def refused(*arguments: object) -> list[str]:
    """The errors of a load that stores nothing."""
    with pytest.raises(CommandError) as caught:
        load(*arguments)
    assert not Project.objects.exists()
    *errors, last = str(caught.value).splitlines()
    assert last == "Nothing is stored."
    return errors


def truths() -> list[Any]:
    return [row.result for row in Annotation.objects.order_by("task_id")]


def said() -> list[Any]:
    return [row.result for row in Prediction.objects.order_by("task_id")]


def values(results: list[Any]) -> list[Any]:
    """Of each task the values of its regions, with the score and meta where there are any."""
    return [
        [
            one["value"] | {name: one[name] for name in ("score", "meta") if name in one}
            for one in result
        ]
        for result in results
    ]


def tasks() -> list[tuple[Any, Any]]:
    return [(one.data, one.meta) for one in Task.objects.order_by("id")]
