"""The one place that writes prompts, their versions and provider connections.

What a version says is checked against what the tasks of its projects hold, so that a run cannot
fail on every task for a misspelt placeholder.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db.places import slots_of_tasks
from predictions.db.versions import orphan_of_runs
from predictions.filters import within
from predictions.models import Project
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import Refused
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all
from prompts.asking import messages
from prompts.models import ModelRun, Prompt, PromptVersion, ProviderConnection

Values = Mapping[str, Any]

# How many tasks are asked which fields their data has.
SAMPLED_TASKS = 100


def _projects(ids: Iterable[int], access: Access) -> list[Project]:
    wanted = set(ids)
    found = list(Project.objects.filter(pk__in=wanted, workspace_id=access.workspace_id))
    if missing := sorted(wanted - {project.pk for project in found}):
        raise ValidationError({"associated_projects": [unknown_pk(pk) for pk in missing]})
    for project in found:
        check_config(project)
    return found


def check_config(project: Project) -> None:
    """ValidationError for a project whose labelling config no prompt can fill."""
    try:
        messages.check_config(project.label_config)
    except Refused as exc:
        message = f"Project {project.pk} ({project.title}): {exc}"
        raise ValidationError({"project": [message]}) from None


@transaction.atomic
def create_prompt(values: Values, access: Access) -> Prompt:
    """A saved prompt of the caller's workspace. ValidationError for foreign projects."""
    fields = dict(values)
    projects = _projects(fields.pop("associated_projects", ()), access)
    prompt = Prompt.objects.create(
        workspace_id=access.workspace_id, created_by_id=access.user_id, **fields
    )
    prompt.associated_projects.set(projects)
    return prompt


@transaction.atomic
def update_prompt(prompt: Prompt, values: Values, access: Access) -> Prompt:
    """Writes only what `values` names."""
    fields = dict(values)
    if "associated_projects" in fields:
        prompt.associated_projects.set(_projects(fields.pop("associated_projects"), access))
    for name, value in fields.items():
        setattr(prompt, name, value)
    prompt.save(update_fields=[*fields, "updated_at"])
    return prompt


def _title_of_copy(prompt: Prompt) -> str:
    """`Title (copy)`, or the first free of `Title (copy 2)` and so on: predictions of prompts of
    one title would be of one model version.
    """
    title = prompt.title[:480]
    of_workspace = Prompt.objects.filter(workspace_id=prompt.workspace_id)
    starting = of_workspace.filter(title__startswith=f"{title} (copy")
    taken, found, n = set(starting.values_list("title", flat=True)), f"{title} (copy)", 1
    while found in taken:
        n += 1
        found = f"{title} (copy {n})"
    return found


@transaction.atomic
def duplicate_prompt(prompt: Prompt, access: Access) -> Prompt:
    """A copy with its versions, without its runs."""
    copy = create_prompt(
        {
            "title": _title_of_copy(prompt),
            "description": prompt.description,
            "input_fields": prompt.input_fields,
            "output_classes": prompt.output_classes,
            "skill_name": prompt.skill_name,
            "associated_projects": [p.pk for p in prompt.associated_projects.all()],
        },
        access,
    )
    for version in prompt.versions.order_by("id"):
        version.pk = None
        version._state.adding = True
        version.parent_model, version.created_by_id = copy, access.user_id
        version.save()
    return copy


RUNS_OF = {
    "prompts_prompt": "model_version__parent_model",
    "prompts_promptversion": "model_version",
}


def delete(table: str, row_id: int) -> None:
    """Removes a prompt, version or connection; the database's cascades do the rest.

    With a prompt or version go its runs, and with them their predictions.
    """
    if table not in {"prompts_prompt", "prompts_promptversion", "prompts_providerconnection"}:
        raise ValueError(table)
    with transaction.atomic(), connection.cursor() as cursor:
        if (path := RUNS_OF.get(table)) is not None:
            runs = ModelRun.objects.filter(**{path: row_id}).order_by("project_id")
            found = groupby(runs.values_list("project_id", "pk"), itemgetter(0))
            for project_id, pairs in found:
                orphan_of_runs([pk for _, pk in pairs], project_id=project_id)
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [row_id])  # noqa: S608


def known_fields(prompt: Prompt) -> set[str] | None:
    """The fields its versions may name; None where nothing is known of its tasks.

    Its input_fields, what the labelling configs of its projects show, and what the first tasks of
    those projects hold.
    """
    projects = list(prompt.associated_projects.all())
    if not projects and not prompt.input_fields:
        return None
    return set(prompt.input_fields).union(*(fields_of(project) for project in projects))


# By (project, id): the first tasks only.
FIELDS_SQL = f"""
SELECT DISTINCT jsonb_object_keys(f.data) FROM (
    SELECT t.data FROM predictions_task t
    WHERE {within.of_project("t")} AND jsonb_typeof(t.data) = 'object'
    ORDER BY {within.by_id("t")} LIMIT %s
) f
"""  # noqa: S608


