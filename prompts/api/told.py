"""The document of a run with how far it is: of its own route, and of the event that it ended."""

from collections.abc import Iterator
from typing import Any

from predictions.events.payloads import project_of
from predictions_api.outbound.events.payloads import Document, Told
from prompts.api.serializers.runs import ModelRunSerializer, RunDetailSerializer
from prompts.db import queries
from prompts.models import ModelRun
from prompts.runs import progress


def run_document(run: ModelRun) -> dict[str, Any]:
    """A run of `queries.runs`."""
    document = {
        **ModelRunSerializer(run).data,
        "progress": progress.fraction(run),
        "failures": queries.failure_counts(run),
    }
    return {name: document[name] for name in RunDetailSerializer.Meta.fields}


def run_completed(told: Told) -> Iterator[Document]:
    """A run ended, well or not; by its id alone where it is gone."""
    run_id = told.body["run"]
    run = queries.runs(told.workspace_id).filter(pk=run_id).first()
    shown = {"id": run_id} if run is None else run_document(run)
    yield {"run": shown, "project": project_of(told)}
