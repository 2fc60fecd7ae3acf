"""Imports of predictions of a project.

An import is one transaction, written with COPY batch by batch while the next batch is read and
checked; a bad item undoes it all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from predictions.db.imports import (
    NOTHING_BESIDE,
    PredictionRow,
    beside,
    copy_lines,
    prediction_copy,
    record_created,
)
from predictions.db.places import lock_tasks_of_project
from predictions.db.reviews.replacing import Replacing
from predictions.imports.bodies import Batches, ended, in_batches
from predictions.imports.problems import Report
from predictions.imports.task_names import Named, resolve, task_of
from predictions.models import Project
from predictions.regions import labelling
from predictions.regions.lists import region_list
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.http.storable import (
    Refused,
    bulk_json_text,
    finite_number,
    is_number,
    json_text,
    whole_within,
)
from predictions_api.names import by_letters, misspelt
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import reserve_ids

DELETED_MEANWHILE = "A task was deleted during the import; nothing is stored."
MAX_INT32 = 2**31 - 1
# The version of imported predictions that name none, as Label Studio's import routes call it.
UNNAMED_VERSION = "undefined"
# What is read of a prediction.
OF_PREDICTION = by_letters(["result", "score", "model_version", "task", "external_id"])
# So many tasks are remembered from batch to batch; some 100 bytes each.
MOST_KNOWN = 50_000


def _score(value: Any) -> float | None:
    """The score as a float. Refused unless it is a finite number, numeric text or null."""
    if value is None:
        return None
    score = finite_number(value)
    if score is None:
        raise Refused(f"Score must be a valid number, got {value!s:.100}")
    return score


@lru_cache(maxsize=1024)
def _checked_version(version: str) -> str:
    """The version, which a whole import may share. Refused if it is text that cannot be stored."""
    json_text(version)
    return version.strip()


def _model_version(item: dict[str, Any]) -> str | None:
    """The version without spaces around it; a number becomes text, as on POST. Refused unless it
    is a number, text that can be stored, or null.
    """
    version = item.get("model_version", UNNAMED_VERSION)
    if version is None:
        return None
    if is_number(version):
        version = str(version)
    if not isinstance(version, str):
        raise Refused(f"model_version must be text, got {type(version).__name__}")
    if len(version) > 1000:
        json_text(version)
        return version.strip()
    return _checked_version(version)


def _beside(item: dict[str, Any]) -> bytes:
    """What stands beside the regions, in the forms that POST takes. Refused for other ones."""
    told, near, doubt = (item.get(name) for name in ("cluster", "neighbors", "mislabeling"))
    if told is None and near is None and not doubt:
        return NOTHING_BESIDE
    cluster = _cluster(told)
    share = 0.0 if doubt is None else finite_number(doubt)
    if share is None:
        raise Refused(f"mislabeling must be a valid number, got {doubt!s:.100}")
    return beside(cluster, None if near is None else bulk_json_text(near), share)


def _cluster(told: Any) -> int | None:
    if told is None:
        return None
    number = None if isinstance(told, bool) else finite_number(told)
    if number is None or not number.is_integer() or abs(number) > MAX_INT32:
        raise Refused(f"cluster must be a whole number, got {told!s:.100}")
    return int(number)


def _regions(project: Project, item: dict[str, Any]) -> list[dict[str, Any]]:
    if "result" not in item:
        raise Refused("Missing required field 'result'")
    if item["result"] is None:
        raise Refused("'result' may not be null")
    regions = region_list(item["result"])
    return labelling.expand(project.label_config, item["result"]) if regions is None else regions


def refuse_misspelt(item: dict[str, Any], known: dict[str, str], what: str) -> None:
    """Refused for a name that is a known one written otherwise: what it says would be lost."""
    for name, meant in misspelt(item, known).items():
        raise Refused(f"{what}[{name}]: did you mean {meant}?")


def prediction_row(project: Project, item: Any, index: int, task: int | Named) -> PredictionRow:
    """The row for an item whose task is known. Refused with all that is wrong, `; ` between."""
    refuse_misspelt(item, OF_PREDICTION, "Prediction")
    if project.validate_predictions:
        score = item.get("score")
        found = labelling.problems(project.label_config, item.get("result"), score)
        if found:
            raise Refused("; ".join(found))
    return PredictionRow(
        index=index,
        task=task,
        result=bulk_json_text(_regions(project, item)),
        score=_score(item.get("score")),
        model_version=_model_version(item),
        beside=_beside(item),
    )


def _rows(
    project: Project, batch: Iterable[Any], counter: Iterator[int], report: Report
) -> list[PredictionRow]:
    """The batch's good items, whose tasks are yet to be found. Asks the database nothing."""
    rows = []
    for item, index in zip(batch, counter, strict=False):
        try:
            if isinstance(item, Refused):
                raise item
            if not isinstance(item, dict):
                raise Refused(f"Expected an object, got {type(item).__name__}")
            rows.append(prediction_row(project, item, index, task_of(item)))
        except Refused as exc:
            report.add(index, str(exc))
    return rows


