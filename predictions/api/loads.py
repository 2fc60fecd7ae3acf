"""Files of ground truth and detections by HTTP: into a project, or into one that is made."""

import time
from collections import Counter
from pathlib import PurePosixPath
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request

from accounts import audit
from accounts.authentication import access_of
from accounts.tokens import Access
from predictions.api import idempotency
from predictions.api.parameters import LoadParameters, TaskImportParameters
from predictions.api.schema import loads as docs
from predictions.api.serializers import ProjectSerializer
from predictions.api.viewset import Rows, json_response, validated
from predictions.db import projects
from predictions.formats.content import Ask
from predictions.formats.errors import BadFile, FileError
from predictions.formats.sources import Source, open_file
from predictions.formats.table import FORMATS
from predictions.imports.bodies import Form, Incoming, UploadParser, incoming
from predictions.imports.datasets import evaluation, pictures, recognition, targets
from predictions.imports.datasets.reading import Files
from predictions.imports.datasets.store import store
from predictions.imports.datasets.wishes import Loaded, Wishes
from predictions.models import Project
from predictions_api import memory
from predictions_api.http.fields import refuse_unread
from predictions_api.http.rendering import FormatIsOurs

SCOPE_TO_EVALUATE = "model-eval:write"
LACKS_SCOPE = f'This key lacks the scope "{SCOPE_TO_EVALUATE}".'
NEEDS_FORM = "Send a form (multipart/form-data) with the files `ground_truth` and `predictions`."
NEEDS_VERSION = "To evaluate, `predictions` and their `model_version` are needed."
OF_TASKS = "This is of tasks, and is not read with `format`."
ONE_FILE = "Give one file of each name; a folder is sent as one ZIP."
#: Of the files of a request, unpacked.
MOST_BYTES = 1 << 29
TOO_LARGE = f"Unpacked, the files have over {MOST_BYTES:,} bytes: `manage.py load` takes them."
#: What a load needs of memory, at most, for each byte of its files.
MEMORY_A_BYTE = 3
#: What painting masks may take, in steps: half a minute for a hundred thousand of COCO's size.
MOST_WORK = 2**32


class LoadViewSet(Rows):
    """Files that make a project."""

    queryset = Project.objects.none()
    parser_classes = [UploadParser]
    content_negotiation_class = FormatIsOurs
    serializer_class = docs.LoadSerializer
    #: What the fields of the form are read with.
    form_class: ClassVar[type[docs.FilesSerializer]] = docs.LoadSerializer

    def target(self, values: dict[str, Any]) -> Project | str:
        """The project that the form names, or the title of a new one. ValidationError."""
        return targets.by_title(values["title"], workspace_id=self.access().workspace_id)

    @docs.LOAD
    @audit.recorded("dataset.loaded")
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        wanted = LoadParameters.read_strictly(request.query_params)
        body = incoming(request)
        access = self.access()

        def load() -> HttpResponse:
            form = _form(body)
            values = validated(self.form_class, _given(form, self.form_class))
            if values["evaluate"]:
                _check_evaluates(values, access)
            to = self.target(values)
            loaded, imported = _load(form, values, wanted["format"], to, access)
            started = None
            if values["evaluate"]:
                started = evaluation.start(loaded.project, values["model_version"].strip())
            audit.note(request, target=f"project {loaded.project.pk}", **_counts(loaded))
            totals = projects.project_totals(loaded.project.pk)
            document = {**ProjectSerializer(loaded.project).data, **totals}
            answer = {"project": document, "import": imported, "evaluation": started}
            return json_response(answer, status.HTTP_201_CREATED)

        try:
            return idempotency.once(request, load, digest=body.digest)
        finally:
            body.close()


def answer(
    request: Request, body: Incoming, wanted: dict[str, Any], project: Project
) -> HttpResponse:
    """The same into a project that is there: what an import answers, and what was found."""
    access = access_of(request)
    TaskImportParameters.read_strictly(request.query_params)
    _refuse_task_parameters(wanted)

    def load() -> HttpResponse:
        form = _form(body)
        values = validated(docs.FilesSerializer, _given(form, docs.FilesSerializer))
        loaded, imported = _load(form, values, wanted["format"], project, access)
        audit.note(request, format=wanted["format"], **_counts(loaded))
        if wanted["return_task_ids"]:
            imported["task_ids"] = loaded.task_ids
        return json_response(imported, status.HTTP_201_CREATED)

    try:
        return idempotency.once(request, load, digest=body.digest)
    finally:
        body.close()


