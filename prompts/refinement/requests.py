"""A teacher model's better wording of a version, kept as a new version of the prompt.

The row is the job: asked again, a finished one is answered from it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions_api.http.fields import unknown_pk
from prompts.asking.providers import IsUnwanted
from prompts.db import prompts, queries, trials
from prompts.models import PromptVersion, Refinement
from prompts.refinement import state, tasks
from prompts.refinement.state import Status
from prompts.refinement.teacher import carry_out


def begin(
    version: PromptVersion,
    values: Mapping[str, Any],
    access: Access,
    *,
    later: bool,
    is_unwanted: IsUnwanted | None = None,
) -> Refinement:
    """A refinement, carried out now or, with `later`, by a worker. ValidationError for foreign ids,
    TooManyTrials where too many are being carried out now.
    """
    project = queries.named_project(version, values["project_id"])
    prompts.check_config(project)
    connection_id = values["teacher_model_provider_connection_id"]
    row = queries.connections(access.workspace_id).filter(pk=connection_id).first()
    if row is None:
        name = "teacher_model_provider_connection_id"
        raise ValidationError({name: [unknown_pk(connection_id)]})
    columns = {
        "version": version,
        "project": project,
        "teacher_model_name": values["teacher_model_name"],
        "teacher_connection": row,
        "created_by_id": access.user_id,
    }
    if later:
        refinement = state.create(**columns)
        tasks.queue(str(refinement.pk))
        return refinement
    with trials.one_more(access.workspace_id):
        refinement = state.create(**columns)
        carry_out(
            str(refinement.pk),
            last=True,
            within_s=settings.TRIAL_TIMEOUT_S,
            is_unwanted=is_unwanted,
        )
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
