"""Exports made in the background: the one place that writes their state, and where the files are.

queued -> running -> completed or failed. Whoever writes the file holds a lease; one that runs out
is the next worker's. LIFETIME after its last change a job and its file are gone.
"""

import logging
from datetime import timedelta
from typing import Any

from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from predictions.db.versions import OneVersion
from predictions.exports.project import Wanted
from predictions.models import Project, ProjectExport
from predictions_api.jobs.leases import MOST_ATTEMPTS, NOBODY, Holder, LeaseLost, lasting
from predictions_api.replicas import reading

log = logging.getLogger(__name__)

LEASE_S = 60.0
LIFETIME = timedelta(days=7)
WORKERS_LOST = f"{MOST_ATTEMPTS} workers ended while they wrote the file."
Status = ProjectExport.Status


def storage() -> Storage:
    """Where the files are kept: every host that has workers or answers requests must reach it."""
    return storages["exports"]


def unfinished() -> QuerySet[ProjectExport]:
    """The jobs that have work left."""
    return ProjectExport.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])


@transaction.atomic
def job_for(project: Project, wanted: Wanted, title: str) -> tuple[ProjectExport, bool]:
    """The project's job of this title that makes such a file, and whether it is new. Callers for
    the same project wait for each other.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    named = {
        "project": project,
        "title": title,
        "export_type": wanted.export_type,
        "source": wanted.source,
        "task_ids": list(wanted.task_ids),
        "all_tasks": wanted.all_tasks,
        "model_version": wanted.version.name if wanted.version else None,
        "escape": wanted.escape,
    }
    found = unfinished().filter(**named).order_by("-id").first()
    if found is not None:
        return found, False
    # The database's clock says until when the queue may find a worker.
    made = ProjectExport.objects.create(**named)
    ProjectExport.objects.filter(pk=made.pk).update(lease_until=lasting(LEASE_S))
    return made, True


def wanted_by(job: ProjectExport) -> Wanted:
    """What a job writes."""
    version = None if job.model_version is None else OneVersion(job.model_version)
    ids = tuple(job.task_ids)
    return Wanted(job.export_type, job.source, ids, job.all_tasks, version, job.escape)


def delete(job: ProjectExport) -> None:
    """Forgets a job, with its file; whoever writes it gives up."""
    ProjectExport.objects.filter(pk=job.pk).delete()
    if job.file_name:
        storage().delete(job.file_name)


def claim(job_id: int, worker: Holder) -> ProjectExport | None:
    """The job, in the worker's hand; None where it has ended or another has it.

    A job that worker after worker died of ends here.
    """
    mine = unfinished().filter(pk=job_id)
    columns = ("attempts",)
    now = timezone.now()
    marks: dict[str, Any] = {"status": Status.RUNNING, "progress": 0.0, "n_queued": 0}
    marks["updated_at"] = now
    rows = worker.claim(mine, 1, columns=columns, error="", **marks)
    if not rows:
        return None
    if rows[0][0] > MOST_ATTEMPTS:
        end(job_id, worker, status=Status.FAILED, error=WORKERS_LOST)
        return None
    return ProjectExport.objects.select_related("project").get(pk=job_id)


def advance(job_id: int, worker: Holder, progress: float) -> None:
    """Stores how far the job is, 0 to 1. LeaseLost where it is no longer the worker's."""
    mine = unfinished().filter(pk=job_id)
    with reading.writing():
        worker.keep(mine, progress=min(1.0, progress), updated_at=timezone.now())


def end(job_id: int, worker: Holder, **outcome: Any) -> None:
    """Writes the outcome. LeaseLost where the job is no longer the worker's."""
    mine = unfinished().filter(pk=job_id, lease_owner=worker.id)
    if not mine.update(**outcome, **NOBODY, updated_at=timezone.now()):
        raise LeaseLost


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
