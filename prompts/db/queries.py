"""Every read that is more than a row by its key. All are scoped by workspace.

Lists take the same number of statements for any number of rows.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import (
    Case,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Cast, Coalesce
from rest_framework.exceptions import ValidationError

from predictions.db.documents import Document
from predictions.db.places import in_project, in_slot
from predictions.models import Project, Task
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import json_value
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import at_path, execute, fetch_all, fetch_one
from prompts.db import items, subsets
from prompts.models import (
    FailedPrediction,
    ModelRun,
    Prompt,
    PromptVersion,
    ProviderConnection,
)

# A run's mean agreement with the ground truth.
AGREEMENT = ExpressionWrapper(
    F("agreement_sum") / Cast("total_compared", FloatField()), output_field=FloatField()
)
SCORED_RUNS = ModelRun.objects.filter(status=ModelRun.Status.COMPLETED, total_compared__gt=0)


def _is_all_of(run: str) -> Q:
    """Whether a run at that path is over no fewer tasks than the one that it repeats."""
    source = Q(**{f"{run}source_model_run": None})
    return source | Q(**{f"{run}total_tasks__gte": F(f"{run}source_model_run__total_tasks")})


# Not over what an earlier run left open or got wrong: such tasks are not like the others. What
# repeats a run of a part is of a part, too.
IS_WHOLE = Q(only_missing_predictions=False) & (
    Q(task_ids=None) | (_is_all_of("") & _is_all_of("source_model_run__"))
)


def whole_first(rows: QuerySet[ModelRun]) -> QuerySet[ModelRun]:
    """The newest first, those of a part of another run's tasks behind all others."""
    part = Case(When(IS_WHOLE, then=0), default=1, output_field=IntegerField())
    return rows.order_by(part, "-id")


def _number_of(rows: QuerySet[Any], key: str) -> Coalesce:
    counted = rows.order_by().values(key).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def prompts(workspace_id: int) -> QuerySet[Prompt]:
    """The workspace's prompts with how they do: two statements for any number."""
    of_prompt = "model_version__parent_model"
    mine = SCORED_RUNS.filter(**{of_prompt: OuterRef("pk")}).order_by().values(of_prompt)
    best = mine.annotate(
        best=Coalesce(Max(AGREEMENT, filter=IS_WHOLE), Max(AGREEMENT)),
    ).values("best")
    return (
        Prompt.objects.filter(workspace_id=workspace_id)
        .select_related("created_by")
        .prefetch_related("associated_projects")
        .annotate(
            best_score=Subquery(best, output_field=FloatField()),
            runs_count=_number_of(
                ModelRun.objects.filter(**{of_prompt: OuterRef("pk")}), of_prompt
            ),
            versions_count=_number_of(
                PromptVersion.objects.filter(parent_model=OuterRef("pk")), "parent_model"
            ),
        )
    )


def versions(prompt_id: int, *, workspace_id: int) -> QuerySet[PromptVersion]:
    """The versions of a prompt of the workspace, with their score. One statement."""
    latest = whole_first(SCORED_RUNS.filter(model_version=OuterRef("pk")))
    score = latest.annotate(score=AGREEMENT).values("score")[:1]
    return (
        PromptVersion.objects.filter(
            parent_model_id=prompt_id, parent_model__workspace_id=workspace_id
        )
        .select_related("parent_model", "created_by")
        .annotate(score=Subquery(score, output_field=FloatField()))
        .order_by("id")
    )


def runs(workspace_id: int) -> QuerySet[ModelRun]:
    """The workspace's runs with what their documents show. One statement."""
    return (
        ModelRun.objects.filter(project__workspace_id=workspace_id)
        .select_related("project", "model_version", "created_by")
        .defer("project__parsed_label_config")
    )


def connections(workspace_id: int) -> QuerySet[ProviderConnection]:
    """The workspace's provider connections. One statement."""
    return ProviderConnection.objects.filter(workspace_id=workspace_id).select_related("created_by")


def project(project_id: int, *, workspace_id: int) -> Project | None:
    """A project of the workspace, or None."""
    return Project.objects.filter(pk=project_id, workspace_id=workspace_id).first()


