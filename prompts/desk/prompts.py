"""Pages of prompts and their versions.

Forms only collect values: the serializers of the API check them and `prompts.db` stores them.
"""

from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from desk.workspace_admin import CODE, DeskForm, access_of, became, roles_of
from predictions.desk.project_rows import checked
from prompts.api.serializers.prompts import PromptSerializer, PromptVersionSerializer
from prompts.db import prompts
from prompts.desk.filters import CreatedFilter, PromptProjectFilter, VersionProjectFilter
from prompts.desk.rows import EditedRows, changed_values
from prompts.models import Prompt, PromptVersion


class PromptForm(DeskForm):
    """A prompt's settings."""

    class Meta:
        model = Prompt
        fields = (
            "workspace", "title", "description", "skill_name", "associated_projects",
            "input_fields", "output_classes",
        )  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "skill_name": "What it predicts",
            "associated_projects": "Projects",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "title": "Predictions name it: those of its version v1 are of the model version "
            "title__v1.",
            "description": "For people; no model reads it.",
            "associated_projects": "Whose tasks it may be run on. Hold Ctrl to choose several.",
            "input_fields": 'What of a task\'s data its versions may name, such as ["text"], '
            "beside the fields that the projects have.",
            "output_classes": 'For people: the classes it answers with, such as ["good", "bad"]. '
            "Those of an answer come from the project's labelling config.",
        }


@admin.register(Prompt)
class PromptDesk(EditedRows):
    """Prompts."""

    form = PromptForm
    when_empty = (
        "A prompt says what a language model is asked about the tasks of a project. Add one, "
        "then a version of it, and run that."
    )
    list_display = ("title", "workspace", "skill_name", "created", "updated")
    list_filter = (PromptProjectFilter, CreatedFilter)
    list_select_related = ("workspace",)
    search_fields = ("title",)
    fields = (*PromptForm.Meta.fields, "created", "created_by")
    belongs_to = "workspace"
    audited = frozenset({"deleted"})
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "created_by")

    def workspace_id_of(self, obj: Prompt) -> int:
        return obj.workspace_id

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, obj.workspace_id, field="workspace")
        values = changed_values(form)
        values.pop("workspace", None)
        if "associated_projects" in values:
            values["associated_projects"] = [row.pk for row in values["associated_projects"]]
        accepted = checked(PromptSerializer(data=values, partial=change))
        if change:
            prompts.update_prompt(Prompt.objects.get(pk=obj.pk), accepted, access)
        else:
            became(obj, prompts.create_prompt(accepted, access).pk)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """`save_model` has stored the projects, too."""


class VersionForm(DeskForm):
    """A wording and its model."""

    class Meta:
        model = PromptVersion
        fields = (
            "parent_model", "title", "prompt", "provider", "provider_model_id",
            "model_provider_connection", "max_few_shot_examples",
        )  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "parent_model": "Prompt",
            "prompt": "Text",
            "provider_model_id": "Model",
            "model_provider_connection": "Provider connection",
            "max_few_shot_examples": "Examples",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "title": "Such as v1.",
            "prompt": "What the model reads of each task; {text} stands for the field text of its "
            "data.",
            "provider_model_id": "As the provider calls it, such as gpt-4o-mini or llama3.2.",
            "max_few_shot_examples": "How many tasks with ground truth it is shown before each "
            "question.",
        }
        widgets = {"prompt": CODE}


@admin.register(PromptVersion)
class VersionDesk(EditedRows):
    """Versions of prompts."""

    form = VersionForm
    when_empty = (
        "A version is a prompt's text and the model that answers it; running it stores "
        "predictions. A prompt has to be there first."
    )
    list_display = ("title", "of_prompt", "provider_model_id", "created", "updated")
    list_filter = (VersionProjectFilter, CreatedFilter)
    list_select_related = ("parent_model",)
    search_fields = ("title", "parent_model__title")
    autocomplete_fields = ("parent_model",)
    fields = (*VersionForm.Meta.fields, "created", "created_by")
    belongs_to = "parent_model"
    audited_as = "version"
    audited = frozenset({"deleted"})
    actions_detail = ("to_run",)
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "created_by")

    def workspace_id_of(self, obj: PromptVersion) -> int:
        return obj.parent_model.workspace_id

    def has_start_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the button shows; the page behind it looks closer."""
        return self._has_role(request, None, self.writers)

    @action(  # type: ignore[untyped-decorator]
        description="Run", url_path="run", permissions=["start"]
    )
    def to_run(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """To the page that begins a run of the version."""
        return redirect(f"{reverse('admin:prompts_modelrun_new')}?version={quote(object_id)}")

    def scope(self, request: HttpRequest) -> Q:
        return Q(parent_model__workspace_id__in=list(roles_of(request)))

    def save_model(self, request: HttpRequest, obj: PromptVersion, form: Any, change: bool) -> None:
        """Creates, or writes what was changed; ValidationError for what the API would refuse."""
        access = access_of(request, self.workspace_id_of(obj), field="parent_model")
        values = changed_values(form)
        values.pop("parent_model", None)
        accepted = checked(PromptVersionSerializer(data=values, partial=change))
        if change:
            stored = PromptVersion.objects.select_related("parent_model").get(pk=obj.pk)
            prompts.update_version(stored, accepted)
        else:
            became(obj, prompts.create_version(obj.parent_model, accepted, access).pk)

    @admin.display(description="prompt")
    def of_prompt(self, version: PromptVersion) -> str:
        return version.parent_model.title
