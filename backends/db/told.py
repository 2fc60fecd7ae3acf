"""What of the backends' jobs is recorded for those who listen, in the transaction of the change."""

from collections.abc import Iterator, Sequence

from backends.db import jobs
from backends.db.outcomes import LockedJob
from backends.models import PredictionJob
from predictions.events.payloads import project_of
from predictions_api.outbound.events import recording
from predictions_api.outbound.events.payloads import Document, Told

ENDED = "PREDICTION_JOB_COMPLETED"


def tell_stored(job: LockedJob, prediction_ids: Sequence[int]) -> None:
    """These predictions are new. No statement where nobody listens."""
    if job.is_heard and prediction_ids:
        recording.record(
            "PREDICTIONS_CREATED",
            workspace_id=job.workspace_id,
            project_id=job.project_id,
            body={"ids": list(prediction_ids)},
        )


def tell_ended(job_id: int) -> None:
    """The job has ended."""
    rows = PredictionJob.objects.filter(pk=job_id)
    place = rows.values_list("project__workspace_id", "project_id").first()
    if place is not None:
        recording.record(
            ENDED, workspace_id=place[0], project_id=place[1], body={"prediction_job": job_id}
        )


def job_ended(told: Told) -> Iterator[Document]:
    """What is told of a job that ended; by its id alone where it is gone."""
    job = PredictionJob.objects.filter(pk=told.body["prediction_job"]).first()
    shown = {"id": told.body["prediction_job"]} if job is None else jobs.document(job)
    yield {"prediction_job": shown, "project": project_of(told)}
