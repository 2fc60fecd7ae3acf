"""What answers and parameters of the evaluation routes look like: the words `schema` is made of.

Answers are written out as JSON Schema: they are made from numbers, not through serializers.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import serializers

from evals.documents.schemas import IDENTITY, Schema, record
from evals.reports.selection import SORTS
from predictions_api.http.openapi import ErrorSerializer

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
    503: "`database_unavailable`.",
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
    codes = sorted({401, 403, 404, 405, 503, *errors})
    return {
        **success,
        **{code: OpenApiResponse(EvaluationErrorSerializer, REASONS[code]) for code in codes},
        404: OpenApiResponse(NOT_FOUND, REASONS[404]),
    }


def query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    """A query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def in_path(name: str, description: str) -> OpenApiParameter:
    """A part of the path."""
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=description)


WORKSPACE_NAME = in_path("workspace", "The workspace's slug.")
EVAL_ID = in_path("eval_id", "The evaluation's id.")
OTHER_ID = in_path("other_id", "The other evaluation's id.")
IMAGE_ID = in_path("image_id", "The image's id.")
CONFIDENCE = query(
    "confidence", OpenApiTypes.INT, "Percent, 0 to 100; the evaluation's own unless given."
)
ONE_SPLIT = query("split", OpenApiTypes.STR, "Split.", enum=["train", "valid", "test"])
ANY_SPLIT = query("split", OpenApiTypes.STR, "Split.", enum=["train", "valid", "test", "all"])
LIMIT = query("limit", OpenApiTypes.INT, "1 to 1000.")
OFFSET = query("offset", OpenApiTypes.INT, "From 0.")
SELECTION = [
    query(
        "sort",
        OpenApiTypes.STR,
        "Order of images.",
        enum=[sign + name for name in SORTS for sign in ("", "-")],
    ),
    query("minFalsePositives", OpenApiTypes.INT, "Only images with so many or more, of `class` if given."),
    query("minFalseNegatives", OpenApiTypes.INT, "Only images with so many or more, of `class` if given."),
    query("cell", OpenApiTypes.STR, "`actual,predicted`: only images behind this matrix cell."),
    query("class", OpenApiTypes.STR, "Only images where this class is there or is said to be."),
    query("cluster", OpenApiTypes.INT, "Only images of this cluster; -1 is noise."),
]


def operation(
    operation_id: str,
    summary: str,
    success: dict[Any, Any],
    *errors: int,
    parameters: Any = (),
    request: Any = None,
) -> Callable[[View], View]:
    """The documentation of one verb."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["Evaluations"],
        parameters=list(parameters),
        request=request,
        responses=answers(success, *errors),
    )


def panel(
    operation_id: str, summary: str, body: Schema, *errors: int, parameters: Any = ()
) -> Callable[[View], View]:
    """The documentation of a panel: the header, then the body."""
    return operation(
        operation_id,
        summary,
        {200: OpenApiResponse({**record(IDENTITY), **open_or(body)}, "")},
        409,
        *errors,
        parameters=[WORKSPACE_NAME, EVAL_ID, *parameters],
    )


def open_or(body: Schema) -> Schema:
    """An imported panel is given back as it came, so keys may be added."""
    return {
        "properties": {**IDENTITY, **body},
        "required": list(IDENTITY),
        "additionalProperties": True,
    }
