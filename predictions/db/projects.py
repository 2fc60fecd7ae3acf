"""Writes of projects and their ML backends."""

from typing import Any

from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db import queries
from predictions.db.tasks import Values
from predictions.models import Project, free_slug
from predictions.regions import labelling

UNKNOWN_VERSION = "Model version doesn't exist either as live model or as static predictions."


def create_project(values: Values, access: Access, *, parsed: dict[str, Any] | None) -> Project:
    """A saved project of the caller's workspace, under a slug made of its title."""
    controls = parsed or {}
    fields = dict(values)
    if fields.get("control_weights") is None:
        fields["control_weights"] = labelling.default_weights(controls)
    for _ in range(5):
        slug = free_slug(access.workspace_id, fields.get("title", ""))
        try:
            with transaction.atomic():
                return Project.objects.create(
                    workspace_id=access.workspace_id,
                    created_by_id=access.user_id,
                    slug=slug,
                    parsed_label_config=controls,
                    **fields,
                )
        except IntegrityError:
            continue  # another request took the slug in between
    raise ValidationError({"title": ["Too many projects of this title are being made at once."]})


def update_project(project: Project, values: Values, *, parsed: dict[str, Any] | None) -> Project:
    """Writes only what `values` names. ValidationError for a version without predictions."""
    version = values.get("model_version")
    if version and version != project.model_version:
        is_live = project.ml_backends.filter(title=version).exists()
        if not is_live and not queries.has_model_version(project.pk, version):
            raise ValidationError({"model_version": [UNKNOWN_VERSION]})
    changed = dict(values)
    if parsed is not None:
        changed["parsed_label_config"] = parsed
        if "control_weights" not in changed:
            changed["control_weights"] = labelling.default_weights(parsed)
    for name, value in changed.items():
        setattr(project, name, value)
    project.save(update_fields=[*changed, "updated_at"])
    return project


def delete_project(project_id: int) -> None:
    """Removes a project and, by the database's own cascades, all that is in it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM predictions_project WHERE id = %s", [project_id])


def delete_ml_backend(backend_id: int) -> None:
    """Removes an ML backend and, by the database's own cascade, the predictions it made."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM predictions_mlbackend WHERE id = %s", [backend_id])
