"""Label Studio's own client, unmodified, over a real connection: every call of its prompt rooms."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from label_studio_sdk import AsyncLabelStudio, LabelStudio
from label_studio_sdk.core.api_error import ApiError

from predictions.models import Prediction, Project
from prompts.models import ModelRun, PromptVersion
from prompts.runs import executor
from tests.conftest import Caller
from tests.prompts.conftest import MakeTasks, Model

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = {
    "api_key": "sk-1",
    "auth_token": "token-1",
    "google_application_credentials": '{"client_email": "a@b.c"}',
}


@pytest.fixture
def client(live_server: Any, ada: Caller) -> Iterator[LabelStudio]:
    with httpx.Client(timeout=30) as http:
        yield LabelStudio(base_url=live_server.url, api_key=ada.key, httpx_client=http)


@pytest.fixture
def made(client: LabelStudio, text_project: Project) -> tuple[int, int]:
    """A prompt and a version of it, by the client."""
    prompt = client.prompts.create(title="Moods", associated_projects=[text_project.pk])
    assert prompt.id is not None
    version = client.prompts.versions.create(
        prompt.id, title="v1", prompt="Mood of {text}?", provider_model_id="m"
    )
    assert version.id is not None
    return prompt.id, version.id


def test_prompts(client: LabelStudio, text_project: Project, ada: Caller) -> None:
    prompts = client.prompts
    made = prompts.create(
        title="Moods",
        description="Of reviews",
        input_fields=["text"],
        output_classes=["pos", "neg"],
        associated_projects=[text_project.pk],
        skill_name="TextClassification",
    )
    assert made.id is not None
    assert made.created_by is not None
    assert (made.title, made.organization) == ("Moods", ada.workspace.pk)
    assert (made.created_by.email, made.created_by.username) == ("ada@example.com", "ada")
    assert isinstance(made.created_at, datetime)
    page = prompts.list(search="mood", ordering="-created_at", page=1, page_size=10)
    assert (page.count, page.next, page.results[0].versions_count) == (1, None, 0)
    got = prompts.get(made.id)
    assert got.associated_projects is not None
    assert (got.associated_projects[0].id, got.best_score) == (text_project.pk, None)
    assert prompts.update(made.id, title="Feelings").title == "Feelings"
    found = prompts.compatible_projects(project_type="TextClassification", ids=text_project.pk)
    assert [project.id for project in found.results] == [text_project.pk]
    assert prompts.compatible_projects(project_type="NamedEntityRecognition").count == 0
    prompts.delete(made.id)
    assert prompts.list().count == 0


def test_versions(client: LabelStudio, made: tuple[int, int]) -> None:
    prompt_id, version_id = made
    versions = client.prompts.versions
    assert [version.id for version in versions.list(prompt_id, ordering="id")] == [version_id]
    got = versions.get(prompt_id, version_id)
    assert (got.title, got.parent_model, got.score) == ("v1", prompt_id, None)
    assert (got.model_display_name, got.max_few_shot_examples) == ("m", 0)
    changed = versions.update(prompt_id, version_id, title="v2", max_few_shot_examples=3)
    assert (changed.title, changed.max_few_shot_examples) == ("v2", 3)
    named = versions.get_default_version_name(prompt_id)
    assert named.default_model_version_name == "Version 2"
    estimate = versions.cost_estimate(prompt_id, version_id)
    assert (estimate.is_error, estimate.error_type) == (True, "PriceUnknown")
    versions.delete(prompt_id, version_id)
    assert versions.list(prompt_id) == []


def test_refining(client: LabelStudio, made: tuple[int, int], model: Model) -> None:
    prompt_id, version_id = made
    versions = client.prompts.versions
    teacher = client.model_providers.create(provider="Custom", endpoint=model.endpoint)
    assert teacher.id is not None
    project_id = client.prompts.get(prompt_id).associated_projects[0].id
    model.control(answer={"prompt": "Is {text} kind?", "reasoning": "Shorter."})
    more: dict[str, Any] = {
        "project_id": project_id,
        "teacher_model_name": "teacher",
        "teacher_model_provider_connection_id": teacher.id,
    }
    refined = versions.refine_prompt(prompt_id, version_id, **more)
    assert (refined.prompt, refined.refinement_status) == ("Is {text} kind?", "Completed")
    assert refined.previous_version is not None
    assert (refined.previous_version.id, refined.title) == (version_id, "Version 2")
    again = versions.get_refined_prompt(
        prompt_id, version_id, refinement_job_id=refined.refinement_job_id or ""
    )
    assert again.reasoning == "Shorter."
    later = versions.refine_prompt(prompt_id, version_id, async_=True, **more)
    assert later.refinement_status == "Pending"


def test_runs(
    client: LabelStudio,
    made: tuple[int, int],
    text_project: Project,
    make_tasks: MakeTasks,
    truth: Callable[[int, str], None],
    model: Model,
) -> None:
    prompt_id, version_id = made
    runs = client.prompts.runs
    ids = make_tasks(text_project, "good", "bad", "garbage")
    truth(ids[0], "pos")
    truth(ids[1], "pos")
    connection = client.model_providers.create(
        provider="Custom", endpoint=model.endpoint, api_key="sk-1"
    )
    client.prompts.versions.update(
        prompt_id, version_id, model_provider_connection=connection.id, provider="Custom"
    )
    run = runs.create(prompt_id, version_id, project=text_project.pk, project_subset="All")
    assert run.id is not None
    assert (run.status, run.project, run.model_version) == ("Pending", text_project.pk, version_id)
    executor.execute(run.id)
    listed = runs.list(
        prompt_id, version_id, project=text_project.pk, project_subset="All", ordering="-id"
    )
    assert [(r.id, r.status, r.total_predictions) for r in listed] == [(run.id, "Completed", 2)]
    assert listed[0].total_correct_predictions == 1
    indicators = client.prompts.indicators
    assert "Tokens" in {found.title for found in indicators.list(run.id)}
    assert indicators.get(run.id, "agreement").values["mean"] == 0.5
    subsets = {found.subset: found.count for found in client.prompts.subsets(text_project.pk)}
    assert subsets == {"All": 3, "HasGT": 2, "Sample": 3}
    page = client.prompts.subset_tasks(
        text_project.pk, parent_model=prompt_id, model_run=run.id, include_total=True
    )
    first, _, failed = page.results[0].task_result_list
    assert (page.count, page.results[0].task_count) == (3, 3)
    assert first.prediction is not None
    assert first.ground_truth is not None
    assert failed.error is not None
    assert (first.id, first.score, failed.prediction) == (ids[0], 1.0, None)
    assert failed.error["error_type"] == "InvalidAnswer"
    assert client.prompts.get(prompt_id).best_score == 0.5
    with pytest.raises(ApiError) as refused:
        client.prompts.subset_tasks(text_project.pk)
    assert refused.value.status_code == 400


def test_batches_of_an_outside_engine(
    client: LabelStudio, made: tuple[int, int], text_project: Project, make_tasks: MakeTasks
) -> None:
    prompt_id, version_id = made
    ids = make_tasks(text_project, "good", "bad")
    run = client.prompts.runs.create(
        prompt_id, version_id, project=text_project.pk, project_subset="All", job_id="adala-7"
    )
    assert run.id is not None
    answer = {
        "task_id": ids[0],
        "output": {"sentiment": "pos"},
        "error": False,
        "message": None,
        "details": None,
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "prompt_cost_usd": 0.001,
        "completion_cost_usd": 0.002,
        "total_cost_usd": 0.003,
        "message_counts": {"user": 1},
        "inference_time": 0.7,
    }
    stored = client.prompts.batch_predictions(
        modelrun_id=run.id, results=[answer], job_id="adala-7", num_predictions=1
    )
    assert stored.job_id == "adala-7"
    failed = client.prompts.batch_failed_predictions(
        modelrun_id=run.id,
        failed_predictions=[{"task_id": ids[1], "error_type": "Timeout", "message": "60 s"}],
        job_id="adala-7",
        num_failed_predictions=1,
    )
    assert failed.failed_predictions[0]["error_type"] == "Timeout"
    assert ModelRun.objects.get().status == "Completed"
    assert Prediction.objects.get().result[0]["value"] == {"choices": ["pos"]}
    assert client.predictions.list(project=text_project.pk)[0].model_run == run.id


def test_cancel(
    client: LabelStudio, made: tuple[int, int], text_project: Project, make_tasks: MakeTasks
) -> None:
    prompt_id, version_id = made
    make_tasks(text_project, "good")
    run = client.prompts.runs.create(
        prompt_id, version_id, project=text_project.pk, project_subset="All"
    )
    assert run.id is not None
    canceled = client.prompts.runs.cancel(prompt_id, version_id, run.id)
    assert canceled.detail == f"Inference run {run.id} is canceled."
    assert ModelRun.objects.get().status == "Canceled"


def test_model_providers(client: LabelStudio, settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    providers = client.model_providers
    made = providers.create(
        provider="AzureOpenAI",
        deployment_name="d",
        endpoint="http://127.0.0.1:9/v1",
        google_project_id="p",
        google_location="l",
        cached_available_models="a,b",
        scope="Organization",
        is_internal=False,
        budget_alert_threshold=5.0,
        **SECRETS,
    )
    assert made.id is not None
    assert (made.provider, made.deployment_name, made.budget_total_spent) == ("AzureOpenAI", "d", 0)
    assert made.model_params is not None
    shown = [made, providers.get(made.id), *providers.list(ordering="-id")]
    shown.append(providers.update(made.id, deployment_name="e", **SECRETS))
    for row in shown:
        assert not set(SECRETS) & set(row.model_dump())
        assert not [secret for secret in SECRETS.values() if secret in str(row)]
    assert shown[-1].deployment_name == "e"
    choices = providers.list_model_provider_choices().provider_choices
    assert choices == [
        "OpenAI",
        "AzureOpenAI",
        "AzureAIFoundry",
        "VertexAI",
        "Gemini",
        "Anthropic",
        "Custom",
    ]
    providers.delete(made.id)
    assert providers.list() == []


async def every_call_of_the_asynchronous_client(
    url: str, key: str, project_id: int, task_id: int, endpoint: str
) -> list[Any]:
    """What the client says of each call, in order, as values to compare."""
    async with httpx.AsyncClient(timeout=30) as http:
        client = AsyncLabelStudio(base_url=url, api_key=key, httpx_client=http)
        providers, prompts = client.model_providers, client.prompts
        versions, runs = prompts.versions, prompts.runs
        row = await providers.create(provider="Custom", endpoint=endpoint, **SECRETS)
        said: list[Any] = [row.provider, (await providers.get(row.id or 0)).endpoint == endpoint]
        said.append([found.id == row.id for found in await providers.list(ordering="id")])
        said.append((await providers.update(row.id or 0, deployment_name="d")).deployment_name)
        said.append((await providers.list_model_provider_choices()).provider_choices[-1])

        prompt = await prompts.create(title="Moods", associated_projects=[project_id])
        pid = prompt.id or 0
        said.append((await prompts.get(pid)).title)
        said.append((await prompts.list(search="moo")).count)
        said.append((await prompts.update(pid, description="Of reviews")).description)
        said.append((await prompts.compatible_projects(ids=[project_id])).count)

        version = await versions.create(
            pid,
            title="v1",
            prompt="Mood of {text}?",
            provider_model_id="m",
            provider="Custom",
        )
        vid = version.id or 0
        said.append([found.title for found in await versions.list(pid)])
        said.append((await versions.get(pid, vid)).prompt)
        said.append((await versions.update(pid, vid, max_few_shot_examples=1)).provider)
        said.append((await versions.get_default_version_name(pid)).default_model_version_name)
        said.append((await versions.cost_estimate(pid, vid)).error_type)
        refined = await versions.refine_prompt(
            pid,
            vid,
            project_id=project_id,
            teacher_model_name="teacher",
            teacher_model_provider_connection_id=row.id or 0,
        )
        said.append(refined.prompt)
        again = await versions.get_refined_prompt(
            pid, vid, refinement_job_id=refined.refinement_job_id or ""
        )
        said.append(again.refinement_status)

        run = await runs.create(pid, vid, project=project_id, project_subset="All", job_id="j")
        rid = run.id or 0
        said.append((run.status, run.total_tasks, run.project_subset, run.job_id))
        answer = {"task_id": task_id, "output": {"sentiment": "pos"}, "prompt_tokens": 3}
        stored = await prompts.batch_predictions(
            modelrun_id=rid, results=[answer], job_id="j", num_predictions=1
        )
        said.append((stored.job_id, stored.results))
        failure = {"task_id": task_id, "error_type": "Timeout", "message": "60 s"}
        failed = await prompts.batch_failed_predictions(
            modelrun_id=rid, failed_predictions=[failure], job_id="j", num_failed_predictions=1
        )
        said.append(failed.failed_predictions)
        said.append([found.status for found in await runs.list(pid, vid, project=project_id)])
        said.append([found.title for found in await prompts.indicators.list(rid)])
        said.append((await prompts.indicators.get(rid, "tokens")).values)
        said.append({found.subset: found.count for found in await prompts.subsets(project_id)})
        page = await prompts.subset_tasks(project_id, parent_model=pid, include_total=True)
        said.append([task.id == task_id for task in page.results[0].task_result_list])
        second = await runs.create(pid, vid, project=project_id, project_subset="All", job_id="k")
        said.append((await runs.cancel(pid, vid, second.id or 0)).detail == canceled(second.id))
        await versions.delete(pid, vid)
        await prompts.delete(pid)
        await providers.delete(row.id or 0)
        said.append(((await prompts.list()).count, await providers.list()))
        return said


def canceled(run_id: int | None) -> str:
    return f"Inference run {run_id} is canceled."


def test_the_asynchronous_client(
    live_server: Any, ada: Caller, text_project: Project, make_tasks: MakeTasks, model: Model
) -> None:
    (task_id,) = make_tasks(text_project, "good")
    model.control(answer={"prompt": "Is {text} kind?", "reasoning": "Shorter."})
    said = asyncio.run(
        every_call_of_the_asynchronous_client(
            live_server.url, ada.key, text_project.pk, task_id, model.endpoint
        )
    )
    answer = {"task_id": task_id, "output": {"sentiment": "pos"}, "prompt_tokens": 3}
    assert said == [
        "Custom",
        True,
        [True],
        "d",
        "Custom",
        "Moods",
        1,
        "Of reviews",
        1,
        ["v1"],
        "Mood of {text}?",
        "Custom",
        "Version 2",
        "PriceUnknown",
        "Is {text} kind?",
        "Completed",
        ("Pending", 1, "All", "j"),
        ("j", [answer]),
        [{"task_id": task_id, "error_type": "Timeout", "message": "60 s"}],
        ["Completed"],
        ["Tasks", "Agreement with ground truth", "Tokens", "Cost (USD)", "Latency (s)"],
        {"prompt": 3, "completion": None, "total": 3},
        {"All": 1, "HasGT": 0, "Sample": 1},
        [True],
        True,
        (0, []),
    ]


def test_deleting_a_version_deletes_its_predictions(
    client: LabelStudio, made: tuple[int, int], text_project: Project, make_tasks: MakeTasks
) -> None:
    prompt_id, version_id = made
    (task_id,) = make_tasks(text_project, "good")
    run = client.prompts.runs.create(
        prompt_id, version_id, project=text_project.pk, project_subset="All"
    )
    client.prompts.batch_predictions(
        modelrun_id=run.id or 0,
        results=[{"task_id": task_id, "output": {"sentiment": "pos"}}],
        job_id="j",
    )
    assert Prediction.objects.count() == 1
    client.prompts.versions.delete(prompt_id, version_id)
    assert (Prediction.objects.count(), PromptVersion.objects.count()) == (0, 0)
