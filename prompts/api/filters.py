"""Which prompts, runs or tasks a request is for."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from predictions.models import Project
from predictions.regions.config import Config, names_of, read_config
from predictions.regions.controls import CLASS_KEYS
from predictions_api.http.parameters import ordered
from prompts.api.parameters import SubsetParameters
from prompts.asking.agreement import Comparison
from prompts.db import queries, subsets
from prompts.db.subset_tasks import RUNS_OF_PROMPT, TASKS_OF_RUN, SubsetFilter
from prompts.models import ModelRun

TASK_ORDERINGS = {
    "id": "t.id",
    "-id": "t.id DESC",
    "score": "i.agreement NULLS FIRST, t.id",
    "-score": "i.agreement DESC NULLS LAST, t.id",
}


def runs(rows: QuerySet[ModelRun], asked: Mapping[str, Any]) -> QuerySet[ModelRun]:
    """Runs of a project, a subset or a prompt, newest first."""
    if asked["project"] is not None:
        rows = rows.filter(project_id=asked["project"])
    if asked["parent_model"] is not None:
        rows = rows.filter(model_version__parent_model_id=asked["parent_model"])
    if asked["project_subset"]:
        rows = rows.filter(project_subset=asked["project_subset"])
    return ordered(rows.order_by("-id"), asked["ordering"])


# A class that regions of a result have by one of its names, of one control if it is named. What
# else a value holds is none: the text of a span may be called as a class is.
HAS_CLASS = (
    "jsonb_path_exists({result}, %s::jsonpath, jsonb_build_object('class', %s::text[]{more}))"
)
CLASSES = (
    '.value ? (@.type() == "object").keyvalue()'
    f' ? (@.key like_regex "^({"|".join(sorted(CLASS_KEYS | {"selected"}))})$")'
    ".value[*] ? (@ == $class[*])"
)
ANY_CONTROL = f"$[*]{CLASSES}"
ONE_CONTROL = f"$[*] ? (@.from_name == $name){CLASSES}"


def _has_class(result: str, label: str, name: str | None, config: Config) -> subsets.Clause:
    names = names_of(config, label, control=name)
    if name is None:
        return HAS_CLASS.format(result=result, more=""), [ANY_CONTROL, names]
    sql = HAS_CLASS.format(result=result, more=", 'name', %s::text")
    return sql, [ONE_CONTROL, names, name]


def _aligned(wanted: SubsetFilter, asked: Mapping[str, Any], config: Config) -> None:
    label, name = asked["alignment_class"], asked["alignment_from_name"]
    if label is None:
        return
    predicted, predicted_params = _has_class("p.result", label, name, config)
    true, true_params = _has_class("a.result", label, name, config)
    predicted, true = f"coalesce({predicted}, false)", f"coalesce({true}, false)"
    combined = {
        "all": f"{predicted} OR {true}",
        "true_positive": f"{predicted} AND {true}",
        # Without ground truth nothing is known to be wrong.
        "false_positive": f"{predicted} AND a.id IS NOT NULL AND NOT {true}",
        "false_negative": f"NOT {predicted} AND {true}",
    }
    wanted.add(combined[asked["alignment_outcome"]], *predicted_params, *true_params)


# What only says more of another parameter.
MORE_OF = {
    "output_from_name": "output_class",
    "alignment_from_name": "alignment_class",
    "alignment_outcome": "alignment_class",
}


def _refuse_alone(asked: Mapping[str, Any]) -> None:
    """ValidationError for a parameter without the one that it says more of: it would be passed
    over, and all tasks listed.
    """
    for name, of in MORE_OF.items():
        if asked[name] not in {None, "all"} and asked[of] is None:
            raise ValidationError(
                {name: [f"Name {of}, too: without it all tasks would be listed."]}
            )


def subset_tasks(asked: Mapping[str, Any], *, project: Project, workspace_id: int) -> SubsetFilter:
    """The filter that `SubsetTaskParameters` describe."""
    _refuse_alone(asked)
    project_id, config = project.pk, read_config(project.label_config)
    runs_sql = RUNS_OF_PROMPT
    params: list[Any] = [project_id, asked["parent_model"], workspace_id]
    for name, column in (("model_run", "r.id"), ("model_version", "r.model_version_id")):
        if asked[name] is not None:
            runs_sql += f" AND {column} = %s"
            params.append(asked[name])
    wanted = SubsetFilter(
        project_id=project_id,
        comparison=Comparison(config),
        runs=runs_sql,
        runs_params=params,
        tasks=_tasks(asked["project_subset"], project_id=project_id, run_id=asked["model_run"]),
    )
    for version_id in asked["prediction_version_ids"] or []:
        wanted.add(subsets.HAS_PREDICTION, version_id)
    if asked["output_class"] is not None:
        sql, class_params = _has_class(
            "p.result", asked["output_class"], asked["output_from_name"], config
        )
        wanted.add(sql, *class_params)
    _aligned(wanted, asked, config)
    wanted.order = TASK_ORDERINGS[asked["ordering"]]
    return wanted


def _tasks(subset: str | None, *, project_id: int, run_id: int | None) -> subsets.Clause:
    """The tasks of a subset; of a run's own where none, or Custom, is asked for."""
    if run_id is not None and subset in {None, "Custom"}:
        return TASKS_OF_RUN, [run_id, project_id]
    values = {"project_subset": "All" if subset in {None, "Custom"} else subset}
    return subsets.tasks_sql(
        values, project_id=project_id, sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE
    )


def failures(asked: Mapping[str, Any]) -> dict[str, int]:
    """Of which task, project or run. ValidationError where none is named."""
    names = ("task", "project", "model_run")
    named = {name: asked[name] for name in names if asked[name] is not None}
    if not named:
        raise ValidationError({"project": ["Name a project, a task or a model_run."]})
    return named


def compatible_projects(asked: Mapping[str, Any], *, workspace_id: int) -> QuerySet[Any]:
    """Projects a prompt can be for; nothing is archived."""
    rows = Project.objects.filter(
        pk__in=queries.compatible_project_ids(workspace_id, asked["project_type"])
    ).select_related("created_by")
    if asked["title"]:
        rows = rows.filter(title__icontains=asked["title"])
    if asked["ids"] is not None:
        rows = rows.filter(pk__in=asked["ids"])
    if asked["archived"]:
        rows = rows.none()
    return ordered(rows.order_by("-id"), asked["ordering"])


def asked_subset(query: Mapping[str, str], project: Project) -> subsets.Clause:
    """The subset a query string names; All unless it does."""
    asked = SubsetParameters.read(query)
    return subsets.tasks_sql(
        {"project_subset": asked["project_subset"]},
        project_id=project.pk,
        sample_size=settings.PROMPTER_SAMPLE_SUBSET_SIZE,
    )
