"""What the OpenAPI document says of backends and jobs beyond the serializers."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers

from backends.api.backend_documents import (
    BackendSerializer,
    InteractiveSerializer,
    TrainSerializer,
)
from backends.api.job_documents import (
    FailureSerializer,
    JobSerializer,
    NewJobSerializer,
    TriedSerializer,
    VersionsSerializer,
)
from backends.api.ml_parameters import (
    CheckParameters,
    FailureListParameters,
    JobListParameters,
    ListParameters,
    PredictParameters,
    TestParameters,
)
from predictions.api.schema.parts import IDEMPOTENCY_KEY
from predictions_api.http.openapi import error_responses

View = TypeVar("View", bound=Callable[..., Any])

WRITE = error_responses(400, 404, 413, 415)
READ = error_responses(400, 404)
DETAIL = inline_serializer("TrainingQueued", {"detail": serializers.CharField()})


def _document(
    name: str, summary: str, answer: Any, *, status: int = 200, **more: Any
) -> Callable[[View], View]:
    errors = WRITE if "request" in more else READ
    return extend_schema(
        operation_id=name, summary=summary, responses={status: answer, **errors}, **more
    )


BACKEND_LIST = _document(
    "list_ml_backends",
    "The backends of a project, each asked how it is",
    BackendSerializer(many=True),
    parameters=[ListParameters],
)
BACKEND_CREATE = _document(
    "create_ml_backend",
    "Register a backend that answers",
    BackendSerializer,
    status=201,
    request=BackendSerializer,
)
BACKEND_GET = _document(
    "get_ml_backend",
    "A backend, asked how it is",
    BackendSerializer,
    parameters=[CheckParameters],
)
BACKEND_PUT = _document(
    "replace_ml_backend", "Change a backend", BackendSerializer, request=BackendSerializer
)
BACKEND_PATCH = _document(
    "update_ml_backend",
    "Change parts of a backend",
    BackendSerializer,
    request=BackendSerializer(partial=True),
)
BACKEND_DELETE = extend_schema(
    operation_id="delete_ml_backend",
    summary="Delete a backend; its predictions stay",
    responses={204: None, **READ},
)
VERSIONS = _document("list_ml_backend_versions", "The versions of a backend", VersionsSerializer)
INTERACTIVE = _document(
    "ask_ml_backend_interactively",
    "Ask about one task; nothing is stored",
    OpenApiTypes.OBJECT,
    request=InteractiveSerializer,
)
PREDICT_TEST = _document(
    "try_ml_backend",
    "Send one task and show what comes back; nothing is stored",
    TriedSerializer,
    request=None,
    parameters=[TestParameters],
)
TRAIN = _document("train_ml_backend", "Have a backend train", DETAIL, request=TrainSerializer)
PREDICT_ALL = _document(
    "predict_all_tasks",
    "Ask a backend about all tasks of its project",
    JobSerializer,
    status=202,
    request=None,
    parameters=[PredictParameters, IDEMPOTENCY_KEY],
)
JOB_LIST = _document(
    "list_prediction_jobs",
    "The jobs of a backend, newest first",
    JobSerializer(many=True),
    parameters=[JobListParameters],
)
JOB_CREATE = _document(
    "create_prediction_job",
    "Ask a backend about tasks",
    JobSerializer,
    status=202,
    request=NewJobSerializer,
    parameters=[IDEMPOTENCY_KEY],
)
JOB_GET = _document("get_prediction_job", "How a job is doing", JobSerializer)
JOB_CANCEL = _document("cancel_prediction_job", "Cancel a job", JobSerializer, request=None)
JOB_FAILURES = _document(
    "list_prediction_job_failures",
    "Why tasks of a job have no predictions",
    FailureSerializer(many=True),
    parameters=[FailureListParameters],
)
