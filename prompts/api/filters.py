"""What a query string asks of a list of prompts, runs or tasks."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from predictions.models import Project
from predictions_api.http.query import ID_TEXT, INVALID_CHOICE, an_id, given
from prompts.db import queries, subsets
from prompts.db.subset_tasks import RUNS_OF_PROMPT, TASKS_OF_RUN, SubsetFilter
from prompts.models import ModelRun

PROMPT_ORDERINGS = ("id", "title", "created_at", "updated_at", "best_score", "runs_count")
VERSION_ORDERINGS = ("id", "title", "created_at", "updated_at", "score")
RUN_ORDERINGS = ("id", "created_at", "completed_at", "status", "total_predictions")
CONNECTION_ORDERINGS = ("id", "provider", "created_at", "updated_at")
TASK_ORDERINGS = {
    "id": "t.id",
    "-id": "t.id DESC",
    "score": "i.agreement NULLS FIRST, t.id",
    "-score": "i.agreement DESC NULLS LAST, t.id",
}
MAX_IDS = 1000


def ordered(rows: QuerySet[Any], query: Mapping[str, str], names: tuple[str, ...]) -> QuerySet[Any]:
    """By `ordering`, a name or `-` and a name. ValidationError for others."""
    wanted = given(query, "ordering")
    if wanted is None:
        return rows
    if wanted.removeprefix("-") not in names:
        raise ValidationError({"ordering": [INVALID_CHOICE]})
    return rows.order_by(wanted, "id")


def ids(query: Mapping[str, str], name: str) -> list[int] | None:
    """A comma-separated list of ids. ValidationError for anything else."""
    text = given(query, name)
    if text is None:
        return None
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if len(entries) > MAX_IDS or not all(ID_TEXT.fullmatch(entry) for entry in entries):
        raise ValidationError({name: ["Enter ids, comma-separated."]})
    return [int(entry) for entry in entries if int(entry) < 2**63]


def a_choice(query: Mapping[str, str], name: str, choices: list[str]) -> str | None:
    """One of the choices, or None. ValidationError for anything else."""
    text = given(query, name)
    if text is not None and text not in choices:
        raise ValidationError({name: [INVALID_CHOICE]})
    return text


def runs(rows: QuerySet[ModelRun], query: Mapping[str, str]) -> QuerySet[ModelRun]:
    """Runs of a project, a subset or a prompt, newest first."""
    if (project_id := an_id(query, "project")) is not None:
        rows = rows.filter(project_id=project_id)
    if (prompt_id := an_id(query, "parent_model")) is not None:
        rows = rows.filter(model_version__parent_model_id=prompt_id)
    if subset := a_choice(query, "project_subset", list(ModelRun.Subset.values)):
        rows = rows.filter(project_subset=subset)
    return ordered(rows.order_by("-id"), query, RUN_ORDERINGS)


# A class that stands anywhere in the regions of a result, of one control if it is named.
HAS_CLASS = "jsonb_path_exists({result}, %s::jsonpath, jsonb_build_object('class', %s::text{more}))"
ANY_CONTROL = "$[*].value.*[*] ? (@ == $class)"
ONE_CONTROL = "$[*] ? (@.from_name == $name).value.*[*] ? (@ == $class)"


def _has_class(result: str, label: str, name: str | None) -> subsets.Clause:
    if name is None:
        return HAS_CLASS.format(result=result, more=""), [ANY_CONTROL, label]
    sql = HAS_CLASS.format(result=result, more=", 'name', %s::text")
    return sql, [ONE_CONTROL, label, name]


def _aligned(wanted: SubsetFilter, query: Mapping[str, str]) -> None:
    label = given(query, "alignment_class")
    outcomes = ["all", "true_positive", "false_positive", "false_negative"]
    outcome = a_choice(query, "alignment_outcome", outcomes) or "all"
    if label is None:
        return
    name = given(query, "alignment_from_name")
    predicted, predicted_params = _has_class("p.result", label, name)
    true, true_params = _has_class("a.result", label, name)
    predicted, true = f"coalesce({predicted}, false)", f"coalesce({true}, false)"
    combined = {
        "all": f"{predicted} OR {true}",
        "true_positive": f"{predicted} AND {true}",
        "false_positive": f"{predicted} AND NOT {true}",
        "false_negative": f"NOT {predicted} AND {true}",
    }
    wanted.add(combined[outcome], *predicted_params, *true_params)


def subset_tasks(query: Mapping[str, str], *, project_id: int, workspace_id: int) -> SubsetFilter:
    """The filter a query string describes. ValidationError for what cannot be read, and without
    `parent_model`."""
    prompt_id = an_id(query, "parent_model")
    if prompt_id is None:
        raise ValidationError({"parent_model": ["This field is required."]})
    runs_sql = RUNS_OF_PROMPT
    params: list[Any] = [project_id, prompt_id, workspace_id]
    for name, column in (("model_run", "r.id"), ("model_version", "r.model_version_id")):
        value = an_id(query, name)
        if value is not None:
            runs_sql += f" AND {column} = %s"
            params.append(value)
    run_id = an_id(query, "model_run")
    wanted = SubsetFilter(
        runs=runs_sql,
        runs_params=params,
        tasks=_tasks(query, project_id=project_id, run_id=run_id),
    )
    for version_id in ids(query, "prediction_version_ids") or []:
        wanted.add(subsets.HAS_PREDICTION, version_id)
    if (label := given(query, "output_class")) is not None:
        sql, class_params = _has_class("p.result", label, given(query, "output_from_name"))
        wanted.add(sql, *class_params)
    _aligned(wanted, query)
    ordering = given(query, "ordering") or "id"
    if ordering not in TASK_ORDERINGS:
        raise ValidationError({"ordering": [INVALID_CHOICE]})
    wanted.order = TASK_ORDERINGS[ordering]
    return wanted


def _tasks(query: Mapping[str, str], *, project_id: int, run_id: int | None) -> subsets.Clause:
    """The tasks of a subset; of a run's own where none, or Custom, is asked for."""
    subset = a_choice(query, "project_subset", list(ModelRun.Subset.values))
    if run_id is not None and subset in {None, "Custom"}:
        return TASKS_OF_RUN, [run_id, project_id]
    values = {"project_subset": "All" if subset in {None, "Custom"} else subset}
    return subsets.tasks_sql(
        values, project_id=project_id, sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE
    )


