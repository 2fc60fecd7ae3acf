"""How an export begins."""

from django.db import transaction

from predictions.exports import state, tasks
from predictions.models import Project, ProjectExport


@transaction.atomic
def start(project: Project, export_type: str, source: str) -> ProjectExport:
    """The job of this project that makes such a file: one under way, or a new one, queued."""
    job, is_new = state.wanted(project, export_type, source)
    if is_new:
        tasks.queue(job.pk)
    return job
