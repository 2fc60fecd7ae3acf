"""What evaluations add to a project's page: how its versions score, now and over time, the latest
evaluations, those that are computed, and versions that nobody has evaluated.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import time_ago
from evals.db.panels import kept_answers
from evals.desk.card import is_cancelled, name_of, overview_of, status_of
from evals.desk.hub.scores import best_of, scores_of, version_of
from evals.models import ModelEval
from evals.panels import intervals
from predictions.desk.hub.parts import Hub, Job, Lack, Part, Scores, Step
from predictions.desk.project_rows import shortened
from predictions_api.wording import left, number, plural

#: Evaluations of the project that are looked at, the newest, beside one of each other version; of
#: them some are listed.
MOST = 200
LISTED = 8
#: Versions that are named one by one where no evaluation has them.
MOST_NAMED = 5
LONG_COLUMNS = ("classes", "warnings", "ignored", "engines")
Status = ModelEval.Status


def part(request: HttpRequest, hub: Hub) -> Part:
    """The part of the page. Two statements, or three of a project with very many evaluations."""
    rows = _evaluations(hub)
    done = [one for one in rows if one.status == Status.DONE and one.summary]
    running = [one for one in rows if one.status == Status.RUNNING]
    scores = scores_of(done, workspace=hub.project.workspace.slug)
    named = {version_of(one) for one in rows if one.status != Status.FAILED}
    missing = [one.start for one in hub.overview.versions if one.name and one.start not in named]
    can_evaluate = hub.may_write and bool(hub.overview.ground_truths or hub.overview.annotations)
    return Part(
        steps=[*_start(hub), *_compare(done, scores)],
        lacks=list(_lacks(hub, rows, missing, can_evaluate=can_evaluate)),
        jobs=[
            Job(
                f"Evaluation of {name_of(one)}",
                overview_of(one),
                one.progress,
                left(one.planned_at or one.created_at, one.progress),
            )
            for one in running
        ],
        cards=[_card(hub, rows[:LISTED])],
        scores=scores,
        of_versions={
            one.start: [Step("Evaluate", _new(hub, one.name))]
            for one in hub.overview.versions
            if one.name and can_evaluate
        },
    )


def _evaluations(hub: Hub) -> list[Any]:
    """The newest evaluations of a project, and the latest finished one of each version that these
    are not of; with the intervals at its best confidence, if somebody has asked for them. Two
    statements: answers may lie on another node of a cluster; three where there are more than MOST.
    """
    mine = ModelEval.objects.filter(project_id=hub.project.pk).defer(*LONG_COLUMNS)
    rows: list[Any] = list(mine.order_by("-pk")[:MOST])
    if len(rows) == MOST:
        known = {version_of(one) for one in rows}
        names = [one.name for one in hub.overview.versions if one.name and one.start not in known]
        older = mine.filter(model_version__in=names, status=Status.DONE)
        rows += sorted(
            older.order_by("model_version", "-pk").distinct("model_version"),
            key=lambda one: -one.pk,
        )
    kept = kept_answers({one.pk: question for one in rows if (question := _question(one))})
    for one in rows:
        one.at_best = kept.get(one.pk)
    return rows


def _question(evaluation: ModelEval) -> str | None:
    """What `evals.panels.intervals` keeps the intervals under; None for those that have none."""
    best = best_of(evaluation)
    return None if best is None else intervals.question_of(**best)


def _start(hub: Hub) -> Iterator[Step]:
    if hub.may_write and hub.overview.predictions:
        yield Step("New evaluation", _new(hub))


def _compare(done: Sequence[ModelEval], scores: Scores) -> Iterator[Step]:
    """The newest evaluation beside the others, where two versions have one."""
    if len(scores.rows) > 1:
        yield Step(
            "Compare versions", reverse("admin:evals_modeleval_diff", args=[done[0].eval_id])
        )


def _new(hub: Hub, version: str | None = None) -> str:
    query = f"?project={hub.project.pk}"
    return reverse("admin:evals_modeleval_new") + (
        query if version is None else f"{query}&version={quote(version, safe='')}"
    )


def _lacks(
    hub: Hub, rows: Sequence[ModelEval], missing: Sequence[str], *, can_evaluate: bool
) -> Iterator[Lack]:
    """Versions without an evaluation, and the latest failure if nothing came after it."""
    named = [f"No evaluation of version {name} yet." for name in missing[:MOST_NAMED]]
    if len(missing) > MOST_NAMED:
        least = "At least " if hub.overview.has_more_versions else ""
        n_more = len(missing) - MOST_NAMED
        have = plural(n_more, "version has", "versions have")
        named.append(f"{least}{number(n_more)} more {have} no evaluation.")
    for text, name in zip(named, missing, strict=False):
        is_one = len(named) <= MOST_NAMED or text is not named[-1]
        step = Step("Evaluate", _new(hub, name if is_one else None))
        yield Lack(text, step if can_evaluate else None)
    if rows and rows[0].status == Status.FAILED and not is_cancelled(rows[0]):
        text = f"The evaluation of {name_of(rows[0])} failed: {shortened(rows[0].failure_reason)}"
        yield Lack(text, Step("What to do", overview_of(rows[0])))


def _card(hub: Hub, rows: Sequence[ModelEval]) -> Card:
    listed = reverse("admin:evals_modeleval_changelist")
    return Card(
        title="Latest evaluations",
        url=f"{listed}?project={hub.project.pk}",
        headings=("Model", "Status", "Asked for"),
        rows=[
            (
                Cell(shortened(name_of(one)), overview_of(one)),
                Cell(status_of(one) + (", accepted" if one.is_accepted else "")),
                Cell(time_ago(one.created_at)),
            )
            for one in rows
        ],
        empty="No evaluation yet: it says how good a version's predictions are.",
    )
