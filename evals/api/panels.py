"""The routes of an evaluation's panels, which are stored in the shape they are sent."""

from typing import ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.request import Request

from evals.api import query as filters
from evals.api import schema as docs
from evals.api.route import EvaluationRoute, answer
from evals.db import queries
from evals.documents import panels
from evals.models import EvalPanel, ModelEval

Kind = EvalPanel.Kind


class PanelView(EvaluationRoute):
    """A panel that is stored as it is sent."""

    kind: ClassVar[Kind]
    missing: ClassVar[str]

    def stored(self) -> HttpResponse:
        found = self.shown()
        queries.refuse_unfinished(found)
        body = queries.report(found, self.kind, self.missing)
        return answer(panels.panel(queries.identity(found), body))


class MapResultsView(PanelView):
    """Average precision and other metrics of each split."""

    kind = Kind.MAP_RESULTS
    missing = "The imported file has no mapResults."

    @docs.MAP_RESULTS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class ConfidenceSweepView(PanelView):
    """Precision, recall and F1 over all confidences."""

    kind = Kind.SWEEP
    missing = "The imported file has no confidenceSweep."

    @docs.SWEEP
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class RecommendationsView(PanelView):
    """Advice for a better model."""

    kind = Kind.RECOMMENDATIONS
    missing = "The imported file has no recommendations."

    @docs.RECOMMENDATIONS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        return self.stored()


class PerformanceByClassView(EvaluationRoute):
    """The table of classes of one split."""

    @docs.PERFORMANCE
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.shown()
        _, split = filters.split(request.query_params, default="test", allows_all=False)
        queries.refuse_unfinished(found)
        body = queries.report(
            found,
            Kind.PERFORMANCE,
            "The imported file has neither mapResults nor confidenceSweep.",
            split=-1 if split is None else split,
        )
        return answer(panels.panel(queries.identity(found), body))


class ConfusionMatrixView(EvaluationRoute):
    """Who was taken for whom."""

    @docs.MATRIX
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found, query = self.shown(), request.query_params
        name, split = filters.split(query, default="test", allows_all=True)
        confidence = filters.confidence(query, found.confidence)
        queries.refuse_unfinished(found)
        queries.refuse_unknown_confidence(found, confidence)
        matrix = queries.matrix(found, split=split, confidence=confidence)
        body = panels.confusion_matrix(name, confidence, found.classes, matrix)
        return answer({**queries.identity(found).document(), **body})


class VectorAnalysisView(EvaluationRoute):
    """Images by what they look like: clusters, and how well each fares."""

    MISSING = (
        "The evaluated tasks carry no embeddings. Send them as meta.embedding, a list of numbers,"
        " then run the evaluation again."
    )
    NOT_IMPORTED = "The imported file has no clustering."

    @docs.VECTORS
    def get(self, request: Request, workspace: str, eval_id: str) -> HttpResponse:
        found = self.shown()
        confidence = filters.confidence(request.query_params, found.confidence)
        queries.refuse_unfinished(found)
        is_imported = found.origin == ModelEval.Origin.IMPORTED
        missing = self.NOT_IMPORTED if is_imported else self.MISSING
        body = queries.report(found, Kind.CLUSTERING, missing)
        document = {**queries.identity(found).document(), **orjson.loads(body)}
        if not is_imported:
            clusters = queries.panel(found, Kind.CLUSTERS, confidence=confidence)
            document["clusters"] = orjson.Fragment(clusters or b"[]")
        return answer(document)
