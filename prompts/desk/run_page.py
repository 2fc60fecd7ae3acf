"""The page of a run at the desk: how far it is, what it took, what failed, and what to do about it.

Everybody in its workspace sees it, at an address that can be shared; members cancel and retry.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from desk.page import Crumb, render_page
from desk.workspace_admin import WorkspaceAdmin, access_of, forbid
from predictions_api.wording import left, number, percent, spent_of, usd, when
from predictions_api.wording import seconds as shown
from prompts.db import items, measures, queries
from prompts.desk import advice
from prompts.models import ModelRun
from prompts.runs import progress, start
from prompts.runs import state as runs
from prompts.runs.plan import version_of

LABELS = {ModelRun.Status.PENDING: "waiting", ModelRun.Status.IN_PROGRESS: "running"}
# Up to so many outcomes tokens and seconds are added up at each look at an open run.
ADDED_UP = 10_000
HUB = "admin:predictions_project_hub"
LATER = "once it has ended"
Fact = tuple[str, str, str]


def state(run: ModelRun) -> dict[str, Any]:
    """What changes while the run goes on. Three statements, one less for one that is open, and
    two for a long one.
    """
    is_open = run.status in runs.OPEN
    return {
        "status": run.status,
        "status_label": LABELS.get(ModelRun.Status(run.status), run.status.lower()),
        "reason": progress.reason(run),
        "is_open": is_open,
        "progress": progress.fraction(run),
        "total": run.total_tasks,
        "predicted": run.total_predictions,
        "failed": run.total_failed,
        "left": left(run.triggered_at, progress.fraction(run)) if is_open else "",
        "unpredicted": run.total_tasks - run.total_predictions
        if is_open
        else items.n_unpredicted(run.pk),
        "measures": _measures(run, is_open=is_open),
        "failures": [
            {
                **group,
                "advice": advice.of(group["type"]),
                "examples": [_example(run, shown) for shown in group["examples"]],
            }
            for group in queries.failure_groups(run.pk)
        ],
    }


def _example(run: ModelRun, shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "url": reverse("admin:predictions_task_review", args=[shown["task"]])}


def _measures(run: ModelRun, *, is_open: bool) -> list[tuple[str, str]]:
    done = run.total_predictions + run.total_failed
    found = None
    if not is_open or done <= ADDED_UP:
        workspace_id = run.project.workspace_id
        found = measures.indicators([run.pk], workspace_id=workspace_id).get(run.pk)
    tokens = found["tokens"]["values"] if found else {}
    seconds = found["latency"]["values"] if found else {}
    compared = run.total_compared
    agreement = "no ground truth to compare with"
    if compared:
        share = percent(run.agreement_sum / compared, 1)
        correct, of = number(run.total_correct_predictions), number(compared)
        agreement = f"{share} on average, {correct} of {of} exactly right"
    cost = spent_of(run.cost_usd, run.budget_usd) if run.cost_usd else "unknown or none"
    each = found["cost"]["values"]["per_task"] if found else None
    per_task = f", ${usd(each, digits=6)} a task" if each and run.cost_usd else ""
    return [
        ("Agreement", agreement),
        ("Cost", f"{cost}{per_task}"),
        ("Tokens", _tokens(tokens) if tokens else LATER),
        ("Latency", _latency(seconds) if seconds else LATER),
        ("Time", _took(run.triggered_at, run.completed_at)),
    ]


def _tokens(values: dict[str, Any]) -> str:
    if values["total"] is None:
        return "not counted"
    shown = {
        name: "unknown" if values[name] is None else number(values[name])
        for name in ("total", "prompt", "completion")
    }
    return f"{shown['total']} ({shown['prompt']} sent, {shown['completion']} answered)"


def _latency(values: dict[str, Any]) -> str:
    if values["mean"] is None:
        return "not measured"
    median, slow, most = (
        f"{shown(values[name])}\N{NO-BREAK SPACE}s" for name in ("p50", "p95", "max")
    )
    return f"{median} median, {slow} for the slowest 5 %, {most} at most"


def _took(begun: datetime | None, ended: datetime | None) -> str:
    if begun is None:
        return "not begun"
    if ended is None:
        return f"begun {when(begun)}"
    took = (ended - begun).total_seconds()
    return f"{number(round(took, 1)) if took >= 1 else shown(took)} s, ended {when(ended)}"


def _change(model: str, pk: int | None) -> str:
    return "" if pk is None else reverse(f"admin:{model}_change", args=[pk])


def facts(run: ModelRun) -> list[Fact]:
    """What does not change: name, text, and where it leads."""
    version = version_of(run)
    row = version.model_provider_connection
    prompt = version.parent_model
    subset = run.project_subset
    if run.project_subset == ModelRun.Subset.SAMPLE and run.sample_subset_size is not None:
        subset = f"{subset} of {run.sample_subset_size}"
    if run.only_missing_predictions:
        subset = f"{subset}, without a prediction of this version"
    engine = f"an outside engine, job {run.job_id}" if run.job_id else "an outside engine"
    connection_id = version.model_provider_connection_id
    shown: list[Fact] = [
        ("Prompt", prompt.title, _change("prompts_prompt", prompt.pk)),
        ("Version", version.title, _change("prompts_promptversion", version.pk)),
        ("Project", str(run.project), reverse(HUB, args=[run.project_id])),
        ("Tasks", subset, ""),
        ("Model", version.provider_model_id, ""),
        (
            ("Executed by", str(row), _change("prompts_providerconnection", connection_id))
            if run.is_ours and row is not None
            else ("Executed by", engine, "")
        ),
        ("Made", f"{when(run.created_at)} by {run.created_by or 'somebody'}", ""),
    ]
    if run.source_model_run_id is not None:
        source = run.source_model_run_id
        url = reverse("admin:prompts_modelrun_page", args=[source])
        shown.append(("Retries", f"run {source}", url))
    return shown


def page(desk: WorkspaceAdmin, request: HttpRequest, run: ModelRun, *, may_edit: bool) -> Any:
    """The page; its script draws `state` and asks for it again."""
    listed = reverse("admin:prompts_modelrun_changelist")
    return render_page(
        desk,
        request,
        "prompts/run.html",
        title=f"Run {run.pk}: {run.model_version.full_title}",
        crumbs=[Crumb("Runs", listed), Crumb(f"Run {run.pk}")],
        data={"state": state(run), "progress_url": _url("progress", run)},
        facts=facts(run),
        may_edit=may_edit,
        cancel_url=_url("cancel", run),
        retry_url=_url("retry", run),
        repeat_url=_url("repeat", run),
        failures_url=f"{reverse('admin:prompts_failedprediction_changelist')}?run={run.pk}",
    )


def _url(name: str, run: ModelRun) -> str:
    return reverse(f"admin:prompts_modelrun_{name}", args=[run.pk])


def progress_answer(run: ModelRun) -> JsonResponse:
    """The state alone, for the page's script."""
    return JsonResponse(state(run))


