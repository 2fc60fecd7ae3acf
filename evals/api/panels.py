"""The routes of an evaluation's panels: one for each panel of the table."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from rest_framework.decorators import action
from rest_framework.request import Request

from evals.api import schema
from evals.api.route import EvaluationRoutes, answer_about
from evals.db.evaluations import refuse_unfinished
from evals.panels.panel import Panel
from evals.panels.table import PANELS


def _route(panel: Panel) -> Callable[..., HttpResponse]:
    def read(
        self: EvaluationRoutes, request: Request, workspace: str, eval_id: str
    ) -> HttpResponse:
        evaluation = self.evaluation_to_read()
        asked = panel.query.asked_strictly(request.query_params)
        refuse_unfinished(evaluation)
        return answer_about(evaluation, panel.read(evaluation, asked))

    read.__name__ = panel.path.replace("-", "_")
    routed: Callable[..., HttpResponse] = action(
        detail=True, url_path=panel.path, url_name=panel.path
    )(read)
    return schema.panel(panel)(routed)


_routes: dict[str, Any] = {panel.path.replace("-", "_"): _route(panel) for panel in PANELS}
PanelViewSet = type(
    "PanelViewSet",
    (EvaluationRoutes,),
    {"__doc__": "Panels of one evaluation.", "__module__": __name__, **_routes},
)