PROJECT_TYPES = {
    "TextClassification": '$.* ? (@.type == "Choices" && @.inputs[*].type == "Text")',
    "NamedEntityRecognition": '$.* ? (@.type == "Labels" && @.inputs[*].type == "Text")',
}


def compatible_project_ids(workspace_id: int, project_type: str | None) -> list[int]:
    """Projects of the workspace whose config a prompt can fill; of a type, if one is named."""
    path = PROJECT_TYPES[project_type] if project_type else "$.*"
    rows = fetch_all(
        "SELECT id FROM predictions_project WHERE workspace_id = %s"
        " AND jsonb_path_exists(parsed_label_config, %s::jsonpath)",
        [workspace_id, path],
    )
    return [row[0] for row in rows]


# By prompts_failed_run_idx, the project's index, or the task's.
def failures(clauses: dict[str, int], *, workspace_id: int, limit: int) -> list[Document]:
    """Failed predictions by task, project or run, newest first. One statement."""
    columns = {"task": "f.task_id", "project": "f.project_id", "model_run": "f.model_run_id"}
    where = "".join(f" AND {columns[name]} = %s" for name in clauses)
    rows = fetch_all(
        "SELECT f.id, f.message, f.error_type, f.created_at, f.model_version_id, f.model_run_id,"  # noqa: S608
        " f.task_id, f.project_id FROM prompts_failedprediction f"
        " JOIN predictions_project j ON j.id = f.project_id"
        f" WHERE j.workspace_id = %s{where} ORDER BY f.id DESC LIMIT %s",
        [workspace_id, *clauses.values(), limit],
    )
    keys = [
        "id",
        "message",
        "error_type",
        "created_at",
        "model_version",
        "model_run",
        "task",
        "project",
    ]
    return [dict(zip(keys, row, strict=True)) for row in rows]


#: So many types of failure are told by name; the rest of a run's failures are of this one.
MAX_TYPES = 100
OTHERS = "others"


def failure_counts(run: ModelRun) -> dict[str, int]:
    """How many of a run's tasks failed, by error type, most frequent first. They are as many as
    `total_failed`: those of rarer types, and of tasks that were deleted since, are `others`.
    """
    failed = in_slot(FailedPrediction.objects.filter(model_run=run), items.slot_of(run.pk))
    counted = failed.order_by().values_list("error_type").annotate(n=Count("pk"))
    found = dict(counted.order_by("-n", "error_type")[:MAX_TYPES])
    if (rest := run.total_failed - sum(found.values())) > 0:
        found[OTHERS] = found.get(OTHERS, 0) + rest
    return found


def subset_counts(project_id: int, *, sample_size: int) -> dict[str, int]:
    """How many tasks All, HasGT and Sample have. One statement."""
    row = fetch_one(
        f"SELECT count(*), count(*) FILTER (WHERE {subsets.HAS_GT})"  # noqa: S608
        " FROM predictions_task t WHERE t.project_id = %s",
        [project_id],
        slot=slots.of_project(project_id),
    ) or (0, 0)
    return {"All": row[0], "HasGT": row[1], "Sample": min(row[0], sample_size)}


def prediction_counts(
    clause: subsets.Clause, version_id: int, *, project_id: int
) -> dict[str, int]:
    """Of a subset's tasks: how many there are, and how many the version has predicted."""
    sql, params = clause
    row = fetch_one(
        f"SELECT count(*), count(*) FILTER (WHERE {subsets.HAS_PREDICTION})"  # noqa: S608
        f" FROM ({sql}) t",
        [version_id, *params],
        slot=slots.of_project(project_id),
    ) or (0, 0)
    return {"existing_predictions": row[1], "tasks_to_run": row[0] - row[1], "total_tasks": row[0]}