def fields_of(project: Project) -> set[str]:
    """The fields that the project's config shows and its first tasks hold."""
    slot = slots.of_project(project.pk)
    held = {
        row[0] for row in fetch_all(FIELDS_SQL, [project.pk, project.pk, SAMPLED_TASKS], slot=slot)
    }
    return held.union(messages.data_fields(project.label_config))


AS_IT_STANDS = (
    "names a field, but would be sent as it stands. A placeholder is the name in single braces"
    " without spaces around it; of other signs it may hold spaces, dots and hyphens within."
)


def check_prompt(text: str, fields: Iterable[str], *, key: str = "prompt") -> None:
    """ValidationError that names the placeholders which are no field."""
    known = sorted(fields)
    if misspelt := messages.misspelt_placeholders(text, known):
        raise ValidationError({key: [f"{misspelt[0]} {AS_IT_STANDS}"]})
    if unknown := messages.unknown_placeholders(text, known):
        named = ", ".join(f"{{{name}}}" for name in unknown)
        raise ValidationError(
            {
                key: [
                    f"Unknown placeholders: {named}. Fields of the tasks: {', '.join(known)}."
                    " Double the braces of text that is none."
                ]
            }
        )


def _checked_version(prompt: Prompt, values: Values, kept: PromptVersion | None) -> dict[str, Any]:
    fields = dict(values)
    if "prompt" in fields:
        for project in prompt.associated_projects.all():
            check_config(project)
        known = known_fields(prompt)
        if known is not None:
            check_prompt(fields["prompt"], known)
    connection_id = fields.get("model_provider_connection_id")
    if connection_id is not None:
        row = ProviderConnection.objects.filter(
            pk=connection_id, workspace_id=prompt.workspace_id
        ).first()
        if row is None:
            raise ValidationError({"model_provider_connection": [unknown_pk(connection_id)]})
        if kept is None:
            fields.setdefault("provider", row.provider)
    return fields


def create_version(prompt: Prompt, values: Values, access: Access) -> PromptVersion:
    """A saved version. ValidationError for unknown placeholders and a foreign connection."""
    fields = _checked_version(prompt, values, None)
    return PromptVersion.objects.create(parent_model=prompt, created_by_id=access.user_id, **fields)


def reworded(version: PromptVersion, text: str, *, user_id: int | None) -> PromptVersion:
    """A new version of the same prompt with another text, and all else as it was."""
    return PromptVersion.objects.create(
        parent_model=version.parent_model,
        title=default_version_title(version.parent_model),
        prompt=text,
        provider=version.provider,
        provider_model_id=version.provider_model_id,
        model_provider_connection_id=version.model_provider_connection_id,
        max_few_shot_examples=version.max_few_shot_examples,
        few_shot_task_ids=version.few_shot_task_ids,
        created_by_id=user_id,
    )


def update_version(version: PromptVersion, values: Values) -> PromptVersion:
    """Writes only what `values` names; runs that are made go on with what it said then."""
    fields = _checked_version(version.parent_model, values, version)
    for name, value in fields.items():
        setattr(version, name, value)
    version.save(update_fields=[*fields, "updated_at"])
    return version


# By the index on (task, id).
WITH_TRUTH_SQL = """
SELECT t.id FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE t.id = ANY(%s) AND j.workspace_id = %s AND EXISTS (
    SELECT 1 FROM predictions_annotation a
    WHERE a.task_id = t.id AND a.ground_truth AND NOT a.was_cancelled)
"""


def order_examples(version: PromptVersion, task_ids: list[int] | None) -> None:
    """Which tasks a version shows as examples, in order; None for the oldest ground truths.

    ValidationError for tasks without a ground truth, and for those of others.
    """
    if task_ids is not None:
        task_ids = list(dict.fromkeys(task_ids))
        workspace_id = version.parent_model.workspace_id
        known = {
            row[0]
            for slot, ids in slots_of_tasks(task_ids)
            for row in fetch_all(WITH_TRUTH_SQL, [ids, workspace_id], slot=slot)
        }
        if unknown := [str(task_id) for task_id in task_ids if task_id not in known]:
            message = f"No task with a ground-truth annotation: {', '.join(unknown)}."
            raise ValidationError({"task_ids": [message]})
    version.few_shot_task_ids = task_ids
    version.save(update_fields=["few_shot_task_ids", "updated_at"])


def default_version_title(prompt: Prompt) -> str:
    """`Version n`, n one more than there are versions, or the next that is free."""
    taken = set(prompt.versions.values_list("title", flat=True))
    n = len(taken) + 1
    while (title := f"Version {n}") in taken:
        n += 1
    return title


def create_connection(values: Values, access: Access) -> ProviderConnection:
    """A saved connection of the caller's workspace; its keys are sealed already."""
    return ProviderConnection.objects.create(
        workspace_id=access.workspace_id, created_by_id=access.user_id, **values
    )


def update_connection(row: ProviderConnection, values: Values) -> ProviderConnection:
    """Writes only what `values` names."""
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=[*values, "updated_at"])
    return row
