"""What is told of an evaluation that ended: the document of its route."""

from collections.abc import Iterator

import orjson

from evals.documents.document import encode
from evals.models import ModelEval
from evals.reports.evaluations import document_of
from predictions.events.payloads import project_of
from predictions_api.outbound.events.payloads import Document, Told


def evaluation_completed(told: Told) -> Iterator[Document]:
    """An evaluation ended, well or not; nothing of one that is gone. `project` is null where it is
    of none.
    """
    rows = ModelEval.objects.select_related("project")
    evaluation = rows.filter(pk=told.body["evaluation"]).first()
    if evaluation is None:
        return
    shown = orjson.Fragment(encode(document_of(evaluation)))
    yield {"evaluation": shown, "project": project_of(told) if told.project_id else None}
