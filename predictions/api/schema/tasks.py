"""Tasks, annotations, and what is done with a selection of tasks."""

from typing import Any

from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers

from predictions.api.parameters import (
    ActionListParameters,
    ActionParameters,
    AnnotationListParameters,
    TaskListParameters,
    TaskPageParameters,
)
from predictions.api.schema.parts import IDEMPOTENCY_KEY, REPLAYED, either
from predictions.api.serializers import (
    AnnotationSerializer,
    ListedTaskSerializer,
    MarkSerializer,
    TaskDetailSerializer,
    TaskSerializer,
)
from predictions_api.http.openapi import ErrorSerializer, error_responses


class TaskKeysSerializer(TaskDetailSerializer):
    """The keys of a task that `include` names, or all of them with `fields=all`."""


TASK_ROWS = either("TaskRow", ListedTaskSerializer, TaskKeysSerializer, many=True)


@extend_schema_field(TASK_ROWS)
class TaskRowsField(serializers.ListField):
    """Tasks as a list shows them."""


@extend_schema_serializer(many=False)
class TaskPageSerializer(serializers.Serializer[Any]):
    """One page of a project's tasks, with the project's totals."""

    total_annotations = serializers.IntegerField()
    total_predictions = serializers.IntegerField()
    total = serializers.IntegerField()
    tasks = TaskRowsField()


TASK_LIST = extend_schema(
    operation_id="list_tasks",
    summary="List a project's tasks, with totals",
    parameters=[TaskListParameters],
    responses={
        200: TaskPageSerializer,
        **error_responses(),
        404: either(
            "NoTasks",
            ErrorSerializer,
            inline_serializer("BareDetail", {"detail": serializers.CharField()}),
        ),
    },
)
PROJECT_TASK_LIST = extend_schema(
    operation_id="list_tasks_of_project",
    summary="List a project's tasks as an array",
    parameters=[TaskPageParameters],
    responses={200: TASK_ROWS, **error_responses()},
)
PROJECT_TASKS_DELETE = extend_schema(
    operation_id="delete_tasks_of_project",
    summary="Delete all tasks of a project with their predictions and annotations",
    responses={204: None, **error_responses()},
)
TASK_CREATE = extend_schema(
    operation_id="create_task",
    summary="Create a task",
    parameters=[IDEMPOTENCY_KEY, REPLAYED],
    responses={201: TaskSerializer, **error_responses(415)},
)
TASK_GET = extend_schema(
    operation_id="get_task",
    summary="Get a task with its predictions and annotations",
    responses={200: TaskDetailSerializer, **error_responses()},
)
TASK_PUT = extend_schema(
    operation_id="replace_task",
    summary="Replace a task; what is left out keeps its value",
    responses={200: TaskSerializer, **error_responses(415)},
)
TASK_PATCH = extend_schema(
    operation_id="update_task",
    summary="Change a task",
    responses={200: TaskSerializer, **error_responses(415)},
)
TASK_DELETE = extend_schema(
    operation_id="delete_task",
    summary="Delete a task with its predictions and annotations",
    responses={204: None, **error_responses()},
)
ANNOTATION_LIST = extend_schema(
    operation_id="list_annotations",
    summary="List a task's annotations",
    description="Those that were cancelled are not among them, but among the task's own.",
    parameters=[AnnotationListParameters],
    responses={200: AnnotationSerializer(many=True), **error_responses()},
)
ANNOTATION_CREATE = extend_schema(
    operation_id="create_annotation",
    summary="Create an annotation",
    parameters=[IDEMPOTENCY_KEY, REPLAYED],
    responses={201: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_GET = extend_schema(
    operation_id="get_annotation",
    summary="Get an annotation",
    responses={200: AnnotationSerializer, **error_responses()},
)
ANNOTATION_PUT = extend_schema(
    operation_id="replace_annotation",
    summary="Replace an annotation; what is left out keeps its value",
    responses={200: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_PATCH = extend_schema(
    operation_id="update_annotation",
    summary="Change an annotation",
    responses={200: AnnotationSerializer, **error_responses(415)},
)
ANNOTATION_MARK = extend_schema(
    operation_id="mark_annotations",
    tags=["Annotations"],
    summary="Mark annotations as ground truth, or take the mark away",
    description="Some by their ids, or all of a project that are not cancelled. Annotations that "
    "are as they should be are not touched.",
    request=MarkSerializer,
    responses={
        200: inline_serializer(
            "AnnotationsMarked",
            {"updated": serializers.IntegerField(help_text="How many have changed.")},
        ),
        **error_responses(415),
    },
)
ANNOTATION_DELETE = extend_schema(
    operation_id="delete_annotation",
    summary="Delete an annotation",
    responses={204: None, **error_responses()},
)
ACTION_LIST = extend_schema(
    operation_id="list_actions",
    tags=["Tasks"],
    summary="What can be done with a selection of tasks",
    parameters=[ActionListParameters],
    responses={
        200: inline_serializer(
            "Action",
            {
                "id": serializers.CharField(),
                "title": serializers.CharField(),
                "order": serializers.IntegerField(),
                "permission": serializers.CharField(),
                "experimental": serializers.BooleanField(),
                "dialog": inline_serializer(
                    "ActionDialog",
                    {"text": serializers.CharField(), "type": serializers.CharField()},
                ),
            },
            many=True,
        ),
        **error_responses(404),
    },
)
ACTION_DONE = inline_serializer(
    "ActionDone",
    {
        "processed_items": serializers.IntegerField(required=False),
        "reload": serializers.BooleanField(required=False),
        "detail": serializers.CharField(),
        "jobs": serializers.ListField(child=serializers.DictField(), required=False),
    },
)
ACTION_CREATE = extend_schema(
    operation_id="run_action",
    tags=["Tasks"],
    summary="Do something with a selection of tasks",
    description="All of it or nothing. `selectedItems` is needed, `filters` narrow it;"
    " `model_version`, one or a list, is read by `predictions_to_annotations`,"
    " `predictions_to_ground_truth` and `delete_tasks_predictions`; `tags` by `add_tags` and"
    " `remove_tags`. `retrieve_tasks_predictions` takes all tasks unless some are selected, asks"
    " the backend `ml_backend` or those of the project, and answers 202 where their jobs go on.",
    parameters=[ActionParameters],
    request={
        "application/json": {
            "type": "object",
            "properties": {
                "selectedItems": {
                    "type": "object",
                    "properties": {
                        "all": {"type": "boolean"},
                        "included": {"type": "array", "items": {"type": "integer"}},
                        "excluded": {"type": "array", "items": {"type": "integer"}},
                    },
                    "required": ["all"],
                },
                "filters": {"type": ["object", "null"], "additionalProperties": True},
                "ordering": {"type": ["array", "null"], "items": {"type": "string"}},
                "model_version": {"type": ["string", "array", "null"], "items": {"type": "string"}},
                "tags": {"type": "array", "items": {"type": "string", "maxLength": 100}},
                "ml_backend": {"type": ["integer", "null"]},
            },
        }
    },
    responses={
        200: ACTION_DONE,
        202: ACTION_DONE,
        **error_responses(404, 415),
    },
)
