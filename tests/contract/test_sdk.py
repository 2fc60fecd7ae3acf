"""The vendor's SDK, unmodified, against a live server: every call that prediction clients make."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from label_studio_sdk import AsyncLabelStudio, LabelStudio
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.errors import BadRequestError
from label_studio_sdk.types.prediction_request import PredictionRequest

from accounts import tokens
from predictions.models import MLBackend, Prediction, Project, Task
from tests.conftest import IMAGE_CONFIG, Caller, MakeTask, region
from tests.contract.conftest import Connect, Sent


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[int | None, str, Any]:
    """Status, detail and validation_errors of the envelope that an exception carries."""
    body = error.value.body
    assert list(body)[:5] == ["id", "status_code", "version", "detail", "exc_info"]
    assert body["status_code"] == error.value.status_code
    return error.value.status_code, body["detail"], body.get("validation_errors")


# Predictions


def test_predictions_create_stores_every_field(
    client: LabelStudio, project: Project, task: int
) -> None:
    backend = MLBackend.objects.create(project=project, url="http://model.example", title="m")
    created = client.predictions.create(
        task=task,
        result=[region()],
        score=0.87,
        model_version="v1",
        cluster=3,
        mislabeling=0.25,
        model=backend.pk,
        neighbors=[task],
        project=project.pk,
    )
    assert created.dict() | {"id": 0, "created_at": None, "updated_at": None} == {
        "id": 0,
        "result": [region()],
        "model_version": "v1",
        "created_ago": "0\xa0minutes",
        "score": 0.87,
        "cluster": 3,
        "neighbors": [task],
        "mislabeling": 0.25,
        "created_at": None,
        "updated_at": None,
        "model": backend.pk,
        "model_run": None,
        "task": task,
        "project": project.pk,
    }
    stored = Prediction.objects.get(pk=created.id)
    assert (stored.result, stored.score, stored.model_version) == ([region()], 0.87, "v1")
    assert (stored.task_id, stored.project_id, stored.model_id) == (task, project.pk, backend.pk)
    assert created.created_at == stored.created_at


def test_predictions_create_sends_only_what_is_given(
    client: LabelStudio, sent: Sent, task: int
) -> None:
    created = client.predictions.create(task=task, result=[])
    assert sent.calls == ["POST /api/predictions/"]
    assert sent.requests[0].headers["Authorization"].startswith("Token ")
    assert (created.score, created.model_version, created.mislabeling) == (None, "", 0.0)


def test_predictions_create_takes_explicit_nulls(client: LabelStudio, task: int) -> None:
    created = client.predictions.create(
        task=task,
        result=[region()],
        score=None,
        model_version=None,
        cluster=None,
        model=None,
        model_run=None,
        neighbors=None,
        project=None,
    )
    assert (created.score, created.model_version, created.cluster) == (None, "", None)
    assert client.predictions.get(created.id) == created


def test_predictions_create_refuses_with_the_envelope(
    client: LabelStudio, sent: Sent, task: int
) -> None:
    with pytest.raises(ApiError) as error:
        client.predictions.create(task=task, result=[region()], model_run=5, mislabeling=None)
    assert refusal(error) == (
        400,
        "Validation error",
        {"mislabeling": ["This field may not be null."]},
    )
    # Nothing is retried: the same request would be refused again.
    assert len(sent.calls) == 1
    assert not Prediction.objects.exists()


def test_predictions_list_is_a_bare_array_in_id_order(
    client: LabelStudio, ada: Caller, make_project: Any, make_task: MakeTask, task: int
) -> None:
    elsewhere = make_task(ada, make_project(ada, title="Other"))
    places = (task, elsewhere, task)
    first, second, third = (client.predictions.create(task=t, result=[region()]) for t in places)
    assert client.predictions.list() == [first, second, third]
    assert client.predictions.list(task=task) == [first, third]
    assert client.predictions.list(project=first.project) == [first, third]
    assert client.predictions.list(task_project=second.project) == [second]
    assert client.predictions.list(task=elsewhere, project=first.project) == []


def test_predictions_list_honours_a_limit_that_is_asked_for(client: LabelStudio, task: int) -> None:
    rows = [client.predictions.create(task=task, result=[]) for _ in range(3)]
    query = {"additional_query_parameters": {"limit": 2, "count": "true"}}
    page = client.predictions.with_raw_response.list(task=task, request_options=query)
    assert page.data == rows[:2]
    assert page.headers["x-total-count"] == "3"
    assert f"after={rows[1].id}" in page.headers["link"]


def test_predictions_list_refuses_an_unknown_task(client: LabelStudio) -> None:
    with pytest.raises(ApiError) as error:
        client.predictions.list(task=999999)
    status, _, errors = refusal(error)
    assert (status, list(errors)) == (400, ["task"])


def test_predictions_get_update_and_delete(client: LabelStudio, sent: Sent, task: int) -> None:
    created = client.predictions.create(task=task, result=[region()], model_version="v1", score=0.1)
    assert client.predictions.get(created.id) == created

    updated = client.predictions.update(created.id, score=0.2)
    assert (updated.score, updated.model_version, updated.result) == (0.2, "v1", [region()])
    moved = client.predictions.update(created.id, result=[region("Person")], model_version="v2")
    assert (moved.score, moved.model_version) == (0.2, "v2")
    assert client.predictions.get(created.id) == moved
    assert moved.result == [region("Person")]
    assert moved.created_at == created.created_at
    assert moved.updated_at > created.updated_at

    assert client.predictions.delete(created.id) is None
    with pytest.raises(ApiError) as error:
        client.predictions.get(created.id)
    assert refusal(error) == (404, "No Prediction matches the given query.", None)
    with pytest.raises(ApiError) as error:
        client.predictions.delete(created.id)
    assert error.value.status_code == 404
    item = f"/api/predictions/{created.id}/"
    assert [call for call in sent.calls if not call.startswith("POST")] == [
        f"GET {item}",
        f"PATCH {item}",
        f"PATCH {item}",
        f"GET {item}",
        f"DELETE {item}",
        f"GET {item}",
        f"DELETE {item}",
    ]


def test_an_idempotency_key_stores_once(client: LabelStudio, task: int) -> None:
    options = {"additional_headers": {"Idempotency-Key": "image-7 of run 3"}}
    first = client.predictions.create(task=task, result=[region()], request_options=options)
    again = client.predictions.create(task=task, result=[region()], request_options=options)
    assert again == first
    assert client.predictions.list(task=task) == [first]


# Keys


def test_an_unknown_key_is_401_and_asked_once(connect: Connect, sent: Sent) -> None:
    with pytest.raises(ApiError) as error:
        connect("0" * 39 + "a").predictions.list()
    assert refusal(error) == (401, "Invalid token.", None)
    assert error.value.headers["www-authenticate"] == "Token"
    assert len(sent.calls) == 1


def test_a_refresh_token_is_exchanged_first(connect: Connect, ada: Caller, sent: Sent) -> None:
    refresh = connect(ada.key).tokens.create().token
    sent.requests.clear()
    client = connect(refresh)
    assert sent.calls == []
    assert client.users.whoami().email == "ada@example.com"
    assert client.users.whoami().id == ada.user.pk
    assert sent.calls == [
        "POST /api/token/refresh/",
        "GET /api/current-user/whoami",
        "GET /api/current-user/whoami",
    ]
    scheme, access = sent.requests[1].headers["Authorization"].split()
    claims = tokens.decode(access, token_type="access")
    assert scheme == "Bearer"
    assert claims is not None
    assert claims["user_id"] == str(ada.user.pk)


def test_a_revoked_refresh_token_is_401(connect: Connect, ada: Caller) -> None:
    refresh = connect(ada.key).tokens.create().token
    connect(ada.key).tokens.blacklist(refresh=refresh)
    with pytest.raises(ApiError) as error:
        connect(refresh).users.whoami()
    assert refusal(error) == (401, "Token is invalid", None)


def test_a_rotated_refresh_token_replaces_the_old_one(connect: Connect, ada: Caller) -> None:
    old = connect(ada.key).tokens.create().token
    new = connect(ada.key).tokens.rotate(refresh=old).refresh
    assert connect(new).users.whoami().email == "ada@example.com"
    with pytest.raises(ApiError):
        connect(old).users.whoami()


def test_x_api_key_takes_the_place_of_authorization(
    connect: Connect, ada: Caller, olga: Caller, sent: Sent
) -> None:
    client = connect(olga.key, headers={"X-Api-Key": ada.key})
    assert client.users.whoami().email == "ada@example.com"
    assert "Authorization" not in sent.requests[0].headers


def test_x_api_key_takes_no_access_token(connect: Connect, ada: Caller, sent: Sent) -> None:
    refresh = connect(ada.key).tokens.create().token
    sent.requests.clear()
    with pytest.raises(ApiError) as error:
        connect(ada.key, headers={"X-Api-Key": refresh}).users.whoami()
    assert refusal(error) == (401, "Invalid token.", None)
    assert sent.calls == ["POST /api/token/refresh/", "GET /api/current-user/whoami"]


def test_users_and_versions(client: LabelStudio, ada: Caller) -> None:
    me = client.users.whoami()
    assert (me.id, me.email) == (ada.user.pk, "ada@example.com")
    assert me.active_organization == ada.workspace.pk
    assert client.users.get_token().token == ada.key
    version = client.versions.get().dict()
    assert (version["release"], version["edition"]) == ("1.23.2", "Community")


def test_reset_token_ends_the_old_key(connect: Connect, ada: Caller) -> None:
    new = connect(ada.key).users.reset_token().token
    assert connect(new).users.whoami().email == "ada@example.com"
    with pytest.raises(ApiError) as error:
        connect(ada.key).users.whoami()
    assert error.value.status_code == 401


# Projects and tasks


def test_projects_create_get_update_and_delete(client: LabelStudio, ada: Caller) -> None:
    created = client.projects.create(title="Street cars", label_config=IMAGE_CONFIG)
    assert (created.title, created.label_config) == ("Street cars", IMAGE_CONFIG)
    found = client.projects.get(created.id)
    assert (found.id, found.title) == (created.id, "Street cars")
    assert (found.organization, found.task_number) == (ada.workspace.pk, 0)
    interface = found.get_label_interface()
    assert list(interface.get_control("label").labels_attrs) == ["Car", "Person"]
    assert client.projects.update(created.id, title="Street").title == "Street"
    assert client.projects.delete(created.id) is None
    with pytest.raises(ApiError) as error:
        client.projects.get(created.id)
    assert refusal(error) == (404, "No Project matches the given query.", None)


def test_projects_create_names_what_is_wrong_with_the_config(client: LabelStudio) -> None:
    with pytest.raises(ApiError) as error:
        client.projects.create(title="Street cars", label_config="<View>")
    status, _, errors = refusal(error)
    assert (status, list(errors)) == (400, ["label_config"])


def test_projects_list_reads_all_pages(
    client: LabelStudio, ada: Caller, make_project: Any, sent: Sent
) -> None:
    made = [make_project(ada, title=f"Cars {n}").pk for n in range(5)]
    found = [project.id for project in client.projects.list(page_size=2)]
    assert found == made[::-1]
    assert sent.calls == [f"GET /api/projects/?page={n}&page_size=2" for n in (1, 2, 3, 4)]
    only = next(iter(client.projects.list(include="id,title")))
    assert (only.id, only.title) == (made[-1], "Cars 4")
    assert [project.id for project in client.projects.list(search="s 3")] == [made[3]]
    assert list(client.projects.list(filter="pinned_only")) == []
    assert [project.id for project in client.projects.list(ordering="title")] == made


def test_projects_import_tasks_answers_their_ids(client: LabelStudio, project: Project) -> None:
    answer = client.projects.import_tasks(
        project.pk,
        request=[
            {"data": {"image": "http://x.y/1.jpg"}},
            {
                "data": {"image": "http://x.y/2.jpg"},
                "predictions": [{"result": [region()], "model_version": "v1", "score": 0.5}],
            },
        ],
        return_task_ids=True,
    )
    assert (answer.task_count, answer.prediction_count) == (2, 1)
    first, second = (client.tasks.get(pk) for pk in answer.task_ids)
    assert (first.data, first.predictions) == ({"image": "http://x.y/1.jpg"}, [])
    assert second.data == {"image": "http://x.y/2.jpg"}
    (stored,) = second.predictions
    assert (stored.result, stored.model_version, stored.score) == ([region()], "v1", 0.5)


def test_projects_import_predictions_stores_in_order(
    client: LabelStudio, ada: Caller, project: Project, make_task: MakeTask
) -> None:
    tasks = [make_task(ada, project) for _ in range(3)]
    answer = client.projects.import_predictions(
        project.pk,
        request=[
            {"task": tasks[2], "result": [region()], "score": 0.1, "model_version": "v1"},
            PredictionRequest(task=tasks[0], result=[region("Person")], score=0.2),
            {"task": tasks[1], "result": []},
        ],
    )
    assert answer.created == 3
    stored = [client.predictions.get(pk) for pk in answer.prediction_ids]
    assert [(p.task, p.score, p.model_version) for p in stored] == [
        (tasks[2], 0.1, "v1"),
        (tasks[0], 0.2, "undefined"),
        (tasks[1], None, "undefined"),
    ]
    assert [p.result for p in stored] == [[region()], [region("Person")], []]


def test_projects_import_predictions_names_bad_items_and_stores_none(
    client: LabelStudio, sent: Sent, project: Project, task: int
) -> None:
    good = {"task": task, "result": [region()]}
    bad = [{"task": 999999, "result": []}, {"task": task, "result": [], "score": "high"}]
    with pytest.raises(BadRequestError) as error:
        client.projects.import_predictions(project.pk, request=[good, *bad])
    _, _, errors = refusal(error)
    assert errors == {
        "non_field_errors": [
            "Prediction 1: Invalid task ID 999999 - task not found in project",
            "Prediction 2: Score must be a valid number, got high",
        ]
    }
    assert len(sent.calls) == 1
    assert client.predictions.list(project=project.pk) == []


def test_tasks_create_and_get(client: LabelStudio, project: Project) -> None:
    created = client.tasks.create(project=project.pk, data={"image": "http://x.y/9.jpg"})
    prediction = client.predictions.create(task=created.id, result=[region()], score=0.5)
    found = client.tasks.get(created.id)
    assert (found.id, found.project) == (created.id, project.pk)
    assert found.data == {"image": "http://x.y/9.jpg"}
    assert [p.id for p in found.predictions] == [prediction.id]
    assert found.predictions[0].result == [region()]
    assert (found.total_predictions, found.predictions_score) == (1, 0.5)


def test_tasks_list_reads_pages_until_the_404(
    client: LabelStudio, ada: Caller, project: Project, make_task: MakeTask, sent: Sent
) -> None:
    made = [make_task(ada, project) for _ in range(4)]
    prediction = client.predictions.create(task=made[3], result=[region()])
    sent.requests.clear()
    found = list(client.tasks.list(project=project.pk, page_size=2))
    assert [task.id for task in found] == made
    assert [[p.id for p in task.predictions] for task in found] == [[], [], [], [prediction.id]]
    assert sent.calls == [
        f"GET /api/tasks/?fields=all&page={n}&page_size=2&project={project.pk}" for n in (1, 2, 3)
    ]


def test_tasks_list_with_only_annotated_or_selected_tasks(
    client: LabelStudio, ada: Caller, project: Project, make_task: MakeTask
) -> None:
    made = [make_task(ada, project) for _ in range(3)]
    client.annotations.create(made[1], result=[region()])

    def listed(**asked: Any) -> list[int | None]:
        return [task.id for task in client.tasks.list(project=project.pk, page_size=1, **asked)]

    assert listed(only_annotated=True) == [made[1]]
    assert listed(only_annotated=False, review=False) == made
    but_one = json.dumps({"all": True, "excluded": made[:1]})
    assert listed(selected_items=but_one) == made[1:]
    with pytest.raises(ApiError) as error:
        listed(review=True)
    assert refusal(error)[2] == {"review": ["Tasks are not listed for review here."]}


def test_tasks_list_with_include_has_only_those_keys(
    client: LabelStudio, project: Project, task: int
) -> None:
    (found,) = client.tasks.list(project=project.pk, include="id,data")
    assert (found.id, found.data) == (task, {"image": "http://x.y/1.jpg"})
    assert found.predictions is None


def test_actions_on_selected_tasks(client: LabelStudio, project: Project, task: int) -> None:
    for version in ("v1", "v2"):
        client.predictions.create(task=task, model_version=version, result=[region()])
    assert [action.id for action in client.actions.list(project=project.pk)] == [
        "retrieve_tasks_predictions",
        "delete_tasks",
        "delete_tasks_annotations",
        "delete_tasks_predictions",
        "predictions_to_annotations",
        "predictions_to_ground_truth",
        "add_tags",
        "remove_tags",
    ]
    selected: Any = {"all": False, "included": [task]}
    where: Any = {"project": project.pk, "selected_items": selected}
    none: Any = [{"filter": "id", "operator": "less", "type": "Number", "value": 0}]
    data: Any = {"filters": {"conjunction": "and", "items": none}}
    view = client.views.create(project=project.pk, data=data).id
    client.actions.create(id="delete_tasks", view=view, **where)
    assert client.tasks.get(str(task)).id == task
    client.actions.create(id="predictions_to_annotations", **where)
    annotations: Any = client.annotations.list(id=task)
    assert [annotation.result for annotation in annotations] == [[region()]] * 2
    client.actions.create(id="delete_tasks_predictions", **where)
    assert client.predictions.list(task=task) == []


def test_views(client: LabelStudio, project: Project, task: int) -> None:
    item = {
        "filter": "filter:tasks:tags",
        "operator": "contains",
        "type": "List",
        "value": "night",
    }
    data: Any = {
        "title": "Night",
        "filters": {"conjunction": "and", "items": [item]},
        "ordering": ["-tasks:id"],
    }
    made = client.views.create(project=project.pk, data=data)
    assert (made.project, made.data) == (project.pk, data)
    assert client.views.list(project=project.pk) == [made]
    assert client.views.get(id=str(made.id)) == made
    assert [one.id for one in client.tasks.list(view=made.id)] == []
    changed = client.views.update(id=str(made.id), data={"title": "All"}, project=project.pk)
    assert changed.data == {"title": "All"}
    assert [one.id for one in client.tasks.list(view=made.id)] == [task]
    second = client.views.create(project=project.pk)
    client.views.update_order(project=project.pk, ids=[second.id or 0, made.id or 0])
    assert [one.id for one in client.views.list(project=project.pk)] == [second.id, made.id]
    client.views.delete(id=str(made.id))
    client.views.delete_all(project=project.pk)
    assert client.views.list(project=project.pk) == []


def test_deleting_a_task_deletes_its_predictions(client: LabelStudio, task: int) -> None:
    prediction = client.predictions.create(task=task, result=[region()])
    assert client.tasks.delete(task) is None
    with pytest.raises(ApiError) as error:
        client.predictions.get(prediction.id)
    assert error.value.status_code == 404
    assert not Task.objects.exists()


def test_deleting_all_tasks_of_a_project(
    client: LabelStudio, ada: Caller, project: Project, task: int, make_project: Any, make_task: Any
) -> None:
    client.predictions.create(task=task, result=[region()])
    kept = make_task(ada, make_project(ada, title="Other"))
    assert client.tasks.delete_all_tasks(project.pk) is None
    assert [row.pk for row in Task.objects.all()] == [kept]
    assert not Prediction.objects.exists()
    assert client.projects.get(project.pk).task_number == 0


# The asynchronous client

Use = Callable[[AsyncLabelStudio], Awaitable[Any]]


@pytest.fixture
def run(address: str, sent: Sent) -> Callable[[str, Use], Any]:
    """Runs a coroutine with the SDK's asynchronous client."""

    async def use(key: str, what: Use) -> Any:
        async with httpx.AsyncClient(event_hooks={"request": [sent.record]}) as http:
            return await what(AsyncLabelStudio(base_url=address, api_key=key, httpx_client=http))

    return lambda key, what: asyncio.run(use(key, what))


