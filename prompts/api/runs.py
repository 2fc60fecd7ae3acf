"""The endpoints of runs, their measures, and batches of outside engines: parse, call, respond."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from predictions.api.idempotency import once
from predictions.api.viewset import json_response
from predictions_api.http.pagination import page_url
from predictions_api.http.parameters import NoParameters
from prompts.api import filters, told
from prompts.api import schema as docs
from prompts.api.parameters import (
    MAX_BULK_RUNS,
    BulkParameters,
    FailedListParameters,
    RegressionParameters,
    RunListParameters,
    SubsetTaskParameters,
)
from prompts.api.prompts import PromptRows
from prompts.api.serializers.runs import (
    BatchSerializer,
    FailedBatchSerializer,
    ModelRunSerializer,
    ReEvaluateSerializer,
    SubsetSerializer,
)
from prompts.asking import messages
from prompts.db import measures, queries, subset_tasks
from prompts.models import ModelRun
from prompts.runs import batches, start, state

NO_RUN = "No ModelRun matches the given query."
NO_INDICATOR = "No indicator matches the given query."


class RunRows(PromptRows):
    """Runs of the caller's workspace."""

    queryset = ModelRun.objects.none()
    serializer_class = ModelRunSerializer
    pagination_class = None

    def run(self, **more: Any) -> ModelRun:
        run = queries.runs(self.workspace_id).filter(pk=self.row_id(), **more).first()
        if run is None:
            raise NotFound(NO_RUN)
        return run


class RunViewSet(RunRows):
    """Runs of a version."""

    def run_of_version(self) -> ModelRun:
        return self.run(
            model_version_id=self.row_id("version_pk"),
            model_version__parent_model_id=self.row_id("prompt_pk"),
        )

    @docs.RUN_LIST
    def list(self, request: Request, **kwargs: Any) -> Response:
        version = self.version()
        rows = queries.runs(self.workspace_id).filter(model_version_id=version.pk)
        rows = filters.runs(rows, RunListParameters.read(request.query_params))
        return Response(ModelRunSerializer(rows, many=True).data)

    @docs.RUN_CREATE
    @audit.recorded("run.created")
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        def begin() -> HttpResponse:
            version = self.version()
            NoParameters.read_strictly(request.query_params)
            values = self.checked(ModelRunSerializer)
            run = start.requested(values, version, self.access())
            audit.note(request, target=f"run {run.pk}", project=run.project_id)
            return self.shown(run.pk, status.HTTP_201_CREATED)

        return once(request, begin)

    def shown(self, run_id: int, code: int = 200) -> HttpResponse:
        run = queries.runs(self.workspace_id).get(pk=run_id)
        return json_response(ModelRunSerializer(run).data, code)

    @docs.RUN_GET
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(told.run_document(self.run_of_version()))

    @docs.RUN_CANCEL
    @action(detail=True, methods=["post"])
    @audit.recorded("run.cancelled", "run {pk}")
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        run = self.run_of_version()
        if not state.cancel(run.pk):
            ended = ModelRun.objects.values_list("status", flat=True).get(pk=run.pk)
            raise ValidationError([f"The run has ended already: {ended}."])
        return Response({"detail": f"Inference run {run.pk} is canceled."})


def sent(request: Request, name: str) -> Any:
    """A list as it was sent, which a batch's answer repeats."""
    body: Any = request.data
    return body[name]


class BatchViewSet(PromptRows):
    """What outside engines send."""

    queryset = ModelRun.objects.none()
    serializer_class = BatchSerializer

    def _run(self, values: dict[str, Any]) -> ModelRun:
        run = queries.runs(self.workspace_id).filter(pk=values["modelrun_id"]).first()
        if run is None:
            raise NotFound(NO_RUN)
        return run

    @docs.BATCH
    @action(detail=False, methods=["post"], url_path="batch-predictions")
    def predictions(self, request: Request, **kwargs: Any) -> HttpResponse:
        values = self.checked(BatchSerializer)
        run = self._run(values)
        skipped = batches.store_answers(run, values["results"])
        answer = {
            "job_id": values.get("job_id") or run.job_id or "",
            "results": sent(request, "results"),
            "skipped": skipped,
        }
        return json_response(answer, status.HTTP_201_CREATED)

    @docs.FAILED_BATCH
    @action(
        detail=False,
        methods=["post"],
        url_path="batch-failed-predictions",
        url_name="failed-predictions",
    )
    def failures(self, request: Request, **kwargs: Any) -> HttpResponse:
        values = self.checked(FailedBatchSerializer)
        run = self._run(values)
        skipped = batches.store_failures(run, values["failed_predictions"])
        answer = {
            "job_id": values.get("job_id") or run.job_id or "",
            "failed_predictions": sent(request, "failed_predictions"),
            "skipped": skipped,
        }
        return json_response(answer, status.HTTP_201_CREATED)

    @docs.FAILED_LIST
    def failed(self, request: Request, **kwargs: Any) -> HttpResponse:
        asked = FailedListParameters.read(request.query_params)
        failures = queries.failures(
            filters.failures(asked), workspace_id=self.workspace_id, limit=asked["limit"]
        )
        return json_response(failures)


