"""How files are to be stored, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from predictions.imports.datasets.pictures import Named, Pictures
from predictions.models import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How files are stored."""

    model_version: str | None = None
    #: Of all tasks; None for the files' own.
    split: str | None = None
    pictures: Pictures = field(default_factory=Named)
    missing_pictures_ok: bool = False
    replaces_truth: bool = False
    adds_labels: bool = False
    #: What painting masks may take; None for as much as it takes.
    most_work: int | None = None
    advance: Callable[[int], object] = lambda n: None


@dataclass(slots=True)
class Loaded:
    """What was stored, and where."""

    project: Project
    is_new: bool = False
    n_new_tasks: int = 0
    n_truths: int = 0
    n_predictions: int = 0
    task_ids: list[int] = field(default_factory=list)
    #: The key of the tasks' data that the config shows.
    shown: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