# The sampled tasks' average size stands for all; by (project, id).
TEXT_OF_FIELD = f"{at_path('t.data', 'f.path')} #>> '{{{{}}}}'"
SIZES_SQL = f"""
SELECT (SELECT count(*) FROM ({{sql}}) s),
       (SELECT avg((SELECT sum(octet_length({TEXT_OF_FIELD}))
            FROM (SELECT string_to_array(name, '.') FROM unnest(%s::text[]) n(name)) f(path)))
        FROM predictions_task t
        WHERE t.id IN (SELECT s.id FROM ({{sql}}) s ORDER BY s.id LIMIT 200))
"""  # noqa: S608


def subset_size(
    clause: subsets.Clause, *, project_id: int, fields: Sequence[str]
) -> tuple[int, float]:
    """How many tasks a subset has, and about how many bytes these fields of each hold."""
    sql, params = clause
    text, values = SIZES_SQL.format(sql=sql), [*params, list(fields), *params]
    row = fetch_one(text, values, slot=slots.of_project(project_id)) or (0, 0)
    return int(row[0]), float(row[1] or 0)


def task_data(task_id: int, *, workspace_id: int) -> tuple[int, dict[str, Any]] | None:
    """(project id, data) of a task, or None where the workspace has none of that id."""
    found = Task.objects.filter(pk=task_id, project__workspace_id=workspace_id)
    return found.values_list("project_id", "data").first()


def first_task_id(project_id: int) -> int | None:
    """The project's first task, or None."""
    ids = in_project(Task.objects.order_by("id"), project_id)
    return ids.values_list("pk", flat=True).first()


def known_model_runs(run_ids: Collection[int], workspace_id: int) -> set[int]:
    """Which of the runs are over projects of the workspace. One statement."""
    found = ModelRun.objects.filter(pk__in=run_ids, project__workspace_id=workspace_id)
    return set(found.values_list("pk", flat=True))


PART_SQL = """
UPDATE predictions_prediction p SET model_run_id = NULL
FROM prompts_modelrun r
WHERE r.project_id = %(project)s AND p.model_run_id = r.id AND p.project_id <> %(project)s
"""


def part_predictions(project_id: int) -> None:
    """Predictions of the project's runs that are in other projects stay, and name no run."""
    execute(PART_SQL, {"project": project_id})


def tasks_that_failed(project_id: int) -> Q:
    """The tasks of a project on which a model failed, as a condition on tasks."""
    failed = in_project(FailedPrediction.objects.all(), project_id)
    return Q(pk__in=failed.values("task_id"))


# Examples for few-shot prompts: the oldest ground truths of the project, or those of some tasks.
# Of a task that has several the newest counts, as in evaluations.
EXAMPLES_SQL = """
SELECT t.id, t.data::text, a.result::text FROM predictions_annotation a
JOIN predictions_task t ON t.id = a.task_id
WHERE a.project_id = %(project)s AND a.ground_truth AND NOT a.was_cancelled
  AND NOT EXISTS (SELECT 1 FROM predictions_annotation n WHERE n.project_id = %(project)s
      AND n.task_id = a.task_id AND n.id > a.id AND n.ground_truth AND NOT n.was_cancelled)
  AND (%(tasks)s::bigint[] IS NULL OR t.id = ANY(%(tasks)s::bigint[]))
ORDER BY array_position(%(tasks)s::bigint[], t.id), a.id LIMIT %(n)s
"""


def examples(
    project_id: int, n: int, *, task_ids: Sequence[int] | None = None
) -> list[tuple[int, dict[str, Any], list[Any]]]:
    """(task id, data, regions) of the project's first ground truths, or of the named tasks'."""
    if n <= 0:
        return []
    params = {"project": project_id, "n": n, "tasks": None if task_ids is None else list(task_ids)}
    rows = fetch_all(EXAMPLES_SQL, params, slot=slots.of_project(project_id))
    return [(row[0], json_value(row[1]), json_value(row[2])) for row in rows]


