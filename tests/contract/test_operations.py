"""Each operation under /api/ succeeds at least once, and its answer is the documented one.

The callers' client does the comparing; the table names a request for each operation.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Project
from tests.checking import CheckingClient, contract
from tests.conftest import Caller, make_refresh, region
from tests.prompts.operations import REQUESTS as PROMPT_REQUESTS

PREDICTION = {"task": "{task}", "result": [region()], "score": 0.5, "model_version": "v1"}
TASK = {"project": "{project}", "data": {"image": "http://x.y/2.jpg"}}
IMPORTED = {"data": {"image": "http://x.y/3.jpg"}, "predictions": [{"result": [region()]}]}

# Operation, path, body. Several rows of one operation are its several forms.
REQUESTS: list[tuple[str, str, Any]] = [
    ("list_predictions", "/api/predictions/", None),
    ("list_predictions", "/api/predictions/?limit=1&count=true&project={project}", None),
    ("create_prediction", "/api/predictions/", PREDICTION),
    ("create_prediction", "/api/predictions/", [PREDICTION, PREDICTION]),
    ("create_prediction", "/api/predictions/?upsert=true", {**PREDICTION, "model_version": None}),
    ("get_prediction", "/api/predictions/{prediction}/", None),
    ("replace_prediction", "/api/predictions/{prediction}/", PREDICTION),
    ("update_prediction", "/api/predictions/{prediction}/", {"neighbors": [1], "cluster": 1}),
    ("delete_prediction", "/api/predictions/{prediction}/", None),
    ("list_prediction_comments", "/api/predictions/{prediction}/comments/", None),
    ("comment_on_prediction", "/api/predictions/{prediction}/comments/", {"text": "Too wide."}),
    ("delete_prediction_comment", "/api/predictions/{prediction}/comments/{comment}/", None),
    ("list_prediction_reviews", "/api/predictions/{prediction}/reviews/", None),
    ("review_prediction", "/api/predictions/{prediction}/reviews/", {}),
    ("take_back_prediction_review", "/api/predictions/{prediction}/reviews/", None),
    ("delete_predictions", "/api/predictions/?project={project}&model_version=v1", None),
    ("export_predictions", "/api/predictions/export/?format=json", None),
    ("export_predictions", "/api/predictions/export/?format=csv", None),
    ("export_project", "/api/projects/{project}/export?exportType=JSON", None),
    ("list_actions", "/api/dm/actions/?project={project}", None),
    (
        "run_action",
        "/api/dm/actions/?id=delete_tasks_predictions&project={project}",
        {"selectedItems": {"all": True}},
    ),
    (
        "run_action",
        "/api/dm/actions/?id=predictions_to_annotations&project={project}",
        {"selectedItems": {"all": False, "included": ["{task}"]}, "model_version": "v1"},
    ),
    (
        "run_action",
        "/api/dm/actions/?id=add_tags&project={project}",
        {"selectedItems": {"all": True}, "tags": ["night"]},
    ),
    ("list_tags", "/api/projects/{project}/tags/", None),
    ("list_views", "/api/dm/views/?project={project}", None),
    ("create_view", "/api/dm/views/", {"project": "{project}", "data": {"title": "All"}}),
    ("get_view", "/api/dm/views/{view}/", None),
    ("update_view", "/api/dm/views/{view}/", {"data": {}}),
    ("replace_view", "/api/dm/views/{view}/", {"project": "{project}", "data": {}}),
    ("delete_view", "/api/dm/views/{view}/", None),
    ("delete_views", "/api/dm/views/reset/?project={project}", None),
    ("order_views", "/api/dm/views/order/", {"project": "{project}", "ids": ["{view}"]}),
    ("list_tasks", "/api/tasks/?view={view}", None),
    ("list_tasks", "/api/tasks/?project={project}", None),
    ("list_tasks", "/api/tasks/?project={project}&fields=all", None),
    ("list_tasks", "/api/tasks/?project={project}&include=id,predictions", None),
    ("list_tasks_of_project", "/api/projects/{project}/tasks/", None),
    ("list_tasks_of_project", "/api/projects/{project}/tasks/?fields=all", None),
    ("create_task", "/api/tasks/", TASK),
    ("get_task", "/api/tasks/{task}/", None),
    ("replace_task", "/api/tasks/{task}/", TASK),
    ("update_task", "/api/tasks/{task}/", {"overlap": 2}),
    ("delete_task", "/api/tasks/{task}/", None),
    ("delete_tasks_of_project", "/api/projects/{project}/tasks/", None),
    ("list_annotations", "/api/tasks/{task}/annotations/", None),
    ("create_annotation", "/api/tasks/{task}/annotations/", {"result": [region()]}),
    ("get_annotation", "/api/annotations/{annotation}/", None),
    ("replace_annotation", "/api/annotations/{annotation}/", {"result": []}),
    ("update_annotation", "/api/annotations/{annotation}/", {"ground_truth": True}),
    ("mark_annotations", "/api/annotations/", {"project": "{project}", "ground_truth": True}),
    ("delete_annotation", "/api/annotations/{annotation}/", None),
    ("list_projects", "/api/projects/", None),
    ("list_projects", "/api/projects/?include=id,title", None),
    ("list_projects", "/api/projects/?page_size=1", None),
    ("create_project", "/api/projects/", {"title": "Boats"}),
    ("get_project", "/api/projects/{project}/", None),
    ("replace_project", "/api/projects/{project}/", {"title": "Ships"}),
    ("update_project", "/api/projects/{project}/", {"description": "Afloat."}),
    ("delete_project", "/api/projects/{project}/", None),
    ("list_model_versions", "/api/projects/{project}/model-versions/", None),
    (
        "list_model_versions",
        "/api/projects/{project}/model-versions/?extended=true&include_live_models=true",
        None,
    ),
    (
        "delete_model_version",
        "/api/projects/{project}/model-versions/",
        {"model_version": "v1"},
    ),
    ("import_predictions", "/api/projects/{project}/import/predictions", [PREDICTION]),
    (
        "import_predictions",
        "/api/projects/{project}/import/predictions?on_error=skip",
        [PREDICTION, {}],
    ),
    ("import_tasks", "/api/projects/{project}/import", [IMPORTED]),
    ("import_tasks", "/api/projects/{project}/import?return_task_ids=true", {"image": "a"}),
    ("list_audit_entries", "/api/audit/", None),
    ("list_project_export_formats", "/api/projects/{project}/export/formats", None),
    ("list_project_exports", "/api/projects/{project}/exports/", None),
    ("create_project_export", "/api/projects/{project}/exports/", {"title": "Friday"}),
    ("whoami", "/api/current-user/whoami", None),
    ("list_users", "/api/users/", None),
    ("get_user", "/api/users/{user}/", None),
    ("get_current_key", "/api/current-user/token", None),
    ("reset_current_key", "/api/current-user/reset-token/", {}),
    ("list_refresh_tokens", "/api/token/", None),
    ("create_refresh_token", "/api/token/", {}),
    ("refresh_access", "/api/token/refresh/", {"refresh": "{refresh}"}),
    ("revoke_refresh_token", "/api/token/blacklist/", {"refresh": "{refresh}"}),
    ("rotate_refresh_token", "/api/token/rotate/", {"refresh": "{refresh}"}),
    ("get_token_settings", "/api/jwt/settings", None),
    ("get_version", "/api/version/", None),
]
PATHS = contract().document["paths"]
VERBS = {
    operation["operationId"]: verb
    for path, on in PATHS.items()
    if path.startswith("/api/")
    for verb, operation in on.items()
}


def filled(template: Any, values: dict[str, Any]) -> Any:
    """The template with `{name}` replaced, a value that is nothing else by the value itself."""
    if isinstance(template, dict):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    return values.get(template.strip("{}")) or template.format_map(values)


@pytest.fixture
def values(ada: Caller, project: Project, task: int) -> dict[str, Any]:
    """What the placeholders of the table stand for."""
    post: Callable[..., Any] = ada.client.post
    prediction = post("/api/predictions/", filled(PREDICTION, {"task": task}), format="json")
    annotation = post(f"/api/tasks/{task}/annotations/", {"result": [region()]}, format="json")
    about = f"/api/predictions/{prediction.json()['id']}"
    comment = post(f"{about}/comments/", {"text": "Good."}, format="json")
    view = post("/api/dm/views/", {"project": project.pk}, format="json")
    refresh = {}
    if not ada.user.api_tokens.filter(kind="refresh").exists():
        refresh["refresh"] = make_refresh(ada)
    return {
        "user": ada.user.pk,
        "project": project.pk,
        "task": task,
        "prediction": prediction.json()["id"],
        "annotation": annotation.json()["id"],
        "comment": comment.json()["id"],
        "view": view.json()["id"],
        **refresh,
    }


@pytest.mark.parametrize(("operation", "path", "body"), REQUESTS)
def test_succeeds_as_documented(
    operation: str, path: str, body: Any, ada: Caller, values: dict[str, Any]
) -> None:
    verb = VERBS[operation]
    if operation == "create_refresh_token":
        ada.user.api_tokens.filter(kind="refresh").delete()
    call = getattr(ada.client, verb)

    response = call(filled(path, values), filled(body, values), format="json")

    if response.streaming:
        assert b"".join(response)  # read to the end, so checked
    response.close()
    assert 200 <= response.status_code < 300
    assert isinstance(ada.client, CheckingClient)
    on = PATHS[contract().path_of(response.request["PATH_INFO"])]
    assert on[verb]["operationId"] == operation


def test_every_operation_is_in_the_table() -> None:
    # Need a job, or files in a form; the tests of exports and of loads ask them.
    elsewhere = {
        "get_project_export", "download_project_export", "delete_project_export", "load_files",
    }  # fmt: skip
    # Need a backend that answers, deliveries, or a registered folder: their own tests ask each.
    elsewhere |= {
        operation["operationId"]
        for path, on in PATHS.items()
        if path.startswith(("/api/ml/", "/api/webhooks/", "/api/storages/"))
        for operation in on.values()
    }

    every = [*REQUESTS, *PROMPT_REQUESTS]
    assert {operation for operation, _, _ in every} == VERBS.keys() - elsewhere


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("/api/")])
def test_options_answers_on_every_path(path: str, ada: Caller) -> None:
    response = ada.client.options(re.sub(r"\{\w+\}", "999999", path))

    # What a view tells about its rows is told of those there are.
    assert response.status_code in {200, 404}
