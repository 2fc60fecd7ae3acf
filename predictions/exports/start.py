"""How an export begins."""

from django.db import transaction

from predictions.exports import state, tasks
from predictions.exports.project import Wanted
from predictions.models import Project, ProjectExport


@transaction.atomic
def start(project: Project, wanted: Wanted, *, title: str = "") -> ProjectExport:
    """The job of this project and title that makes such a file: one under way, or a new one,
    queued.
    """
    job, is_new = state.job_for(project, wanted, title)
    if is_new:
        tasks.queue(job.pk)
    return job
