"""What the OpenAPI document says of the evaluation routes: their answers, parameters and errors.

Bodies are derived from the documents that are answered, query parameters from the serializers that
read them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import serializers

from evals.documents.document import Document
from evals.documents.imported import ImportedFile
from evals.documents.schema import Schema, about_an_evaluation, schema_of
from evals.panels.panel import Panel
from evals.panels.query import Query
from evals.panels.table import PANELS
from predictions_api.http.openapi import ErrorSerializer
from predictions_api.http.paths import OWN_ROUTES

View = TypeVar("View", bound=Callable[..., Any])


REASONS = {
    400: "`invalid_…`: a parameter or the body cannot be read.",
    401: "`unauthenticated`: no key, or one that does not work.",
    403: "`forbidden`: the role or the key's scopes do not allow it.",
    404: "Not there, not yours, or (`report_not_found`) the evaluation has no such panel.",
    405: "`method_not_allowed`.",
    409: "`model_eval_not_done`.",
    413: "`body_too_large`.",
    415: "`unsupported_media_type`.",
    429: "`too_many_requests`: too many unknown keys came from this address.",
    503: "`database_unavailable`.",
    507: "`disk_full`.",
}


class EvaluationErrorSerializer(serializers.Serializer[Any]):
    """Every error of the evaluation routes."""

    error = serializers.CharField(help_text="A code.")
    message = serializers.CharField()


# Where the path itself fits no route, the answer is the service's, not these routes'.
NOT_FOUND = PolymorphicProxySerializer(
    component_name="EvaluationNotFound",
    serializers=[EvaluationErrorSerializer, ErrorSerializer],
    resource_type_field_name=None,
    many=False,
)


def answers(success: dict[Any, Any], *errors: int) -> dict[Any, Any]:
    """The documented answers of an operation: the given ones and those any may give."""
    codes = sorted({401, 403, 404, 405, 429, 503, 507, *errors})
    return {
        **success,
        **{code: OpenApiResponse(EvaluationErrorSerializer, REASONS[code]) for code in codes},
        404: OpenApiResponse(NOT_FOUND, REASONS[404]),
    }


def in_path(name: str, pattern: str, description: str) -> OpenApiParameter:
    """A part of the path."""
    schema = {"type": "string", "pattern": pattern}
    return OpenApiParameter(name, schema, OpenApiParameter.PATH, description=description)


EVAL_ID = "^[A-Za-z0-9]{20}$"
SLUG = f"^(?!({OWN_ROUTES})$)[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"
WORKSPACE = in_path("workspace", SLUG, "The workspace's slug.")
EVALUATION = in_path("eval_id", EVAL_ID, "The evaluation's id.")
OTHER = in_path("other_id", EVAL_ID, "The other evaluation's id.")
IMAGE = in_path("image_id", ".+", "The image's id.")


def operation(
    operation_id: str,
    summary: str,
    success: dict[Any, Any],
    *errors: int,
    parameters: Any = (),
    query: type[Query] | None = None,
    request: Any = None,
) -> Callable[[View], View]:
    """The documentation of one verb."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["Evaluations"],
        parameters=[*parameters, *([query] if query else [])],
        request=request,
        responses=answers(success, *errors),
    )


def document(
    document: type[Document], description: str = "", *, has_identity: bool = False
) -> OpenApiResponse:
    """An answer that is this document, after the evaluation's identity where it has one."""
    schema = about_an_evaluation(document) if has_identity else schema_of(document)
    return OpenApiResponse(schema, description)


def panel(panel: Panel) -> Callable[[View], View]:
    """The documentation of a panel's route."""
    has_query = panel.query is not Query
    return operation(
        panel.operation_id,
        panel.summary,
        {200: document(panel.document, has_identity=True)},
        400,
        409,
        parameters=[WORKSPACE, EVALUATION],
        query=panel.query if has_query else None,
    )


def imported_file() -> Schema:
    """The file of an evaluation that was computed elsewhere, with the panels it may bring."""
    file = schema_of(ImportedFile)
    panels = {
        panel.imported_as[0]: schema_of(panel.document) for panel in PANELS if panel.imported_as
    }
    return {**file, "properties": {**file["properties"], **panels}}