def test_async_predictions(run: Any, ada: Caller, task: int) -> None:
    async def use(client: AsyncLabelStudio) -> None:
        created = await client.predictions.create(
            task=task, result=[region()], score=0.5, model_version=None
        )
        assert (created.result, created.score, created.model_version) == ([region()], 0.5, "")
        assert await client.predictions.get(created.id) == created
        assert await client.predictions.list(task=task) == [created]
        updated = await client.predictions.update(created.id, model_version="v2")
        assert (updated.model_version, updated.score) == ("v2", 0.5)
        assert await client.predictions.delete(created.id) is None
        with pytest.raises(ApiError) as error:
            await client.predictions.get(created.id)
        assert refusal(error) == (404, "No Prediction matches the given query.", None)

    run(ada.key, use)
    assert not Prediction.objects.exists()


def test_async_projects_and_tasks(run: Any, ada: Caller, sent: Sent) -> None:
    async def use(client: AsyncLabelStudio) -> None:
        project = await client.projects.create(title="Street cars", label_config=IMAGE_CONFIG)
        interface = (await client.projects.get(project.id)).get_label_interface()
        assert list(interface.get_control("label").labels_attrs) == ["Car", "Person"]
        imported = await client.projects.import_tasks(
            project.id,
            request=[{"data": {"image": f"{n}.jpg"}} for n in range(3)],
            return_task_ids=True,
        )
        single = await client.tasks.create(project=project.id, data={"image": "3.jpg"})
        ids = [*imported.task_ids, single.id]
        answer = await client.projects.import_predictions(
            project.id, request=[{"task": pk, "result": [region()], "score": 1} for pk in ids]
        )
        assert answer.created == 4
        pager = await client.tasks.list(project=project.id, page_size=2)
        found = [task async for task in pager]
        assert [task.id for task in found] == ids
        assert [task.predictions[0].id for task in found] == answer.prediction_ids
        assert (await client.tasks.get(ids[0])).predictions[0].score == 1.0
        pager = await client.projects.list(page_size=1)
        assert [p.id async for p in pager] == [project.id]
        with pytest.raises(BadRequestError):
            await client.projects.import_predictions(project.id, request=[{"task": 0}])
        assert await client.projects.delete(project.id) is None

    run(ada.key, use)
    assert "GET /api/tasks/?fields=all&page=3&page_size=2" in " ".join(sent.calls)


