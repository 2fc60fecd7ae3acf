"""What the store's operations read of a query string, beside the filters of predictions."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.exports import dataset, formats
from predictions.exports.project import SOURCES, TYPES
from predictions.filters.predictions import PredictionListParameters as PredictionListParameters
from predictions.filters.predictions import PredictionParameters
from predictions.formats.table import FORMATS
from predictions.pictures.thumbnails import SIDES
from predictions_api.http.parameters import (
    ChoiceParameter,
    FlagParameter,
    IdParameter,
    IdsParameter,
    LimitParameter,
    NoParameters,
    NumberParameter,
    OrderParameter,
    PageParameter,
    Parameters,
    RefusedParameter,
    TextParameter,
    WordsParameter,
)

#: Where what would narrow a list, or an action, is read.
IN_BODY = "It goes into the body."
IN_QUERY = "It goes into the query."
OF_UPSERT = "An import of tasks makes new tasks. Imports of predictions take upsert."
OF_VIEW = "POST /api/projects/{id}/exports/ exports the tasks of a saved view."


class UpsertParameters(Parameters):
    """How a prediction is stored."""

    upsert = FlagParameter(help_text="Replace predictions of the same task and version.")


class PredictionImportParameters(UpsertParameters):
    """How predictions are imported."""

    on_error = ChoiceParameter(["fail", "skip"], default="fail", help_text="What bad items do.")


class EscapeParameters(Parameters):
    """For whom a table is."""

    escape = FlagParameter(
        help_text="For a spreadsheet: text of a table that begins like a formula gets a `'` in"
        " front."
    )


class PredictionExportParameters(PredictionParameters, EscapeParameters):
    """Which predictions, in which format."""

    format = ChoiceParameter(
        [*formats.WRITERS, *dataset.FORMATS],
        default="ndjson",
        help_text="ndjson unless given. The data sets of other tools take `project`, and"
        " `model_version` or `ground_truth`, and no other filter.",
    )
    ground_truth = FlagParameter(
        help_text="The project's ground truth instead of predictions, as another tool's data set."
    )


class ThumbnailParameters(Parameters):
    """How large a thumbnail is."""

    size = ChoiceParameter(
        [str(side) for side in SIDES],
        default="320",
        help_text="Pixels of the longest side, 320 unless given.",
    )


class VersionDeleteParameters(Parameters):
    """The model version that is deleted."""

    project = IdParameter(required=True, help_text="The project.")
    model_version = TextParameter(empty_counts=True, help_text='Exactly this; empty for `""`.')
    model_version__isnull = FlagParameter(help_text="`true` for the null version.")


class TaskPageParameters(Parameters):
    """A page of tasks, and what is shown of them."""

    page = PageParameter(help_text="From 1; past the end is 404.")
    page_size = LimitParameter(
        max_value=1000, default=100, help_text="At most 1000; 100 by default."
    )
    include = WordsParameter(help_text="Only these keys, comma-separated.")
    fields = ChoiceParameter(  # type: ignore[assignment]  # as Label Studio calls it
        ["task_only", "all"],
        lenient=True,
        help_text="`all` for tasks with their predictions and annotations.",
    )


class TaskListParameters(TaskPageParameters):
    """Whose tasks, and which of them."""

    project = IdParameter(help_text="The project; 404 without it and without a view.")
    view = IdParameter(
        help_text="Only tasks of this saved view, in its order unless the query has one; its"
        " project need not be named."
    )
    query = TextParameter(
        help_text="JSON of the Data Manager: `filters`, `ordering` and `selectedItems`."
    )
    selectedItems = TextParameter(
        help_text="JSON as `selectedItems` of the query: these tasks, or all but these."
    )
    only_annotated = FlagParameter(
        help_text="Only tasks with an annotation that was not cancelled."
    )
    review = RefusedParameter(reason="Tasks are not listed for review here.", unless=("false", "0"))
    filters = RefusedParameter(reason=IN_QUERY)
    ordering = RefusedParameter(reason=IN_QUERY)
    view_id = RefusedParameter(reason="A view is named as view.")
    resolve_uri = FlagParameter(
        lenient=True, help_text="Without effect: addresses in the data stay as they are stored."
    )


class AnnotationListParameters(Parameters):
    """How a task's annotations are ordered."""

    ordering = OrderParameter(
        ("id", "created_at", "updated_at", "completed_by", "lead_time", "ground_truth"),
        help_text="Order; by id unless given.",
    )


class StorageListParameters(Parameters):
    """Whose storages."""

    project = IdParameter(required=True, help_text="The project.")
    ordering = OrderParameter(
        ("id", "title", "created_at", "last_sync", "last_sync_count", "status"),
        help_text="Order; by id unless given.",
    )


class ExportListParameters(Parameters):
    """How a project's exports are ordered."""

    ordering = OrderParameter(
        ("id", "title", "created_at", "finished_at", "status"),
        help_text="Order; the newest first unless given.",
    )


class ViewListParameters(Parameters):
    """Whose views."""

    project = IdParameter(help_text="Only this project's; those of all projects without.")


class ElsewhereParameters(Parameters):
    """What Label Studio's projects can be chosen by, and those here cannot."""

    archived = FlagParameter(lenient=True, help_text="`true` lists none: nothing is archived.")
    source_interface_id = RefusedParameter(reason="Projects have no interfaces here.")
    state = RefusedParameter(reason="Projects have no states here.")
    workspaces = RefusedParameter(reason="A key is for one workspace: its projects are listed.")


