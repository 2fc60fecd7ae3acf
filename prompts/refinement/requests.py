"""A teacher model's better wording of a version, kept as a new version of the prompt.

The one place that writes refinements. The row is the job: asked again, a finished one is answered
from it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions_api.http.fields import unknown_pk
from predictions_api.postgres.sql import fetch_all
from prompts.api.serializers import PromptVersionSerializer
from prompts.asking import messages, providers
from prompts.db import prompts, queries
from prompts.models import PromptVersion, Refinement
from prompts.runs import preview, tasks

Status = Refinement.Status

TEACHING = (
    "You improve prompts that ask a model to label data. Keep every placeholder in braces exactly"
    " as it is, and add none. The labels are described by this JSON schema:\n{schema}\nAnswer with"
    ' one JSON object: {{"prompt": the better prompt, "reasoning": why it is better}}.'
)
EXAMPLES = 10
# How long a queue may take to find a worker before it is reminded.
LEASE = timedelta(minutes=5)


def begin(
    version: PromptVersion, values: Mapping[str, Any], access: Access, *, later: bool
) -> Refinement:
    """A refinement, carried out now or, with `later`, by a worker. ValidationError for foreign
    ids."""
    project = preview.named_project(version, values["project_id"])
    prompts.check_config(project)
    connection_id = values["teacher_model_provider_connection_id"]
    row = queries.connections(access.workspace_id).filter(pk=connection_id).first()
    if row is None:
        name = "teacher_model_provider_connection_id"
        raise ValidationError({name: [unknown_pk(connection_id)]})
    refinement = Refinement.objects.create(
        version=version,
        project=project,
        teacher_model_name=values["teacher_model_name"],
        teacher_connection=row,
        created_by_id=access.user_id,
        lease_until=timezone.now() + LEASE,
    )
    if later:
        _queue(str(refinement.pk))
    else:
        carry_out(str(refinement.pk))
        refinement.refresh_from_db()
        if refinement.status == Status.FAILED:
            raise ValidationError([refinement.error])
    return refinement


def find(version: PromptVersion, refinement_id: str | None) -> Refinement | None:
    """The version's refinement of that id, or None."""
    try:
        key = UUID(refinement_id or "")
    except ValueError:
        return None
    return Refinement.objects.filter(pk=key, version=version).first()


def _queue(refinement_id: str) -> None:
    def enqueue() -> None:
        tasks.enqueue_refinement(refinement_id)

    transaction.on_commit(enqueue, robust=True)


def requeue_stalled() -> list[str]:
    """Queues the refinements whose worker, or whose queue, lost them; their ids.

    Safe to call at any time.
    """
    rows = fetch_all(
        "UPDATE prompts_refinement SET status = 'Pending',"
        " lease_until = now() + make_interval(secs => %s) WHERE id IN ("
        " SELECT id FROM prompts_refinement WHERE status IN ('Pending', 'InProgress')"
        " AND lease_until < now() LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id",
        [LEASE.total_seconds()],
    )
    ids = [str(row[0]) for row in rows]
    for refinement_id in ids:
        _queue(refinement_id)
    return ids


def carry_out(refinement_id: str) -> None:
    """Asks the teacher once and keeps what it says. Nothing happens a second time."""
    mine = Refinement.objects.filter(pk=refinement_id, status=Status.PENDING)
    lease = timedelta(seconds=settings.PROVIDER_TIMEOUT_S + settings.RUN_LEASE_S)
    if not mine.update(status=Status.IN_PROGRESS, lease_until=timezone.now() + lease):
        return
    refinement = Refinement.objects.select_related(
        "version__parent_model", "project", "teacher_connection"
    ).get(pk=refinement_id)
    try:
        _ask(refinement)
        refinement.status = Status.COMPLETED
    except (ValueError, providers.RunError, providers.Temporary, providers.Refusal) as error:
        refinement.status, refinement.error = Status.FAILED, str(error).replace("\0", "")
    refinement.save(update_fields=["status", "error", "reasoning", "total_cost", "new_version"])


def _ask(refinement: Refinement) -> None:
    """Fills the refinement in. ValueError for an answer that is no better prompt."""
    version = refinement.version
    system = TEACHING.format(schema=messages.answer_schema(refinement.project.label_config))
    shown = queries.examples(refinement.project_id, EXAMPLES)
    examples = "\n".join(
        f"{data} -> {messages.answer_of(refinement.project.label_config, result)}"
        for _, data, result in shown
    )
    user = f"The prompt:\n{version.prompt}\n\nTasks and their true labels:\n{examples or 'none'}"
    answer, refinement.total_cost = providers.ask_once(
        refinement.teacher_connection,
        model=refinement.teacher_model_name,
        messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
        response_format={"type": "json_object"},
    )
    said = messages.parse_answer(answer.text)
    text = said.get("prompt")
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ValueError("The teacher's answer holds no prompt.")
    known = messages.placeholders(version.prompt)
    if unknown := messages.unknown_placeholders(text, known):
        raise ValueError(f"The teacher made up placeholders: {', '.join(unknown)}.")
    refinement.reasoning = str(said.get("reasoning", "")).replace("\0", "")
    refinement.new_version = PromptVersion.objects.create(
        parent_model=version.parent_model,
        title=prompts.default_version_title(version.parent_model),
        prompt=text,
        provider=version.provider,
        provider_model_id=version.provider_model_id,
        model_provider_connection_id=version.model_provider_connection_id,
        max_few_shot_examples=version.max_few_shot_examples,
        created_by_id=refinement.created_by_id,
    )


def shown(refinement: Refinement) -> dict[str, Any]:
    """The document of a refinement; its prompt is empty until there is one."""
    versions = queries.versions(
        refinement.version.parent_model_id,
        workspace_id=refinement.version.parent_model.workspace_id,
    )
    made = refinement.new_version
    cost = refinement.total_cost
    return {
        "prompt": made.prompt if made else "",
        "title": made.title if made else None,
        "reasoning": refinement.reasoning or refinement.error or None,
        "previous_version": PromptVersionSerializer(versions.get(pk=refinement.version_id)).data,
        "refinement_job_id": str(refinement.pk),
        "refinement_status": refinement.status,
        "total_cost": None if cost is None else f"{cost:.6f}",
    }
