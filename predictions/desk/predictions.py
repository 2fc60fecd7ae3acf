"""Pages of predictions: their list, their form, and each over its image."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from rest_framework.exceptions import ValidationError
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from desk.workspace_admin import (
    DeskForm,
    View,
    access_of,
    became,
    pretty,
)
from predictions.api.serializers import PredictionSerializer
from predictions.db import predictions
from predictions.db.places import target_of_prediction
from predictions.desk import acceptance, review
from predictions.desk.filters import (
    CreatedFilter,
    PredictionProblemFilter,
    ProjectFilter,
    ScoreFilter,
    VersionFilter,
)
from predictions.desk.project_rows import (
    LONG_COLUMNS,
    SUMMARY_LENGTH,
    RegionRows,
    as_request,
    checked,
    is_untouched,
    jsonb_length,
    picture_of_task,
    shortened,
)
from predictions.desk.reviewing import discussion
from predictions.models import Prediction
from predictions_api.http.fields import unknown_pk
from predictions_api.wording import score


class PredictionForm(DeskForm):
    """What a model says about a task."""

    class Meta:
        model = Prediction
        fields = (
            "task", "model_version", "score", "result", "cluster", "neighbors", "mislabeling",
            "model",
        )  # fmt: skip
        widgets = {
            "model_version": UnfoldAdminTextInputWidget,
            "neighbors": UnfoldAdminExpandableTextareaWidget,
        }


@admin.register(Prediction)
class PredictionDesk(RegionRows):
    """Predictions. Their project always is the task's."""

    form = PredictionForm
    when_empty = (
        "A prediction is what a model version said about a task. Load files of them into a "
        "project, run a prompt, or ask an ML backend."
    )
    list_display = (
        "__str__",
        "task_number",
        "project",
        "version",
        "shown_score",
        "regions",
        "created",
    )
    list_filter = (
        ProjectFilter, VersionFilter, ScoreFilter, CreatedFilter, PredictionProblemFilter,
    )  # fmt: skip
    autocomplete_fields = ("task", "model")
    fields = (
        "task", "project", "model_version", "score", "result", "cluster", "neighbors",
        "mislabeling", "model", "model_run_id", "created", "updated",
    )  # fmt: skip
    readonly_fields = ("project", "model_run_id", "created", "updated")

    def pages(self) -> Mapping[str, tuple[str, View]]:
        """Each prediction over its image; what may be done there is posted."""
        return {
            "review": ("<int:pk>/review/", require_GET(partial(review.review, self))),
            "accept": ("<int:pk>/accept/", require_POST(partial(acceptance.accept, self))),
            "ask": ("<int:pk>/accept/ask/", require_GET(partial(acceptance.ask, self))),
            "undo": ("<int:pk>/accept/undo/", require_POST(partial(acceptance.undo, self))),
            "comment": ("<int:pk>/comment/", require_POST(partial(discussion.comment, self))),
            "uncomment": ("<int:pk>/uncomment/", require_POST(partial(discussion.uncomment, self))),
            "reviewed": ("<int:pk>/reviewed/", require_POST(partial(discussion.reviewed, self))),
            "remove": ("<int:pk>/remove/", require_POST(partial(review.delete, self))),
        }

    def listed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Without results, which may be long; how many regions they have is counted there."""
        shown: QuerySet[Any] = rows.defer("result", "neighbors", *LONG_COLUMNS).annotate(
            n_regions=jsonb_length("result"),
            version_start=Left("model_version", SUMMARY_LENGTH + 1),
            local_picture=picture_of_task(),
        )
        return shown

    def save_model(self, request: HttpRequest, obj: Prediction, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        if is_untouched(form, change):
            return
        values = as_request(form.cleaned_data, form.changed_data, references=("task", "model"))
        access = access_of(request, obj.task.project.workspace_id, field="task")
        if not change:
            accepted = checked(PredictionSerializer(data={**values, "task": obj.task_id}))
            became(obj, predictions.create(accepted, access)["id"])
            return
        target = target_of_prediction(obj.pk, workspace_id=access.workspace_id)
        if target is None:
            # The form's new task is of another workspace than the stored one.
            raise ValidationError({"task": [unknown_pk(obj.task_id)]})
        predictions.update(
            obj.pk, checked(PredictionSerializer(data=values, partial=True)), access, target
        )

    def delete_model(self, request: HttpRequest, obj: Prediction) -> None:
        """Annotations made from it stay."""
        predictions.delete(obj.pk, access_of(request, self.workspace_id_of(obj), field="task"))

    @admin.display(description="neighbors")
    def shown_neighbors(self, prediction: Prediction) -> SafeString:
        return pretty(prediction.neighbors)

    @admin.display(description="model version")
    def version(self, prediction: Any) -> str:
        return shortened(prediction.version_start)

    @admin.display(description="score")
    def shown_score(self, prediction: Prediction) -> str:
        return score(prediction.score)