# A failed task agrees in nothing; that it has a ground truth is known by the other run or, where it
# failed in both, by the task. Tasks that are still to be run say nothing.
REGRESSIONS_SQL = """
SELECT n.task_id, coalesce(o.agreement, 0), coalesce(n.agreement, 0)
FROM prompts_runitem n JOIN prompts_runitem o ON o.task_id = n.task_id AND o.run_id = %s
WHERE n.run_id = %s AND n.project_id = %s
  AND (o.agreement IS NOT NULL OR o.status = 'Failed')
  AND (n.agreement IS NOT NULL OR n.status = 'Failed')
  AND (o.agreement IS NOT NULL OR n.agreement IS NOT NULL
    OR EXISTS (SELECT 1 FROM predictions_annotation a
      WHERE a.task_id = n.task_id AND a.ground_truth AND NOT a.was_cancelled))
ORDER BY n.task_id
"""


def _changes(run: ModelRun, baseline_id: int) -> list[tuple[int, float, float]]:
    """(task id, agreement before, after) of the tasks with ground truth that both runs have run."""
    params = [baseline_id, run.pk, run.project_id]
    rows = fetch_all(REGRESSIONS_SQL, params, slot=slots.of_project(run.project_id))
    return [(task_id, before, after) for task_id, before, after in rows]


def regressed_task_ids(run: ModelRun, baseline_id: int) -> list[int]:
    """All tasks that agree less with their ground truth than in an earlier run."""
    return [task for task, before, after in _changes(run, baseline_id) if after < before]


def regressions(run: ModelRun, baseline_id: int) -> Document:
    """How a run compares with an earlier one on the tasks with ground truth that both have run;
    `tasks` are the first thousand of those that are worse.

    A task that failed in one of them agrees in nothing there.
    """
    rows = _changes(run, baseline_id)
    worse = [change for change in rows if change[2] < change[1]]
    better = [change for change in rows if change[2] > change[1]]
    keys = ("task", "before", "after")
    return {
        "model_run": run.pk,
        "baseline": baseline_id,
        "improved": len(better),
        "regressed": len(worse),
        "unchanged": len(rows) - len(better) - len(worse),
        "tasks": [dict(zip(keys, change, strict=True)) for change in worse[:1000]],
    }


# The examples come in task order through prompts_failed_run_idx.
FAILURE_GROUPS_SQL = """
SELECT g.error_type, g.n, e.task_id, e.message
FROM (SELECT error_type, count(*) AS n FROM prompts_failedprediction WHERE model_run_id = %(run)s
      GROUP BY error_type ORDER BY n DESC, error_type LIMIT 20) g
CROSS JOIN LATERAL (
    SELECT f.task_id, left(f.message, 500) AS message FROM prompts_failedprediction f
    WHERE f.model_run_id = %(run)s AND f.error_type = g.error_type ORDER BY f.task_id LIMIT 3
) e
ORDER BY g.n DESC, g.error_type, e.task_id
"""


def failure_groups(run_id: int) -> list[Document]:
    """A run's failures by type, most frequent first, with three examples each. One statement."""
    groups: dict[str, Document] = {}
    rows = fetch_all(FAILURE_GROUPS_SQL, {"run": run_id}, slot=items.slot_of(run_id))
    for kind, n, task_id, message in rows:
        group = groups.setdefault(kind, {"type": kind, "count": n, "examples": []})
        group["examples"].append({"task": task_id, "message": message})
    return list(groups.values())


RE_EVALUATED = {
    "unpredicted": "i.status <> 'Predicted'",
    "failed": "i.status = 'Failed'",
    "incorrect": "i.status = 'Predicted' AND i.agreement < 1",
}


def task_ids_to_re_evaluate(run_id: int, mode: str) -> list[int]:
    """The tasks of a run that failed, have no prediction, or disagree with the ground truth."""
    rows = fetch_all(
        f"SELECT i.task_id FROM prompts_runitem i WHERE i.run_id = %s AND {RE_EVALUATED[mode]}"  # noqa: S608
        " ORDER BY i.task_id",
        [run_id],
        slot=items.slot_of(run_id),
    )
    return [row[0] for row in rows]


def named_project(version: PromptVersion, project_id: int) -> Project:
    """A project of the version's workspace. ValidationError for any other."""
    workspace_id = version.parent_model.workspace_id
    found = project(project_id, workspace_id=workspace_id)
    if found is None:
        raise ValidationError({"project_id": [unknown_pk(project_id)]})
    return found
