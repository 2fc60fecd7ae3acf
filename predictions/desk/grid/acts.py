"""What the store itself does with many tasks of the grid."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.exceptions import ValidationError

from desk.workspace_admin import access_of
from predictions.api.exports import as_file
from predictions.db import prediction_batches, task_pages
from predictions.db.curation import tags
from predictions.db.reviews.accepting import accept_predictions
from predictions.desk.grid import offers
from predictions.desk.grid.offers import Act, Answer, Chosen, Field
from predictions.exports.project import SOURCES, TYPES, Wanted, check, pieces
from predictions_api.wording import number, plural

TAG = "tag"
VERSION = "version"
#: Of a choice of versions: any.
NEWEST = ""
LONGEST_TAG = 100


def counted(n: int, word: str) -> str:
    """`1 task`, `1,200 tasks`."""
    return f"{number(n)} {plural(n, word)}"


def named(version: str | None) -> str:
    """A version in a sentence."""
    return version or "(none)"


def versions_of(chosen: Chosen) -> list[tuple[str, str]]:
    """The versions of the tasks' predictions, each with how many there are."""
    return [
        (version, f"{named(version)} ({counted(n, 'prediction')})")
        for version, n in chosen.held.versions
        if version
    ]


def _ids(chosen: Chosen) -> list[int]:
    """The tasks, locked until the transaction ends."""
    return task_pages.locked(chosen.wanted, project_id=chosen.project.pk)


def _tag_of(values: Mapping[str, str]) -> str:
    tag = values[TAG].replace("\0", "").strip()
    if not 0 < len(tag) <= LONGEST_TAG:
        raise ValidationError([f"A tag has 1 to {LONGEST_TAG} characters."])
    return tag


def _tag_field(chosen: Chosen) -> Sequence[Field]:
    known = tags.tag_names(chosen.project.pk, limit=200)
    return [Field(TAG, "Tag", offered=known)]


@transaction.atomic
def _add_tag(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    tag = _tag_of(values)
    n = tags.add_tags(_ids(chosen), [tag], project_id=chosen.project.pk)
    return f"{counted(n, 'task')} newly tagged {tag}."


@transaction.atomic
def _remove_tag(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    tag = _tag_of(values)
    n = tags.remove_tags(_ids(chosen), [tag], project_id=chosen.project.pk)
    return f"{counted(n, 'task')} no longer tagged {tag}."


def _version_or_newest(chosen: Chosen) -> Sequence[Field]:
    choices = [(NEWEST, "The newest prediction of each task"), *versions_of(chosen)]
    return [Field(VERSION, "Predictions of", choices)]


def _accept_says(chosen: Chosen) -> list[str]:
    says = [
        f"One prediction of each of {counted(chosen.held.tasks, 'task')} becomes its ground truth;"
        " tasks without a prediction stay as they are."
    ]
    if chosen.held.with_truth:
        says.append(
            f"{counted(chosen.held.with_truth, 'task')} of them have ground truth already. It"
            " stays, but does not count any more where the prediction says something else."
        )
    return says


@transaction.atomic
def _accept(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    access = access_of(request, chosen.project.workspace_id, field="project")
    version = values[VERSION]
    n = accept_predictions(
        _ids(chosen),
        project_id=chosen.project.pk,
        versions=[version] if version else None,
        access=access,
    )
    return f"{counted(n, 'prediction')} accepted as ground truth."


def _delete_says(chosen: Chosen) -> list[str]:
    return [
        "The predictions of one model version go for good, on"
        f" {counted(chosen.held.tasks, 'task')}. Tasks, annotations and evaluations stay."
    ]


def _one_version(chosen: Chosen) -> Sequence[Field]:
    return [Field(VERSION, "Predictions of", versions_of(chosen))]


@transaction.atomic
def _delete(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    version = values[VERSION]
    if not version:
        raise ValidationError(["Choose whose predictions go."])
    n = prediction_batches.delete_of_tasks(
        _ids(chosen),
        project_id=chosen.project.pk,
        access=access_of(request, chosen.project.workspace_id, field="project"),
        versions=[version],
    )
    return f"{counted(n, 'prediction')} of {version} deleted."


def _export_fields(chosen: Chosen) -> Sequence[Field]:
    return [
        Field("type", "As", [(name, name) for name in TYPES]),
        Field("source", "With", [(name, f"their {name}") for name in SOURCES]),
    ]


def _export(request: HttpRequest, chosen: Chosen, values: Mapping[str, str]) -> Answer:
    if values["type"] not in TYPES or values["source"] not in SOURCES:
        raise ValidationError(["Choose a type and what goes with the tasks."])
    check(chosen.project, values["type"])
    ids: list[int] = []
    if not chosen.wanted.is_everything:
        ids = task_pages.ids_of(chosen.wanted, project_id=chosen.project.pk)
        if not ids:
            raise ValidationError(["There are no such tasks any more."])
    wanted = Wanted(values["type"], values["source"], task_ids=tuple(ids), all_tasks=True)
    response = StreamingHttpResponse(pieces(chosen.project, wanted))
    return as_file(response, wanted, chosen.project.pk)


def _on_tasks(text: str) -> Any:
    return lambda chosen: [text.format(counted(chosen.held.tasks, "task"))]


ACTS = (
    Act(
        name="add_tag",
        title="Tag",
        verb="Tag",
        says=_on_tasks("{} get a tag. Those that have it already stay as they are."),
        fields=_tag_field,
        run=_add_tag,
        audited="selection.add_tags",
    ),
    Act(
        name="remove_tag",
        title="Untag",
        verb="Take the tag off",
        says=_on_tasks("A tag is taken off {}."),
        fields=_tag_field,
        run=_remove_tag,
        audited="selection.remove_tags",
    ),
    Act(
        name="accept",
        title="Accept as ground truth",
        verb="Accept as ground truth",
        says=_accept_says,
        fields=_version_or_newest,
        run=_accept,
        audited="selection.predictions_to_ground_truth",
    ),
    Act(
        name="export",
        title="Export",
        verb="Export",
        says=_on_tasks("{} go into a file."),
        fields=_export_fields,
        run=_export,
        reads=True,
        audited="export.downloaded",
    ),
    Act(
        name="delete_predictions",
        title="Delete predictions",
        verb="Delete the predictions",
        says=_delete_says,
        fields=_one_version,
        run=_delete,
        is_danger=True,
        audited="selection.delete_tasks_predictions",
    ),
)


def register() -> None:
    """Puts them on each grid."""
    for act in ACTS:
        offers.register_act(act)
