"""Evaluations that Ctrl+K finds: by their id, their model, or the version they are of."""

from collections.abc import Iterator

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from desk.search import MOST_FOUND, Found
from desk.workspace_admin import visible
from evals.models import ModelEval


def evaluations(request: HttpRequest, text: str) -> Iterator[Found]:
    """The newest first."""
    rows = visible(request, ModelEval.objects.select_related("project")).filter(
        Q(eval_id=text) | Q(model_version=text) | Q(version_id=text) | Q(model_id__icontains=text)
    )
    columns = ("eval_id", "model_id", "model_version", "version_id", "project__title")
    for row in rows.only(*columns).order_by("-pk")[:MOST_FOUND]:
        name = row.model_version or row.model_id or row.version_id or row.eval_id
        of = f" in {row.project}" if row.project else ""
        url = reverse("admin:evals_modeleval_overview", args=[row.eval_id])
        yield Found(str(name), f"evaluation {row.eval_id}{of}", url, "monitoring")
