"""Label Studio's own tasks, as it exports and imports them: a list, one task, or one a line.

Regions are stored as they stand there. A task is known again by `meta.image_id`, else by what it
shows.
Format: https://labelstud.io/guide/task_format
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct

from predictions.formats.classes import check_names
from predictions.formats.content import Ask, Content, FileTask, Known
from predictions.formats.drawn.controls import Controls
from predictions.formats.errors import Errors
from predictions.formats.readers.documents import decoded, lines
from predictions.formats.sources import Source
from predictions.regions.lists import id_number, region_list
from predictions_api.http.storable import Refused, finite_number, json_value
from predictions_api.names import SCORES

NO_ANNOTATIONS = "{n:,} tasks have no annotation that is not cancelled: they have no ground truth."
SEVERAL = "has predictions of several versions, {names}: export one of them."
NO_SCORE = "score must be a number, got {score!s:.100}."
MISNAMED_SCORE = "has a {name} and no score, as which it is not read: call it score."
NO_MAP = "Labels of Label Studio's regions are not renamed: rename them in the file."
ONLY_NUMBERS = (
    "names its predictions by number, {number}, and does not hold them: export the tasks with their"
    " predictions, or leave the numbers out."
)
NO_PREDICTIONS = "No task of the file holds a prediction: the version says nothing of any."
NO_SPLIT = "meta.split is {split!s:.100}, and no text."
Region = dict[str, Any]


class Entry(Struct):
    """An annotation, or a prediction."""

    result: Raw
    id: Any = None
    was_cancelled: bool | None = None
    ground_truth: bool | None = None
    score: float | str | None = None
    #: What tools call a score: alone it would be lost.
    confidence: Any = None
    probability: Any = None
    model_version: str | None = None


class Stored(Struct):
    """A task. Exports name predictions by number where they do not hold them."""

    data: dict[str, Any]
    meta: dict[str, Any] | None = None
    annotations: list[Entry] | None = None
    predictions: list[Entry | int] | None = None
    tags: Any = None
    external_id: Any = None


def truth(source: Source, ask: Ask, errors: Errors) -> Content:
    """The newest annotation of each task that is not cancelled, of those marked as ground truth
    where any is.
    """
    reader = Reader(errors)
    n_open = 0
    for place, task in _tasks(source, errors):
        entries = [one for one in task.annotations or () if not one.was_cancelled]
        marked = [one for one in entries if one.ground_truth]
        n_open += not entries
        chosen = _newest(marked or entries)
        reader.see(place, task, task.annotations or ())
        reader.add(place, task, chosen, is_answered=bool(entries))
    warnings = [NO_ANNOTATIONS.format(n=n_open)] if n_open else []
    return reader.content(warnings)


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """The newest prediction of each task; a task without any has an empty one."""
    if ask.label_map:
        raise errors.stop("", NO_MAP)
    reader = Reader(errors)
    has_any = False
    for place, task in _tasks(source, errors):
        if numbers := [one for one in task.predictions or () if isinstance(one, int)]:
            errors.add(f"{place}.predictions", ONLY_NUMBERS.format(number=numbers[0]))
            continue
        entries = [one for one in task.predictions or () if isinstance(one, Entry)]
        has_any = has_any or bool(entries)
        versions = {one.model_version or "" for one in entries}
        if len(versions) > 1:
            names = ", ".join(map(repr, sorted(versions)))
            errors.add(f"{place}.predictions", SEVERAL.format(names=names))
            continue
        newest = _newest(entries)
        if newest and newest.score is None:
            told = [name for name in SCORES if getattr(newest, name) is not None]
            if told:
                errors.add(f"{place}.predictions", MISNAMED_SCORE.format(name=told[0]))
        reader.see(place, task, entries)
        reader.add(place, task, newest)
    return reader.content([] if has_any else [NO_PREDICTIONS])


def _tasks(source: Source, errors: Errors) -> Iterator[tuple[str, Stored]]:
    """Each task with its place."""
    content = source.content()
    if bytes(content[:1024]).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        listed = decoded(content, list[Raw], source.name, errors) or []
        texts: Any = ((f"[{n}]", text) for n, text in enumerate(listed))
    else:
        texts = _lines(source)
    for place, text in texts:
        task = decoded(text, Stored, place, errors)
        if task is not None:
            yield place, task


def _lines(source: Source) -> Iterator[tuple[str, Any]]:
    """Texts of a task a line; the whole file where it is one task on many lines."""
    found = lines(source)
    first = next(found, None)
    if first is None:
        return
    try:
        msgspec.json.decode(first[1], type=Raw)
    except msgspec.MsgspecError:
        yield source.name, source.content()
        return
    yield first
    yield from found


class Reader:
    """The tasks of one file, and the controls that their regions name."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors
        self.tasks: list[FileTask] = []
        self.controls = Controls()

    def see(self, place: str, task: Stored, entries: Sequence[Entry]) -> None:
        """The controls of all regions of a task."""
        for entry in entries:
            self.controls.see(self._regions(bytes(entry.result), place), task.data, place)

    def add(
        self, place: str, task: Stored, entry: Entry | None, *, is_answered: bool = True
    ) -> None:
        """A task with the annotation or prediction that is read of it."""
        meta = dict(task.meta or {})
        image_id, name, split = (meta.get(key) for key in ("image_id", "image_name", "split"))
        if split is not None and not isinstance(split, str):
            self.errors.add(place, NO_SPLIT.format(split=split))
        text = b"[]" if entry is None else bytes(entry.result)
        given = None if entry is None else entry.score
        score = None if given is None else finite_number(given)
        if score is None and given is not None:
            self.errors.add(place, NO_SCORE.format(score=given))
        self.tasks.append(
            FileTask(
                image_id=_text(image_id),
                image_name=_text(name),
                data=task.data,
                meta={key: value for key, value in meta.items() if key != "split"},
                split=_text(split),
                drawn=partial(self._regions, text, place),
                score=score,
                is_answered=is_answered,
                tags=task.tags,
                external_id=task.external_id,
                place=place,
            )
        )

    def _regions(self, text: bytes, place: str) -> list[Region]:
        """The regions of a result as JSON; an error for what is no list of them."""
        try:
            found = region_list(json_value(text))
            if found is None:
                raise Refused("result must be a list of regions.")
        except ValueError as exc:
            self.errors.add(place, str(exc))
            return []
        return found

    def content(self, warnings: list[str]) -> Content:
        """What there is."""
        self.controls.check_types(self.errors)
        classes = self.controls.classes
        check_names([("classes", name) for name in classes], self.errors)
        return Content(
            tasks=self.tasks,
            n_tasks=len(self.tasks),
            classes=classes,
            kinds=frozenset(),
            controls=self.controls,
            warnings=warnings,
        )


def _newest(entries: Sequence[Entry]) -> Entry | None:
    """The one of the highest id; the last where not all have one. None for none."""
    if not entries:
        return None
    ids = [id_number(one.id) for one in entries]
    known = [(one, n) for n, one in enumerate(ids) if one is not None]
    return entries[max(known)[1] if len(known) == len(entries) else -1]


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None
