"""What is exported of a task: each of its predictions, or of its annotations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictions.pictures.addresses import name_in
from predictions_api.http.storable import float_value, json_value, may_hold_long_integer

Region = Mapping[str, Any]
#: A task as JSON values, with `annotations` and `predictions`.
TaskValues = Mapping[str, Any]

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: What stands in a file's name for a prediction without a version.
UNVERSIONED = "unversioned"


@dataclass(frozen=True, slots=True)
class Given:
    """One prediction or annotation."""

    document: Mapping[str, Any]
    is_prediction: bool
    #: Objects alone.
    regions: list[Region]

    @property
    def id(self) -> int:
        """Of the prediction or annotation."""
        return int(self.document["id"])

    @property
    def score(self) -> float | None:
        """The prediction's; None for an annotation."""
        score: float | None = self.document["score"] if self.is_prediction else None
        return score

    @property
    def model_version(self) -> str | None:
        """The prediction's; None for an annotation."""
        version: str | None = self.document["model_version"] if self.is_prediction else None
        return version


def values_of(text: bytes) -> dict[str, Any]:
    """A task's JSON for formats of shapes: what its data and meta say is exact, and regions have
    numbers as float64 holds them, which all of these formats compute with.
    """
    task: dict[str, Any] = float_value(text)
    if may_hold_long_integer(text):
        exact = json_value(text)
        task |= {name: exact[name] for name in ("data", "meta") if name in exact}
    return task


def given_of(task: TaskValues, source: str) -> list[Given]:
    """The task's `predictions` or `annotations` in the order of their ids, but cancelled ones."""
    found = sorted(task[source], key=lambda document: document["id"])
    return [
        Given(
            document=document,
            is_prediction=source == "predictions",
            regions=_regions(document["result"]),
        )
        for document in found
        if not document.get("was_cancelled")
    ]


def _regions(result: Any) -> list[Region]:
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def plain_name(task_id: int, value: str) -> str:
    """A file name for what a task's data names: no path, no address, no file of ours."""
    end = (name_in(value) or value.partition("?")[0]).rstrip("/").rpartition("/")[2]
    return f"{task_id}-{UNSAFE.sub('_', end)[-100:].strip('.') or 'item'}"


def named(stem: str, given: Sequence[Given], *, with_versions: bool) -> Iterator[tuple[str, Given]]:
    """A name for a file of each, none of them twice: `stem` where the task has one.

    `<stem>__<version>` where the export has several versions, and `<stem>__<id>` for one of
    several annotations.
    """
    taken: set[str] = set()
    for one in given:
        name = stem
        if one.is_prediction and with_versions:
            version = UNSAFE.sub("_", one.model_version or "")[:100].strip(".")
            name = f"{stem}__{version or UNVERSIONED}"
        if not one.is_prediction and len(given) > 1:
            name = f"{name}__{one.id}"
        # A version may be called as another one with a number behind it.
        while name in taken:
            name = f"{name}__{one.id}"
        taken.add(name)
        yield name, one