class RunMeasuresViewSet(RunRows):
    """What a run took, how good it was, and running parts of it again."""

    @docs.INDICATOR_LIST
    @action(detail=True)
    def indicators(self, request: Request, **kwargs: Any) -> Response:
        run = self.run()
        found = measures.indicators([run.pk], workspace_id=self.workspace_id)
        return Response(list(found[run.pk].values()))

    @docs.INDICATOR_GET
    @action(detail=True, url_path="indicators/(?P<key>[a-z_]+)")
    def indicator(self, request: Request, **kwargs: Any) -> Response:
        run = self.run()
        found = measures.indicators([run.pk], workspace_id=self.workspace_id)
        if self.kwargs["key"] not in found[run.pk]:
            raise NotFound(NO_INDICATOR)
        return Response(found[run.pk][self.kwargs["key"]])

    @docs.BULK_INDICATORS
    @action(detail=False, url_path="bulk-indicators")
    def bulk_indicators(self, request: Request, **kwargs: Any) -> Response:
        run_ids = BulkParameters.read(request.query_params)["ids"]
        if not 1 <= len(run_ids) <= MAX_BULK_RUNS:
            raise ValidationError({"ids": [f"Name 1 to {MAX_BULK_RUNS} runs."]})
        found = measures.indicators(run_ids, workspace_id=self.workspace_id)
        return Response({str(pk): list(of_run.values()) for pk, of_run in found.items()})

    def _baseline(self, run: ModelRun, baseline_id: int | None) -> ModelRun:
        """The run to compare with. ValidationError where there is none."""
        rows = queries.runs(self.workspace_id).filter(project_id=run.project_id)
        if baseline_id is None and run.source_model_run_id is None:
            prompt_id = run.model_version.parent_model_id
            rows = rows.filter(pk__lt=run.pk, model_version__parent_model_id=prompt_id)
            found = queries.whole_first(rows.filter(total_compared__gt=0)).first()
        else:
            found = rows.filter(pk=baseline_id or run.source_model_run_id or 0).first()
        if found is None:
            raise ValidationError({"baseline": ["There is no such earlier run of the project."]})
        return found

    @docs.REGRESSIONS
    @action(detail=True)
    def regressions(self, request: Request, **kwargs: Any) -> Response:
        run = self.run()
        asked = RegressionParameters.read_strictly(request.query_params)
        baseline = self._baseline(run, asked["baseline"])
        return Response(queries.regressions(run, baseline.pk))

    @docs.RE_EVALUATE
    @action(detail=True, methods=["post"], url_path="re-evaluate")
    @audit.recorded("run.created")
    def re_evaluate(self, request: Request, **kwargs: Any) -> Response:
        run = self.run()
        values = self.checked(ReEvaluateSerializer)
        match values["mode"]:
            case "custom":
                task_ids = values.get("task_ids", [])
            case "regressions":
                baseline = self._baseline(run, values.get("baseline"))
                task_ids = queries.regressed_task_ids(run, baseline.pk)
            case mode:
                task_ids = queries.task_ids_to_re_evaluate(run.pk, mode)
        again = start.again(run, task_ids, self.access())
        audit.note(request, target=f"run {again.pk}", project=run.project_id, of=run.pk)
        shown = queries.runs(self.workspace_id).get(pk=again.pk)
        return Response(ModelRunSerializer(shown).data, status.HTTP_201_CREATED)


class SubsetViewSet(PromptRows):
    """A project's tasks as runs see them."""

    queryset = ModelRun.objects.none()
    serializer_class = SubsetSerializer

    @docs.SUBSETS
    @action(detail=True)
    def subsets(self, request: Request, **kwargs: Any) -> Response:
        project = self.project(self.row_id())
        size = settings.PROMPTER_SAMPLE_SUBSET_SIZE
        columns = [
            {"id": name, "title": name, "type": "String", "target": "tasks", "parent": "data"}
            for name in messages.data_fields(project.label_config)
        ]
        counts = queries.subset_counts(project.pk, sample_size=size)
        return Response(
            [
                {"subset": subset, "count": count, "columns_schema": columns}
                for subset, count in counts.items()
            ]
        )

    @docs.SUBSET_TASKS
    @action(detail=True, url_path="subset-tasks")
    def subset_tasks(self, request: Request, **kwargs: Any) -> HttpResponse:
        project = self.project(self.row_id())
        asked = SubsetTaskParameters.read(request.query_params)
        wanted = filters.subset_tasks(asked, project=project, workspace_id=self.workspace_id)
        size, page = asked["page_size"], asked["page"]
        tasks = subset_tasks.page(wanted, limit=size, offset=(page - 1) * size)
        if not tasks and page > 1:
            raise NotFound("Invalid page.")
        count = subset_tasks.count(wanted)
        before = page_url(request, page=page - 1) if page > 1 else None
        after = page_url(request, page=page + 1) if page * size < count else None
        found: dict[str, Any] = {"task_count": count} if asked["include_total"] else {}
        found |= {"next_cursor": after, "previous_cursor": before, "task_result_list": tasks}
        return json_response(
            {"count": count, "next": after, "previous": before, "results": [found]}
        )
