"""Exports made in the background: the one place that writes their state.

queued -> running -> completed or failed. A running job whose worker was killed stops moving
`updated_at`; after STALE it is nobody's, and the next request makes a new one. LIFETIME after its
last change a job and its file are gone.
"""

import logging
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from predictions.db.tasks import count_tasks
from predictions.exports import project as project_export
from predictions.models import Project, ProjectExport

log = logging.getLogger(__name__)

STALE = timedelta(minutes=10)
LIFETIME = timedelta(days=7)
# Tasks between two writes of the progress.
EVERY_TASKS = 500
Status = ProjectExport.Status
MOVING = [Status.QUEUED, Status.RUNNING]


def storage() -> FileSystemStorage:
    """Where the files are kept."""
    return FileSystemStorage(location=settings.DATA_DIR / "exports")


def enqueue(project: Project, export_type: str, source: str) -> ProjectExport:
    """The job of this project that makes such a file: one under way, or a new one."""
    alive = timezone.now() - STALE
    wanted = {"project": project, "export_type": export_type, "source": source}
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        moving = ProjectExport.objects.filter(status__in=MOVING, updated_at__gt=alive, **wanted)
        found = moving.order_by("-id").first()
        if found is None:
            found = ProjectExport.objects.create(**wanted)
            job_id = found.pk
            # Without the queue the job is asked for again once it counts as dead.
            transaction.on_commit(lambda: run_export.enqueue(job_id), robust=True)
    return found


@task()
def run_export(job_id: int) -> None:
    """The queue's entry. A job that has begun or ended is left alone."""
    begun = ProjectExport.objects.filter(pk=job_id, status=Status.QUEUED)
    if begun.update(status=Status.RUNNING, updated_at=timezone.now()):
        _run(ProjectExport.objects.select_related("project").get(pk=job_id))


def _run(job: ProjectExport) -> None:
    total = max(1, count_tasks(job.project_id, most=2**31))
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        if done % EVERY_TASKS == 0:
            _set(job, progress=min(1.0, done / total))

    name = f"{job.pk}.{project_export.TYPES[job.export_type]}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            project_export.write(job.project, job.export_type, job.source, path, advance)
            with path.open("rb") as file:
                kept = storage().save(name, File(file))
    except Exception:  # whatever the converter trips over is the job's outcome
        log.exception("export failed", extra={"export": job.pk})
        _set(job, status=Status.FAILED, error="The results cannot be converted to this format.")
    else:
        _set(job, status=Status.COMPLETED, progress=1.0, file_name=kept)


def _set(job: ProjectExport, **values: Any) -> None:
    ProjectExport.objects.filter(pk=job.pk).update(**values, updated_at=timezone.now())


def purge() -> int:
    """Forgets the jobs of LIFETIME ago, and removes files as old, those of deleted projects among
    them; how many files. One statement.
    """
    oldest = timezone.now() - LIFETIME
    ProjectExport.objects.filter(updated_at__lt=oldest).delete()
    kept, removed = storage(), 0
    try:
        for name in kept.listdir("")[1]:
            if kept.get_modified_time(name) < oldest:
                kept.delete(name)
                removed += 1
    except FileNotFoundError:
        pass  # nothing was exported yet, or another worker was faster
    except OSError:
        log.warning("old exports cannot be removed", exc_info=True)
    return removed
