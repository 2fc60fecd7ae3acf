"""A teacher model's better wording of a version, kept as a new version of the prompt.

The one place that writes refinements. The row is the job: asked again, a finished one is answered
from it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions_api.http.fields import unknown_pk
from predictions_api.postgres.sql import fetch_all
from prompts.db import prompts, queries
from prompts.models import PromptVersion, Refinement
from prompts.refinement import tasks as refinement_tasks
from prompts.refinement.teacher import Status, carry_out

# How long a queue may take to find a worker before it is reminded.
LEASE = timedelta(minutes=5)


def begin(
    version: PromptVersion, values: Mapping[str, Any], access: Access, *, later: bool
) -> Refinement:
    """A refinement, carried out now or, with `later`, by a worker. ValidationError for foreign
    ids."""
    project = queries.named_project(version, values["project_id"])
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
        refinement_tasks.enqueue_refinement(refinement_id)

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
