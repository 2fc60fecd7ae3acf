"""Stores both files of a load in one transaction: all or nothing.

Rows are written with COPY, batch by batch, while the next batch is made.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from predictions.db import projects
from predictions.db.annotations import record_added, record_updated
from predictions.db.curation.tags import tag_new_tasks
from predictions.db.imports import (
    PredictionRow,
    TaskRow,
    annotation_lines,
    copy_lines,
    name_first_version,
    replace_truths,
    task_copy,
    task_lines,
    truths_of_tasks,
)
from predictions.db.imports import record_created as record_predictions
from predictions.db.pictures.sizes import tell_sizes
from predictions.db.places import lock_tasks_of_project
from predictions.db.projects import Author
from predictions.db.reviews.replacing import Replacing
from predictions.db.tasks import record_created, reserve_inner_ids
from predictions.formats import label_config
from predictions.formats.content import FileTask, Size
from predictions.formats.errors import BadFile, Errors
from predictions.formats.label_regions import NO_REGIONS, Drawing
from predictions.formats.masks import Work
from predictions.formats.splits import UNKNOWN_SPLIT, split_named
from predictions.imports.datasets import corners, numbers, options, pictures, reading, targets
from predictions.imports.datasets.kept import Kept
from predictions.imports.datasets.reading import DEFAULT_SPLIT, Files, Planned, Read
from predictions.imports.datasets.sizes import Sizes, other_ratios
from predictions.imports.datasets.wishes import Loaded, Wishes
from predictions.imports.predictions import DELETED_MEANWHILE
from predictions.imports.task_names import external_id
from predictions.imports.task_tags import tags_of
from predictions.models import Project
from predictions.regions import labelling, task_data, truths
from predictions.regions.config import read_config
from predictions_api.http.storable import (
    MAX_TEXT_BYTES,
    TOO_LONG,
    Refused,
    bulk_json_text,
    json_text,
    json_value,
)
from predictions_api.operations import collector
from predictions_api.postgres.copying import Copy
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import reserve_ids

BATCH_TASKS = 200
#: How many errors an answer names.
MOST_TOLD = 1000
NO_PROJECT = "There is no project yet: give a file of ground truth."
LACKS = (
    "The project's labelling config lacks {names} in {control}: add them there, or ask for it with"
    " --add-labels (`add_labels`)."
)
DIFFERS = (
    "task {task} has another ground truth. --replace-ground-truth (`replace_ground_truth`) puts the"
    " file's in its place."
)
DIFFERS_ELSEWHERE = (
    "task {task} is {there!r:.200}, found by its file's name alone, and has another ground truth."
    " If this is another picture, give it an id or a file's name of its own; if it is the same one,"
    " --replace-ground-truth (`replace_ground_truth`) puts the file's in its place."
)
NO_PICTURE = "{name!r} is not in the folder of pictures; --missing-images ok goes on without."
NO_VERSION = "Predictions need the name of their model version: --model-version (`model_version`)."


def store(files: Files, to: Project | str, author: Author, wishes: Wishes) -> Loaded:
    """Stores the files in a project, or in a new one of this title.

    ValidationError says by place what is wrong with the files, and nothing is stored.
    """
    try:
        with collector.paused(), transaction.atomic():
            return _store(files, to, author, wishes)
    except BadFile as exc:
        raise ValidationError([str(one) for one in exc.errors[: MOST_TOLD + 1]]) from None
    except (IntegrityError, Project.DoesNotExist):
        raise ValidationError([DELETED_MEANWHILE]) from None


def _store(files: Files, to: Project | str, author: Author, wishes: Wishes) -> Loaded:
    errors = Errors() if wishes.most_work is None else Errors(work=Work(wishes.most_work))
    version = (wishes.model_version or "").strip()
    if files.predictions is not None and not version:
        raise errors.stop("", NO_VERSION)
    if wishes.split and split_named(wishes.split) is None:
        raise errors.stop("split", UNKNOWN_SPLIT.format(name=wishes.split))
    known = to if isinstance(to, Project) else None
    options.refuse_unread(files, errors)
    found = reading.read(files, known, errors)
    corners.settle(found.contents, wishes.pictures)
    errors.raise_if_any()
    if found.truth is None and known is None:
        raise errors.stop("", NO_PROJECT)
    if isinstance(to, str):
        # Another load of this title may have made the project meanwhile.
        projects.lock_title(to, workspace_id=author.workspace_id)
        titled = targets.by_title(to, workspace_id=author.workspace_id)
        known = titled if isinstance(titled, Project) else None
    if known is not None:
        projects.lock_loads(known, changes_config=wishes.adds_labels)
    project = known or _new_project(found, str(to), author, errors)
    writer = Writer(project, found, files, author, wishes, errors, version)
    writer.is_new = known is None
    return writer.write()


def _new_project(found: Read, title: str, author: Author, errors: Errors) -> Project:
    config = label_config.made(found.contents, errors)
    values = {"title": title, "label_config": config}
    return projects.create_project(values, author, parsed=_parsed(config))


def _parsed(config: str) -> dict[str, Any]:
    try:
        return labelling.parse(config)
    except Refused as exc:
        raise Errors().stop("", f"The labelling config made of the classes: {exc}") from None


#: Of a task, by its id.
NewTruth = tuple[int, dict[str, Any]]


class Writer:
    """Writes one load, inside the caller's transaction."""

    def __init__(
        self,
        project: Project,
        found: Read,
        files: Files,
        author: Author,
        wishes: Wishes,
        errors: Errors,
        version: str,
    ) -> None:
        self.project, self.slot = project, slots.of_project(project.pk)
        self.found = found
        label_map = files.ask.label_map
        self.rename = partial(reading.renamed, label_map=label_map) if label_map else None
        self.author, self.wishes, self.errors = author, wishes, errors
        self.version, self.is_new = version, False
        self.loaded = Loaded(project)
        self.kept = Kept(project.pk, wishes.split, version)
        self.replacing = Replacing()
        #: New tasks that have tags.
        self.tagged: list[tuple[int, Sequence[str]]] = []
        self.n_truth_regions = self.n_predicted_regions = 0

    def write(self) -> Loaded:
        """Everything, or BadFile."""
        config = read_config(self.project.label_config)
        tools, lacking, self.shown = label_config.tools_of(config, self.found.contents, self.errors)
        self.errors.raise_if_any()
        if lacking:
            self._add_labels(lacking)
        if not self.is_new and self.found.truth is not None:
            self.found.truth.warnings += numbers.note_others(self.project, self.found.truth)
        if self.found.truth is not None:
            self.found.truth.warnings += numbers.other_orders(self.project, self.found.truth)
        self.drawing = Drawing(tools, self.errors)
        self.kept.controls = label_config.controls_of(tools, self.found.contents)
        planned = list(
            reading.plan(
                self.found,
                None if self.is_new else self.project,
                self.shown,
                label_config.ways_of(config),
                self.errors,
            )
        )
        pictures.name_by_folder(
            (task for one in planned for task in one.tasks), self.wishes.pictures
        )
        known = [one.task_id for one in planned if one.task_id is not None]
        if known:
            lock_tasks_of_project(self.project.pk, known)
        self._reserve(planned)
        with task_copy() as copy:
            for batch in reading.batched(iter(planned), BATCH_TASKS):
                self._write_batch(batch, copy)
                self.wishes.advance(len(batch))
        self.errors.raise_if_any()
        tag_new_tasks(self.tagged, project_id=self.project.pk)
        self.replacing.settle()
        if self.loaded.n_predictions:
            name_first_version(self.project, self.version)
            self.project.refresh_from_db(fields=["model_version"])
        return self._told(planned)

    def _add_labels(self, lacking: dict[str, list[str]]) -> None:
        if not self.wishes.adds_labels:
            for control, names in lacking.items():
                some = ", ".join(map(repr, names[: reading.MOST_NAMED]))
                more = len(names) - reading.MOST_NAMED
                some += f" and {more} more" if more > 0 else ""
                self.errors.add("", LACKS.format(names=some, control=control))
            self.errors.raise_if_any()
        config = label_config.with_labels(self.project.label_config, lacking)
        projects.update_project(self.project, {"label_config": config}, parsed=_parsed(config))

    def _reserve(self, planned: Sequence[Planned]) -> None:
        """Numbers in the project of new tasks, and ids of all that may be new, in order."""
        new = [one for one in planned if one.task_id is None]
        self.new_ids = iter(reserve_ids("predictions_task", len(new), slot=self.slot))
        self.next_inner = reserve_inner_ids(self.project.pk, len(new)) if new else 0
        n_rows = len(planned) if self.found.predicted is not None else 0
        self.prediction_ids = iter(reserve_ids("predictions_prediction", n_rows, slot=self.slot))
        n_truths = len(planned) if self.found.truth is not None else 0
        self.truth_ids = iter(reserve_ids("predictions_annotation", n_truths, slot=self.slot))
        self.loaded.n_new_tasks = len(new)

    def _write_batch(self, batch: list[Planned], copy: Copy) -> None:
        known = [one.task_id for one in batch if one.task_id is not None]
        there = dict[int, tuple[int, str]]()
        if known:
            copy.wait()
            there = truths_of_tasks(known) if self.found.truth is not None else {}
            self.kept.see_splits(batch)
        sizes, measured = Sizes(batch, self.wishes.pictures), dict[int, Size]()
        tasks, ids, rows = list[TaskRow](), list[int](), list[PredictionRow]()
        truths_new, truths_added = list[NewTruth](), list[NewTruth]()
        replaced: dict[int, bytes] = {}
        for one in batch:
            task_id = next(self.new_ids) if one.task_id is None else one.task_id
            size, kept = sizes.of(one)
            if one.task_id is None:
                if (row := self._task_row(one, kept)) is not None:
                    tasks.append(row)
                    ids.append(task_id)
                    self.tagged += [(task_id, row.tags)] if row.tags else []
            elif one.truth is not None and kept is not None:
                measured[task_id] = kept
            size = size or sizes.guessed(one)
            self.loaded.task_ids.append(task_id)
            if one.truth is not None and one.truth.is_answered:
                new = truths_new if one.task_id is None else truths_added
                self._truth(one, task_id, size, there.get(task_id), new, replaced)
            if self.found.predicted is not None:
                rows.append(self._prediction(one, task_id, size))
        if self.errors.found:
            return
        place = self.project.pk
        if known:
            rows = self.kept.new_predictions(rows)
        prediction_ids = list(islice(self.prediction_ids, len(rows)))
        truths = [*truths_new, *truths_added]
        truth_ids = list(islice(self.truth_ids, len(truths)))
        # Written out before the wait: the database is busy meanwhile.
        lines = [
            [b"".join(of_table)]
            for of_table in (
                task_lines(place, tasks, ids, self.next_inner),
                annotation_lines(place, self.author.user_id, truths, truth_ids),
                copy_lines(place, rows, prediction_ids),
            )
        ]
        copy.wait()
        if known and rows:
            pairs = [(row.task, self.version) for row in rows]
            self.replacing.take_versions(pairs, workspace_id=self.project.workspace_id)
        if replaced:
            replace_truths(replaced, project_id=self.project.pk, user_id=self.author.user_id)
            tasks_of = {truth_id: task_id for task_id, (truth_id, _) in there.items()}
            task_ids = [tasks_of[truth_id] for truth_id in replaced]
            record_updated(list(replaced), task_ids, project_id=place, access=self.author)
        if measured:
            tell_sizes(measured, self.author)
        record_created(ids, project_id=place, access=self.author)
        # Those of new tasks are told with their tasks.
        record_added(truth_ids[len(truths_new) :], project_id=place, access=self.author)
        if prediction_ids:
            record_predictions(prediction_ids, self.project)
        copy.send(*lines)
        self.next_inner += len(tasks)
        self.loaded.n_truths += len(truths_new) + len(truths_added) + len(replaced)
        self.loaded.n_predictions += len(rows)

    def _task_row(self, one: Planned, size: Size | None) -> TaskRow | None:
        """The row of a new task; None, and an error, for one that cannot be stored."""
        task = one.truth or one.predicted
        if task is None:
            return None
        try:
            return TaskRow(
                data=bulk_json_text(task_data.checked(self._data(task), self.project.label_config)),
                meta=json_text(task.whole_meta(self._split(task), size)).encode(),
                external_id=None if task.external_id is None else external_id(task.external_id),
                tags=tags_of({"tags": task.tags}),
                predictions=[],
                annotations=[],
            )
        except Refused as exc:
            self.errors.add(task.place, str(exc))
            return None

    def _data(self, task: FileTask) -> dict[str, Any]:
        if task.drawn is not None:
            return task.data
        if self.found.contents[0].key != "image":
            others = {name: value for name, value in task.data.items() if name != "text"}
            return others | pictures.placed(self.shown, task.data["text"])
        name = task.picture or task.image_name or task.image_id or ""
        if not self.wishes.missing_pictures_ok and self.wishes.pictures.is_missing(name):
            self.errors.add(task.place, NO_PICTURE.format(name=name))
        return task.data | pictures.placed(self.shown, self.wishes.pictures.address(name))

    def _split(self, task: FileTask) -> str:
        name = self.wishes.split or task.split
        split = split_named(name) if name else DEFAULT_SPLIT
        if split is None:
            self.errors.add(task.place, UNKNOWN_SPLIT.format(name=name))
        return split or DEFAULT_SPLIT

    def _truth(
        self,
        one: Planned,
        task_id: int,
        size: Size | None,
        there: tuple[int, str] | None,
        new: list[tuple[int, dict[str, Any]]],
        replaced: dict[int, bytes],
    ) -> None:
        assert one.truth is not None
        drawn = self.drawing.as_text(one.truth, one.truth.size or size)
        self.n_truth_regions += drawn.n_regions
        result = self._checked(drawn.text, one.truth.place)
        if there is None:
            told = {"ground_truth": True, "was_cancelled": False, "lead_time": None}
            new.append((task_id, {"result": result, **told}))
        elif not truths.is_same(present := json_value(there[1]), json_value(result)):
            self.kept.see_replaced_truth(present)
            if not self.wishes.replaces_truth:
                text = DIFFERS if one.guessed is None else DIFFERS_ELSEWHERE
                self.errors.add(one.truth.place, text.format(task=task_id, there=one.guessed))
            replaced[there[0]] = result

    def _prediction(self, one: Planned, task_id: int, size: Size | None) -> PredictionRow:
        drawn = NO_REGIONS
        if one.predicted is not None:
            # Its own size first: a model may have had the images in another one.
            size = one.predicted.size or size
            drawn = self.drawing.as_text(one.predicted, size, self.rename)
            self.n_predicted_regions += drawn.n_regions
        score = math.fsum(drawn.scores) / len(drawn.scores) if drawn.scores else None
        result = self._checked(drawn.text, one.place)
        if self.project.validate_predictions:
            regions = json_value(result)
            for problem in labelling.problems(self.project.label_config, regions, score):
                self.errors.add(one.place, problem)
        return PredictionRow(
            index=0, task=task_id, result=result, score=score, model_version=self.version
        )

    def _checked(self, result: bytes, place: str) -> bytes:
        if len(result) > MAX_TEXT_BYTES:
            self.errors.add(place, TOO_LONG)
        elif b"\\u0000" in result:
            self.errors.add(place, "holds a NUL character.")
        return result

    def _told(self, planned: Sequence[Planned]) -> Loaded:
        contents, loaded = self.found.contents, self.loaded
        loaded.is_new, loaded.shown = self.is_new, self.shown
        loaded.found = {
            "images": len(planned),
            "categories": len(dict.fromkeys(name for one in contents for name in one.classes)),
            "ground_truth_regions": self.n_truth_regions,
            "prediction_regions": self.n_predicted_regions,
        }
        every = [*(text for one in contents for text in one.warnings), *self.drawing.warnings()]
        every += other_ratios(planned, self.wishes.pictures)
        if not self.is_new:
            every += self.kept.warnings(loaded.n_predictions)
        loaded.warnings = list(dict.fromkeys(every))
        return loaded