def cancel(
    desk: WorkspaceAdmin, request: HttpRequest, run: ModelRun, *, may_edit: bool
) -> HttpResponse:
    """Cancels the run, by POST; what is stored stays."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    forbid(may_edit)
    if runs.cancel(run.pk):
        desk.record(request, run, "cancelled")
        messages.success(request, "The run is canceled. What it has predicted stays.")
    else:
        messages.warning(request, "The run had ended already.")
    return redirect("admin:prompts_modelrun_page", run.pk)


def retry(
    desk: WorkspaceAdmin, request: HttpRequest, run: ModelRun, *, may_edit: bool
) -> HttpResponse:
    """A new run over the tasks that have no prediction of this one, by POST."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    forbid(may_edit)
    task_ids = queries.task_ids_to_re_evaluate(run.pk, "unpredicted")
    if run.status in runs.OPEN or not task_ids:
        messages.warning(request, "There is nothing to retry.")
        return redirect("admin:prompts_modelrun_page", run.pk)
    access = access_of(request, run.project.workspace_id, field="project")
    again = start.again(run, task_ids, access)
    desk.record(request, again, "created", project=run.project_id, of=run.pk)
    messages.success(request, f"This run retries {number(len(task_ids))} tasks of run {run.pk}.")
    return redirect("admin:prompts_modelrun_page", again.pk)


def repeat(
    desk: WorkspaceAdmin, request: HttpRequest, run: ModelRun, *, may_edit: bool
) -> HttpResponse:
    """A new run by the same request, of what it finds now, by POST; this one stays as it is."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    forbid(may_edit)
    if run.status in runs.OPEN:
        messages.warning(request, "It runs still: cancel it first to start anew.")
        return redirect("admin:prompts_modelrun_page", run.pk)
    access = access_of(request, run.project.workspace_id, field="project")
    try:
        made = start.repeat(run, access)
    except ValidationError as refusal:
        texts = [str(text) for inner in refusal.detail.values() for text in inner]  # type: ignore[union-attr]
        messages.error(request, " ".join(texts))
        return redirect("admin:prompts_modelrun_page", run.pk)
    desk.record(request, made, "created", project=run.project_id, of=run.pk)
    messages.success(request, f"This run repeats run {run.pk}, which stays as it is.")
    return redirect("admin:prompts_modelrun_page", made.pk)