def test_async_keys_and_versions(run: Any, ada: Caller, sent: Sent) -> None:
    async def with_key(client: AsyncLabelStudio) -> str:
        assert (await client.users.get_token()).token == ada.key
        assert (await client.versions.get()).dict()["release"] == "1.23.2"
        return str((await client.tokens.create()).token)

    async def with_refresh_token(client: AsyncLabelStudio) -> None:
        assert (await client.users.whoami()).email == "ada@example.com"

    refresh = run(ada.key, with_key)
    run(refresh, with_refresh_token)
    assert sent.requests[-1].headers["Authorization"].startswith("Bearer ")


# Exports


def test_exports_download_sync(client: LabelStudio, project: Project, task: int) -> None:
    done = client.tasks.create(project=project.pk, data={"image": "2.jpg"}).id
    client.annotations.create(done, result=[region()])

    def found(**parameters: Any) -> list[int]:
        pieces = client.projects.exports.download_sync(project.pk, **parameters)
        return [one["id"] for one in json.loads(b"".join(pieces))]

    assert found() == [done]
    assert found(export_type="JSON_MIN") == [done]
    assert found(download_all_tasks=True, download_resources=True) == [task, done]
    assert found(download_all_tasks=True, ids=[str(task), str(done)]) == [task, done]
    assert found(download_all_tasks=True, ids=str(task)) == [task]
    with pytest.raises(ApiError) as error:
        found(export_type="BLAH")
    assert refusal(error)[0] == 400
