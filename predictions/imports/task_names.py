"""How an imported prediction names its task: by id, by `external_id`, or by `meta.image_id`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from predictions.db.imports import LOOKUPS, known_task_ids, tasks_called
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.http.storable import Refused, is_number, json_text, whole_within

MAX_EXTERNAL_ID = 255


@dataclass(frozen=True, slots=True)
class Named:
    """A task by what its owner calls it; `column` is a key of LOOKUPS."""

    column: str
    text: str

    def __str__(self) -> str:
        return f"{self.column} {self.text!r:.100}"


def task_of(item: Mapping[str, Any]) -> int | Named:
    """The task an item names: `task` if it is there, else `external_id`, else `meta.image_id`.

    Refused where it names none, or in a way no task can have.
    """
    if "task" in item:
        task = item["task"]
        known = whole_within(task, 1, MAX_BIGINT)
        if known is None:
            raise Refused(unknown_id(task))
        return known
    if "external_id" in item:
        return Named("external_id", external_id(item["external_id"]))
    meta = item.get("meta")
    if isinstance(meta, dict) and "image_id" in meta:
        image_id = meta["image_id"]
        is_whole = isinstance(image_id, int) and is_number(image_id)
        if not isinstance(image_id, str) and not is_whole:
            raise Refused(f"meta.image_id must be text or a whole number, got {image_id!r:.100}")
        json_text(image_id)
        return Named("meta.image_id", str(image_id))
    raise Refused("Missing required field 'task'")


def external_id(value: Any) -> str:
    """The text of an external id. Refused for what cannot be one."""
    if not isinstance(value, str) or not value or len(value) > MAX_EXTERNAL_ID:
        raise Refused(f"external_id must be text of 1 to {MAX_EXTERNAL_ID} characters")
    json_text(value)
    return value


def unknown_id(task: Any) -> str:
    """Label Studio's message."""
    return f"Invalid task ID {task!r:.100} - task not found in project"


def resolve(project_id: int, wanted: Iterable[int | Named]) -> dict[int | Named, int | str]:
    """For each way to name a task its id, or the reason why it names none.

    One statement for ids, one for each other kind that occurs.
    """
    names = set(wanted)
    found: dict[int | Named, int | str] = {}
    ids = [name for name in names if isinstance(name, int)]
    if ids:
        known = known_task_ids(project_id, ids)
        found |= {task: task if task in known else unknown_id(task) for task in ids}
    for column in LOOKUPS:
        texts = [n.text for n in names if isinstance(n, Named) and n.column == column]
        if texts:
            called = tasks_called(project_id, column, texts)
            found |= {Named(column, t): _only(Named(column, t), called.get(t, [])) for t in texts}
    return found


def _only(name: Named, tasks: list[int]) -> int | str:
    if len(tasks) == 1:
        return tasks[0]
    return f"{name} names {len(tasks)} tasks of the project" if tasks else f"No task has {name}"