def _refuse_task_parameters(wanted: dict[str, Any]) -> None:
    """ValidationError for what is told of tasks alone: nothing would be checked without storing."""
    told = {
        "commit_to_project": not wanted["commit_to_project"],
        "preannotated_from_fields": bool(wanted["preannotated_from_fields"]),
    }
    if errors := {name: [OF_TASKS] for name, is_told in told.items() if is_told}:
        raise ValidationError(errors)


def _form(body: Incoming) -> Form:
    if body.form is None:
        raise ValidationError([NEEDS_FORM])
    return body.form


def _given(form: Form, form_class: type[docs.FilesSerializer]) -> dict[str, Any]:
    """What a form gives: fields that are left empty are not given. ValidationError for names that
    nothing reads, and for several files of one.
    """
    # The title is that of a form for a new project, and does no harm.
    refuse_unread(dict.fromkeys([*form.fields, *form.named]), {*form_class().fields, "title"})
    if len(form.files) > len(form.named):
        raise ValidationError({name: [ONE_FILE] for name in form.named})
    return {name: text for name, text in form.fields.items() if text != ""}


def _check_evaluates(values: dict[str, Any], access: Access) -> None:
    if not access.allows(SCOPE_TO_EVALUATE):
        raise PermissionDenied(LACKS_SCOPE)
    if not values.get("model_version"):
        raise ValidationError({"evaluate": [NEEDS_VERSION]})


def _load(
    form: Form, values: dict[str, Any], name: str | None, to: Project | str, access: Access
) -> tuple[Loaded, dict[str, Any]]:
    started = time.perf_counter()
    warnings = []
    try:
        truth, predictions = _opened(form, "ground_truth"), _opened(form, "predictions")
        sizes = [source.size for source in (truth, predictions) if source is not None]
        if sum(sizes) > MOST_BYTES:
            raise BadFile([FileError("", TOO_LARGE)])
        memory.hold(MEMORY_A_BYTE * sum(sizes))
        name, note = recognition.format_of(name, truth, predictions)
    except BadFile as exc:
        raise ValidationError([str(one) for one in exc.errors]) from None
    if note:
        warnings.append(note)
    files = _files(values, name, truth, predictions)
    author = projects.Author(access.workspace_id, access.user_id)
    loaded = store(files, to, author, _wishes(values, access))
    suffixes = (PurePosixPath(str(one.name)).suffix.lower() for one in form.named.values())
    return loaded, {
        "task_count": loaded.n_new_tasks,
        "annotation_count": loaded.n_truths,
        "prediction_count": loaded.n_predictions,
        "duration": time.perf_counter() - started,
        "file_upload_ids": [],
        "could_be_tasks_list": False,
        "found_formats": dict(Counter(suffixes)),
        "data_columns": [loaded.shown],
        "found": loaded.found,
        "warnings": warnings + loaded.warnings,
    }


def _files(
    values: dict[str, Any], name: str, truth: Source | None, predictions: Source | None
) -> Files:
    other = values.get("predictions_format")
    return Files(
        format=FORMATS[name],
        truth=truth,
        predictions=predictions,
        predictions_format=FORMATS[other] if other else None,
        ask=Ask(
            shapes=values.get("shapes"),
            category_offset=values.get("category_offset"),
            image_column=values.get("image_column"),
            truth_field=values.get("truth_field"),
            predictions_field=values.get("predictions_field"),
            label_map=targets.label_map(values.get("label_map", {})),
        ),
    )


def _wishes(values: dict[str, Any], access: Access) -> Wishes:
    root = values.get("image_root")
    return Wishes(
        model_version=values.get("model_version"),
        split=values.get("split"),
        pictures=pictures.pictures_at(root, workspace_id=access.workspace_id),
        missing_pictures_ok=values["missing_images_ok"],
        replaces_truth=values["replace_ground_truth"],
        adds_labels=values["add_labels"],
        most_work=MOST_WORK,
    )


def _counts(loaded: Loaded) -> dict[str, Any]:
    return {
        "tasks": loaded.n_new_tasks,
        "ground_truth": loaded.n_truths,
        "predictions": loaded.n_predictions,
    }


def _opened(form: Form, field: str) -> Source | None:
    upload = form.named.get(field)
    if upload is None:
        return None
    file: Any = upload.file
    file.seek(0)
    return open_file(str(upload.name), file)