def failures(query: Mapping[str, str]) -> dict[str, int]:
    """Of which task, project or run. ValidationError where none is named."""
    found = {name: an_id(query, name) for name in ("task", "project", "model_run")}
    named = {name: value for name, value in found.items() if value is not None}
    if not named:
        raise ValidationError({"project": ["Name a project, a task or a model_run."]})
    return named


def compatible_projects(query: Mapping[str, str], *, workspace_id: int) -> QuerySet[Any]:
    """Projects a prompt can be for. `state`, `workspaces` and `source_interface_id` name things
    that do not exist here and exclude nothing; nothing is archived."""
    kind = a_choice(query, "project_type", list(queries.PROJECT_TYPES))
    rows = Project.objects.filter(
        pk__in=queries.compatible_project_ids(workspace_id, kind)
    ).select_related("created_by")
    if title := given(query, "title"):
        rows = rows.filter(title__icontains=title)
    if (wanted := ids(query, "ids")) is not None:
        rows = rows.filter(pk__in=wanted)
    if (given(query, "archived") or "").lower() in {"true", "1"}:
        rows = rows.none()
    return ordered(rows.order_by("-id"), query, ("id", "title", "created_at", "updated_at"))


def asked_subset(query: Mapping[str, str], project: Project) -> subsets.Clause:
    """The subset a query string names; All unless it does."""
    choices = [subset for subset in ModelRun.Subset.values if subset != "Custom"]
    subset = a_choice(query, "project_subset", choices) or "All"
    return subsets.tasks_sql(
        {"project_subset": subset},
        project_id=project.pk,
        sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE,
    )
