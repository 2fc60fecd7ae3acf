"""The work of an export's job: writes the file, and says how far it is."""

import logging
import tempfile
from pathlib import Path

from django.core.files import File

from predictions.db.tasks import count_chosen
from predictions.exports import project as project_export
from predictions.exports import state
from predictions.exports.state import Status
from predictions.models import ProjectExport
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import Holder, LeaseLost
from predictions_api.postgres.outages import is_disk_full, is_outage
from predictions_api.replicas import reading

log = logging.getLogger(__name__)

# Tasks between two writes of the progress.
EVERY_TASKS = 500
NO_ROOM = "Waits for room: the disk is full."
NOT_WRITTEN = "The file could not be written; the worker's log says why."


def run(job_id: int) -> None:
    """Writes a job's file, or does nothing while another worker has it in hand or it has ended.

    Where the database is away that is raised, and the next worker begins anew; every other error
    ends the job with a reason.
    """
    worker = Holder(state.LEASE_S)
    job = state.claim(job_id, worker)
    if job is None:
        return
    mine = state.unfinished().filter(pk=job_id)
    try:
        with Heartbeat(lambda: worker.keep(mine), every_s=state.LEASE_S / 3):
            _work(job, worker)
    except LeaseLost:
        log.info("export given up", extra={"export": job_id})
    except BaseException as error:
        # The database is away, or the worker was asked to stop: another may begin at once.
        waits_for = NO_ROOM if is_disk_full(error) else ""
        worker.release(mine, status=Status.QUEUED, error=waits_for)
        raise


def _work(job: ProjectExport, worker: Holder) -> None:
    try:
        kept = _write(job, worker)
    except LeaseLost:
        raise
    except Exception as error:  # whatever is tripped over is the job's outcome
        if is_outage(error) or is_disk_full(error):
            raise
        log.exception("export failed", extra={"export": job.pk})
        state.end(job.pk, worker, status=Status.FAILED, error=NOT_WRITTEN)
        return
    try:
        state.end(job.pk, worker, status=Status.COMPLETED, progress=1.0, file_name=kept)
    except LeaseLost:
        state.storage().delete(kept)
        raise


def _write(job: ProjectExport, worker: Holder) -> str:
    """Writes and keeps the file; the name it is kept under."""
    wanted = state.wanted_by(job)
    total = max(1, count_chosen(job.project_id, wanted.chosen))
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        if done % EVERY_TASKS == 0:
            state.advance(job.pk, worker, done / total)

    # Of its own: a worker that lost the job meanwhile removes its file, not the other one's.
    name = f"{job.pk}-{worker.id}.{wanted.suffix}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        with reading.reading():
            project_export.write(job.project, wanted, path, advance)
        with path.open("rb") as file:
            return state.storage().save(name, File(file))
