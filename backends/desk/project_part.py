"""What ML backends add to a project's page: the latest prediction jobs, those at work, and the way
to ask for another.
"""

from django.http import HttpRequest
from django.urls import reverse

from backends.jobs import state
from backends.models import PredictionJob
from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago
from predictions.desk.hub.parts import Hub, Job, Part, Step
from predictions_api.wording import left, number

#: Jobs of the project that are looked at, the newest; of them some are listed.
MOST = 50
LISTED = 8


def part(request: HttpRequest, hub: Hub) -> Part:
    """The part of the page. One statement."""
    rows = PredictionJob.objects.filter(project_id=hub.project.pk).order_by("-pk")
    found = list(rows.select_related("backend")[:MOST])
    return Part(
        steps=[_ask(hub)] if hub.may_write and hub.overview.tasks else [],
        jobs=[
            Job(
                f"Prediction job {job.pk} of {job.backend}",
                _page(job),
                _fraction(job),
                left(job.started_at, _fraction(job)),
            )
            for job in found
            if job.status in state.OPEN
        ],
        cards=[_card(hub, found[:LISTED])],
    )


def _ask(hub: Hub) -> Step:
    """A job over all tasks where the project has one backend; else the way to its backends."""
    title, backends = "Ask an ML backend", hub.overview.backends
    if len(backends) == 1:
        return Step(title, reverse("admin:predictions_mlbackend_predict", args=backends), {})
    listed = reverse("admin:predictions_mlbackend_changelist")
    return Step(title, f"{listed}?project={hub.project.pk}")


def _ended(job: PredictionJob) -> int:
    return job.done_tasks + job.skipped_tasks + job.failed_tasks


def _fraction(job: PredictionJob) -> float:
    """The part of its tasks that have an outcome; 0 without tasks."""
    return min(1.0, _ended(job) / job.total_tasks) if job.total_tasks else 0.0


def _card(hub: Hub, rows: list[PredictionJob]) -> Card:
    listed = reverse("admin:backends_predictionjob_changelist")
    return Card(
        title="Latest prediction jobs",
        url=f"{listed}?project={hub.project.pk}",
        headings=("Job", "Status", "Done", "Asked"),
        rows=[
            (
                Cell(f"{job.backend} ({job.pk})", _page(job)),
                Cell(job.status),
                Cell(f"{number(_ended(job))} of {number(job.total_tasks)}"),
                Cell(time_ago(job.created_at)),
            )
            for job in rows
        ],
        empty="No job yet: an ML backend is a model server that predicts the tasks.",
    )


def _page(job: PredictionJob) -> str:
    return reverse("admin:backends_predictionjob_page", args=[job.pk])