class _Places:
    """Remembers the ids of tasks that earlier batches named, MOST_KNOWN of them: a task whose
    predictions are being stored cannot go away meanwhile. Names of other kinds, which may be long,
    are asked for anew.
    """

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id
        self.known: set[int | Named] = set()

    def placed(self, rows: Sequence[PredictionRow], report: Report) -> list[PredictionRow]:
        """The rows whose task the project has, with its id."""
        if len(self.known) > MOST_KNOWN:
            self.known.clear()
        new = resolve(self.project_id, {row.task for row in rows} - self.known)
        placed = []
        for row in rows:
            place = new.get(row.task, row.task)
            if isinstance(place, int):
                row.task = place
                self.known.add(place)
                placed.append(row)
            else:
                report.add(row.index, str(place))
        return placed


class _Versions:
    """With upsert the same task and version twice would have the request overwrite itself.

    Remembers each pair it has seen: some 100 bytes of memory a row.
    """

    def __init__(self) -> None:
        self.first: dict[str | None, dict[int | Named, int]] = {}

    def without_repeats(self, rows: Sequence[PredictionRow], report: Report) -> list[PredictionRow]:
        kept = []
        for row in rows:
            first = self.first.setdefault(row.model_version, {}).setdefault(row.task, row.index)
            if first == row.index:
                kept.append(row)
            else:
                report.add(row.index, f"Repeats task and model_version of item {first}")
        return kept


@dataclass(frozen=True, slots=True)
class Options:
    """What an import was asked for; `first_index` is what its first item is called in messages,
    `is_heard` whether anybody may listen.
    """

    skip_bad: bool
    upsert: bool
    first_index: int
    is_heard: bool


def store(
    project: Project,
    items: Any,
    *,
    skip_bad: bool = False,
    upsert: bool = False,
    is_heard: bool = True,
) -> dict[str, Any]:
    """Stores a list of predictions of one project, as `store_batches`."""
    if not isinstance(items, list):
        raise ValidationError([f"Expected a list of predictions, got {type(items).__name__}."])
    named = [item.get("task") for item in items if isinstance(item, dict)] if upsert else []
    by_id = [id_ for task in named if (id_ := whole_within(task, 1, MAX_BIGINT)) is not None]
    tasks = by_id if len(by_id) == len(items) else None
    return store_batches(
        project,
        in_batches(items),
        skip_bad=skip_bad,
        upsert=upsert,
        tasks=tasks,
        is_heard=is_heard,
    )


def store_batches(
    project: Project,
    batches: Batches,
    *,
    skip_bad: bool = False,
    upsert: bool = False,
    tasks: Sequence[int] | None = None,
    first_index: int = 0,
    is_heard: bool = True,
) -> dict[str, Any]:
    """Stores predictions of one project in one transaction: all, or with `skip_bad` the good ones.

    `created` and `prediction_ids` (of the stored ones, in the order of the request); with
    `skip_bad` also `skipped`. ValidationError names the bad items by index. Memory holds a few
    batches, and 40 bytes a row for its id. With `upsert` other writers of `tasks` wait, or of all
    of the project's tasks if those to come are not known. `first_index` names the first item.
    """
    report = Report("Prediction", keep_all=skip_bad)
    wanted = Options(skip_bad, upsert, first_index, is_heard)
    try:
        with ended(batches), transaction.atomic():
            if upsert:
                lock_tasks_of_project(project.pk, tasks)
            ids = _copy_batches(project, batches, report, wanted)
            if not skip_bad:
                report.raise_if_any()
    except IntegrityError:
        raise ValidationError([DELETED_MEANWHILE]) from None
    answer: dict[str, Any] = {"created": len(ids), "prediction_ids": ids}
    if skip_bad:
        answer["skipped"] = report.skipped()
    return answer


def _copy_batches(project: Project, batches: Batches, report: Report, wanted: Options) -> list[int]:
    """The new ids. After a bad item nothing more is written, unless bad ones are skipped."""
    ids: list[int] = []
    versions, places, replacing = _Versions(), _Places(project.pk), Replacing()
    counter = count(wanted.first_index)
    # Its lines are made while the batch before is written.
    ready: list[bytes] = []
    with prediction_copy() as copy:
        for batch in batches:
            rows = _rows(project, batch, counter, report)
            copy.wait()
            rows = places.placed(rows, report)
            if wanted.upsert:
                rows = versions.without_repeats(rows, report)
            if not rows or (report and not wanted.skip_bad):
                continue
            if wanted.upsert:
                pairs = [(row.task, row.model_version) for row in rows]
                replacing.take_versions(pairs, workspace_id=project.workspace_id)
            new = reserve_ids(
                "predictions_prediction", len(rows), slot=slots.of_project(project.pk)
            )
            if wanted.is_heard:
                record_created(new, project)
            copy.send(ready)
            ready = [b"".join(copy_lines(project.pk, rows, new))]
            ids += new
        if wanted.skip_bad or not report:
            copy.send(ready)
    replacing.settle()
    return ids