class ProjectListParameters(ElsewhereParameters):
    """Which projects, and what is shown of them."""

    include = WordsParameter(help_text="Only these keys, comma-separated.")
    title = TextParameter(help_text="Whose title contains this.")
    ids = IdsParameter(help_text="Only these ids, comma-separated.")
    search = TextParameter(help_text="Whose title or description contains this.")
    filter = ChoiceParameter(
        ["all", "pinned_only", "exclude_pinned"],
        default="all",
        help_text="Pinned ones, which have a `pinned_at`, or the others; all unless given.",
    )
    ordering = OrderParameter(
        ("id", "title", "created_at", "pinned_at"),
        help_text="Order; pinned ones first unless given, the last pinned before others, then"
        " those made last.",
    )
    members_limit = TextParameter(help_text="Without effect: members are not listed.")


class ModelVersionParameters(Parameters):
    """How a project's model versions are listed."""

    extended = FlagParameter(help_text="Lists, with each version's latest creation time.")
    include_live_models = FlagParameter(help_text="List ML backends too.")
    limit = LimitParameter(help_text="At most this many, newest first.")


class ExportTypeParameters(Parameters):
    """As what a project is exported."""

    exportType = ChoiceParameter(TYPES, help_text="JSON unless given.")
    export_type = ChoiceParameter(TYPES, help_text="The same; `exportType` goes first.")

    @classmethod
    def read(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """As declared; both names have what either gave, None without."""
        values = super().read(query)
        export_type = values["exportType"] or values["export_type"]
        return {**values, "exportType": export_type, "export_type": export_type}


class ExportJobParameters(NoParameters):
    """Of an export that its body describes: what Label Studio's clients give beside it."""

    interpolate_key_frames = FlagParameter(
        lenient=True, help_text="Without effect: key frames are exported as they are."
    )


class ProjectExportParameters(ExportTypeParameters, EscapeParameters):
    """What is exported of a project, and how."""

    source = ChoiceParameter(  # type: ignore[assignment]  # as Label Studio calls it
        SOURCES, default="annotations", help_text="annotations unless given."
    )
    ids = IdsParameter(help_text="Only these tasks: ids, comma-separated or repeated.")
    download_all_tasks = FlagParameter(
        help_text="Also tasks without annotations, or without predictions as the source."
    )
    model_version = TextParameter(
        empty_counts=True, help_text="Of predictions: only exactly this version's."
    )
    view = RefusedParameter(reason=OF_VIEW)
    query = RefusedParameter(reason=OF_VIEW)
    background = FlagParameter(help_text="Answer 202 and a job instead of the file.")
    download_resources = FlagParameter(
        lenient=True, help_text="Without effect: no image is fetched."
    )
    interpolate_key_frames = FlagParameter(
        lenient=True, help_text="Without effect: key frames are exported as they are."
    )

    def get_fields(self) -> dict[str, Any]:
        """Those declared, and Label Studio's other name of `ids`."""
        fields: dict[str, Any] = super().get_fields()
        return {**fields, "ids[]": IdsParameter(help_text="The same as `ids`.")}

    @classmethod
    def read(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """As declared; `ids` has those of all its names, None where none was given."""
        values = super().read(query)
        if values["model_version"] is not None and values["source"] != "predictions":
            raise ValidationError({"model_version": ["Goes with source=predictions."]})
        for name in ("ids", "ids[]"):
            if name in query and values[name] is None:  # a script that chose no task
                raise ValidationError({name: ["Names no task: leave it out to export all."]})
        given = [values[name] for name in ("ids", "ids[]") if values[name] is not None]
        return {**values, "ids": [one for ids in given for one in ids] if given else None}


class LoadParameters(Parameters):
    """What files are."""

    format = ChoiceParameter(FORMATS, help_text="The format of the files.")


class TaskImportParameters(LoadParameters):
    """How tasks are imported."""

    return_task_ids = FlagParameter(help_text="Answer the new tasks' ids.")
    commit_to_project = FlagParameter(default=True, help_text="`false` checks and stores nothing.")
    preannotated_from_fields = WordsParameter(
        help_text="Comma-separated: these fields of the data become predictions."
    )
    upsert = RefusedParameter(reason=OF_UPSERT, unless={"false", "0"})


class ActionListParameters(Parameters):
    """Whose tasks an action is for."""

    project = IdParameter(required=True, help_text="The project.")


class ActionParameters(ActionListParameters):
    """The action."""

    id = ChoiceParameter(
        [
            "delete_tasks",
            "delete_tasks_annotations",
            "delete_tasks_predictions",
            "predictions_to_annotations",
            "predictions_to_ground_truth",
            "add_tags",
            "remove_tags",
            "retrieve_tasks_predictions",
        ],
        lenient=True,
        required=True,
        help_text="The action.",
    )
    view = IdParameter(help_text="Only of the tasks of this saved view.")
    query = RefusedParameter(reason=IN_BODY)
    filters = RefusedParameter(reason=IN_BODY)
    selectedItems = RefusedParameter(reason=IN_BODY)
    model_version = RefusedParameter(reason=IN_BODY)
    tags = RefusedParameter(reason=IN_BODY)
    tabID = RefusedParameter(reason="A view is named as view.")
    wait = NumberParameter(
        help_text="Of `retrieve_tasks_predictions`: seconds, from 0 to 30, to wait for its jobs."
    )
