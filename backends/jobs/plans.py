"""What a worker needs to know of a job before and while it asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from backends.asking import bodies
from backends.asking.calls import Address
from backends.db import endpoints, items, shares
from backends.db.outcomes import Outcome
from backends.jobs import readings, state
from backends.jobs.batches import Batch
from backends.jobs.readings import Config
from backends.models import Endpoint, PredictionJob
from backends.reaching import sent_tasks
from backends.reaching.addresses import address, project_key
from predictions.models import MLBackend, Project
from predictions_api.http.rendering import dumps
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder


@dataclass(frozen=True, slots=True)
class Plan:
    """A job, its backend, and where that is."""

    job: PredictionJob
    backend: MLBackend
    endpoint: Endpoint
    address: Address
    #: Seconds since its last good answer, or since it began.
    since_answer_s: float


def plan_of(job_id: int) -> Plan | None:
    """The job's plan; None for one that was deleted. Ending for secrets that cannot be read."""
    job = (
        PredictionJob.objects.filter(pk=job_id)
        .select_related("backend__project", "backend__endpoint")
        .first()
    )
    if job is None:
        return None
    endpoint = endpoints.endpoint_of(job.backend)
    since = job.answered_at or job.started_at or timezone.now()
    return Plan(
        job,
        job.backend,
        endpoint,
        address(job.backend, endpoint),
        max(0.0, (timezone.now() - since).total_seconds()),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """Claimed tasks as batches, and those that came to an end by being claimed."""

    n: int
    batches: list[Batch]
    ended: list[Outcome]


def take(job_id: int, project_id: int, mine: Holder, n: int, batch_size: int) -> Taken:
    """Claims up to n tasks and reads what is sent of them, and how the project is configured now.

    A task that was deleted is given an outcome, which will count as skipped, and so is one on which
    too many workers ended.
    """
    claims = items.claim(job_id, mine, n)
    lost = [claim.task_id for claim in claims if claim.attempts > MOST_ATTEMPTS]
    ended = [_worker_lost(task_id) for task_id in lost]
    ids = [claim.task_id for claim in claims if claim.attempts <= MOST_ATTEMPTS]
    project = _project(project_id) if ids else None
    found = sent_tasks.texts(project_id, ids) if project is not None else {}
    ended += [Outcome(task_id) for task_id in ids if task_id not in found]
    if project is None:
        return Taken(len(claims), [], ended)
    there, texts = list(found), list(found.values())
    config = _config(project)
    cuts = [slice(start, start + batch_size) for start in range(0, len(there), batch_size)]
    return Taken(len(claims), [Batch(config, there[cut], texts[cut]) for cut in cuts], ended)


def _project(project_id: int) -> Project | None:
    """The project with what is sent of it; it has columns of many kilobytes beside those."""
    rows = Project.objects.only("created_at", "label_config", "validate_predictions")
    return rows.filter(pk=project_id).first()


def _config(project: Project) -> Config:
    beside = bodies.beside_tasks(project_key(project), project.label_config)
    return Config(project.label_config, project.validate_predictions, dumps(beside))


def _worker_lost(task_id: int) -> Outcome:
    message = f"{MOST_ATTEMPTS} workers ended on this task."
    return readings.failed(task_id, "WorkerLost", message, tries=0)


class Beat(NamedTuple):
    """How a job is, how many requests of the holder may be out, and how the project is configured
    now; None for one that is gone.
    """

    status: str
    slots: int
    config: Config | None


def beat(
    job: PredictionJob, mine: Holder, *, in_hand: Sequence[int], n_asking: int, note: str
) -> Beat:
    """Renews the holder's leases on the job and on those tasks of what it has in hand."""
    if in_hand:
        items.extend(job.pk, mine, in_hand)
    state.keep(job.pk, note)
    slots = shares.renew(job.pk, mine, job.backend_id, n_asking=n_asking)
    project = _project(job.project_id)
    config = None if project is None else _config(project)
    return Beat(state.status_of(job.pk), slots, config)


def release(job_id: int, mine: Holder) -> None:
    """Gives back what the holder has in hand, as if it had not been claimed, and its share."""
    items.release(job_id, mine)
    shares.delete(mine)
    state.let_go(job_id)
