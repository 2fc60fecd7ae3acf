"""The desk's pages of prompts and runs: one's own, without keys, edited by members alone."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from predictions.models import Project
from predictions_api.outbound import vault
from prompts.asking.outcome import Outcome
from prompts.desk import run_page
from prompts.models import ModelRun, Prompt, PromptVersion, ProviderConnection
from prompts.runs import outcomes
from prompts.runs import state as runs
from tests.conftest import Caller, make_caller
from tests.prompts.conftest import MakeRun, MakeTasks, MakeVersion

pytestmark = pytest.mark.django_db
RUNS = "/admin/prompts/modelrun/"
PREDICTED = (
    '[{"from_name": "sentiment", "to_name": "text", "type": "choices",'
    ' "value": {"choices": ["pos"]}}]'
)


@pytest.fixture
def run(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> ModelRun:
    """Three tasks: one predicted, one failed, one left."""
    ids = make_tasks(text_project, "good", "bad", "ugly")
    made = make_run(our_version)
    batch = [Outcome(ids[0], result=PREDICTED, prompt_tokens=20, completion_tokens=5)]
    batch += [Outcome(ids[1], error_type="Timeout", message="<script>alert(1)</script>")]
    outcomes.store(made.pk, batch)
    made.refresh_from_db()
    return made


def desk_of(caller: Caller, **more: Any) -> Client:
    caller.user.is_staff = True
    caller.user.save()
    client = Client(**more)
    client.force_login(caller.user)
    return client


@pytest.fixture
def mia(db: None) -> Caller:
    """A member of Ada's workspace."""
    return make_caller("mia@example.com", "lab", Membership.Role.MEMBER)


def rows_of(run: ModelRun) -> dict[str, int]:
    """An object for each list of the room."""
    version = run.model_version
    return {
        "prompt": version.parent_model_id,
        "promptversion": version.pk,
        "providerconnection": version.model_provider_connection_id or 0,
        "modelrun": run.pk,
        "failedprediction": run.failures.get().pk,
    }


PAGES = ["prompt", "promptversion", "providerconnection", "modelrun", "failedprediction"]
EDITED = PAGES[:3]


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_there_for_their_workspace_alone(
    page: str, ada: Caller, mia: Caller, rita: Caller, olga: Caller, run: ModelRun
) -> None:
    pk = rows_of(run)[page]
    for caller, sees, edits in (
        (ada, True, True),
        (mia, True, True),
        (rita, True, False),
        (olga, False, False),
    ):
        client = desk_of(caller)
        listed = client.get(f"/admin/prompts/{page}/")
        assert listed.status_code == 200
        text = listed.content.decode()
        assert (f"/admin/prompts/{page}/{pk}/" in text) == sees
        shown: Any = client.get(f"/admin/prompts/{page}/{pk}/change/", follow=True)
        # To where the admin sends those who look for what is not there, or the error page.
        assert (shown.status_code == 200 and f"/{pk}/" in shown.wsgi_request.path) == sees
        text += shown.content.decode()
        assert "sk-secret" not in text
        assert "<script>alert" not in text
        if page in EDITED:
            assert ('name="_save"' in text) == edits
            added = client.get(f"/admin/prompts/{page}/add/").status_code
            assert added == (403 if caller is rita else 200)
        else:
            assert client.get(f"/admin/prompts/{page}/add/").status_code == 403


@pytest.mark.parametrize("name", ["", "progress/"])
def test_a_runs_page_and_its_state(
    name: str, ada: Caller, rita: Caller, olga: Caller, client: Client, run: ModelRun
) -> None:
    url = f"{RUNS}{run.pk}/{name}"
    assert [desk_of(caller).get(url).status_code for caller in (ada, rita, olga)] == [200, 200, 404]
    assert client.get(url).status_code == 302, "to the login"


def test_the_state_is_what_the_page_draws(ada: Caller, run: ModelRun) -> None:
    desk = desk_of(ada)
    state = desk.get(f"{RUNS}{run.pk}/progress/")
    assert "no-store" in state["Cache-Control"]
    failed = run.failures.get()
    found = state.json()
    time = dict(found["measures"]).pop("Time")
    assert time.startswith("begun ")
    assert found["left"].endswith(" left")
    assert found == {
        "status": "InProgress",
        "status_label": "running",
        "reason": "",
        "is_open": True,
        "progress": 2 / 3,
        "total": 3,
        "predicted": 1,
        "failed": 1,
        "left": found["left"],
        "unpredicted": 2,
        "measures": [
            ["Agreement", "no ground truth to compare with"],
            ["Cost", "unknown or none"],
            ["Tokens", "25 (20 sent, 5 answered)"],
            ["Latency", "not measured"],
            ["Time", time],
        ],
        "failures": [
            {
                "type": "Timeout",
                "count": 1,
                "advice": "",
                "examples": [
                    {
                        "task": failed.task_id,
                        "message": "<script>alert(1)</script>",
                        "url": f"/admin/predictions/task/{failed.task_id}/review/",
                    }
                ],
            }
        ],
    }


def test_deleted_tasks_are_none_to_retry(ada: Caller, run: ModelRun) -> None:
    runs.cancel(run.pk)
    ada.client.delete(f"/api/tasks/{run.failures.get().task_id}/")
    assert desk_of(ada).get(f"{RUNS}{run.pk}/progress/").json()["unpredicted"] == 1


def test_members_cancel_and_retry(
    mia: Caller, rita: Caller, olga: Caller, run: ModelRun, django_assert_num_queries: Any
) -> None:
    for verb in ("cancel", "retry"):
        url = f"{RUNS}{run.pk}/{verb}/"
        assert desk_of(olga).post(url).status_code == 404
        assert desk_of(rita).post(url).status_code == 403
        assert desk_of(mia).get(url).status_code == 405
        assert desk_of(mia, enforce_csrf_checks=True).post(url).status_code == 403
    assert ModelRun.objects.count() == 1
    member = desk_of(mia)
    open_ = member.post(f"{RUNS}{run.pk}/retry/", follow=True)
    assert "There is nothing to retry." in open_.content.decode()
    run.refresh_from_db()
    assert run.status == "InProgress"
    canceled = member.post(f"{RUNS}{run.pk}/cancel/", follow=True)
    assert "The run is canceled." in canceled.content.decode()
    run.refresh_from_db()
    assert run.status == "Canceled"
    again: Any = member.post(f"{RUNS}{run.pk}/retry/", follow=True)
    made = ModelRun.objects.latest("pk")
    assert again.wsgi_request.path == f"{RUNS}{made.pk}/"
    left = sorted(run.items.exclude(status="Predicted").values_list("task_id", flat=True))
    assert (made.source_model_run_id, made.task_ids, made.status) == (run.pk, left, "Pending")
    ended = member.post(f"{RUNS}{made.pk}/cancel/")
    assert ended.status_code == 302
    runs.cancel(made.pk)


def test_readers_have_no_buttons(rita: Caller, mia: Caller, run: ModelRun) -> None:
    for caller, n in ((rita, 0), (mia, 3)):
        page = desk_of(caller).get(f"{RUNS}{run.pk}/").content.decode()
        assert page.count('<form method="post" action="/admin/prompts/modelrun/') == n


def test_stuck_runs_say_why(ada: Caller, run: ModelRun) -> None:
    ModelRun.objects.update(status="Pending", created_at="2020-01-01T00:00:00Z")
    state = desk_of(ada).get(f"{RUNS}{run.pk}/progress/").json()
    assert state["reason"].startswith("No worker has taken it for ")


FILTERS = [
    ("modelrun", "status=InProgress", True),
    ("modelrun", "status=Failed", False),
    ("modelrun", "project={project}", True),
    ("modelrun", "project=999", False),
    ("modelrun", "created=7", True),
    ("modelrun", "q={run}", True),
    ("modelrun", "q=999", False),
    ("prompt", "project={project}", True),
    ("prompt", "project=999", False),
    ("prompt", "created=1", True),
    ("prompt", "q=mood", True),
    ("promptversion", "project={project}", True),
    ("promptversion", "project=x", False),
    ("providerconnection", "provider=Custom", True),
    ("providerconnection", "provider=OpenAI", False),
    ("failedprediction", "run={run}", True),
    ("failedprediction", "run=999", False),
    ("failedprediction", "project={project}", True),
]


@pytest.mark.parametrize(("page", "query", "is_there"), FILTERS)
def test_filters(page: str, query: str, is_there: bool, ada: Caller, run: ModelRun) -> None:
    asked = query.format(project=run.project_id, run=run.pk)
    listed = desk_of(ada).get(f"/admin/prompts/{page}/?{asked}").content.decode()
    assert (f"/admin/prompts/{page}/{rows_of(run)[page]}/" in listed) == is_there


STATEMENTS = {
    "prompt": 5,
    "promptversion": 5,
    "providerconnection": 4,
    "modelrun": 6,
    "failedprediction": 6,
}


@pytest.mark.parametrize("n", [1, 50])
def test_statements_do_not_grow_with_the_rows(
    n: int,
    ada: Caller,
    run: ModelRun,
    make_version: MakeVersion,
    make_run: MakeRun,
    django_assert_num_queries: Any,
) -> None:
    for number in range(n - 1):
        version = make_version(title=f"w{number}")
        Prompt.objects.create(workspace=ada.workspace, title=f"p{number}")
        ProviderConnection.objects.create(workspace=ada.workspace, endpoint=f"http://{number}")
        made = make_run(version)
        first = made.items.order_by("task_id")[0].task_id
        outcomes.store(made.pk, [Outcome(first, error_type="x", message="y")])
    for page in PAGES:
        client = desk_of(ada)
        with django_assert_num_queries(STATEMENTS[page]):
            client.get(f"/admin/prompts/{page}/")


@pytest.mark.parametrize("n", [1, 50])
def test_statements_of_a_look_at_a_run_do_not_grow_with_its_failures(
    n: int,
    ada: Caller,
    our_version: PromptVersion,
    make_tasks: MakeTasks,
    make_run: MakeRun,
    text_project: Project,
    django_assert_num_queries: Any,
) -> None:
    ids = make_tasks(text_project, *["x"] * (n + 1))
    run = make_run(our_version)
    batch = [Outcome(task, error_type=f"e{task % 30}", message="m") for task in ids[:n]]
    outcomes.store(run.pk, batch)
    client = desk_of(ada)
    with django_assert_num_queries(7):
        assert len(client.get(f"{RUNS}{run.pk}/progress/").json()["failures"]) == min(n, 20)


def test_members_write_prompts_as_the_api_does(
    mia: Caller, run: ModelRun, text_project: Project
) -> None:
    member = desk_of(mia)
    body = {
        "workspace": mia.workspace.pk,
        "title": "Tones",
        "skill_name": "TextClassification",
        "associated_projects": [text_project.pk],
        "input_fields": '["text"]',
        "output_classes": "[]",
    }
    made = member.post("/admin/prompts/prompt/add/", body)
    assert made.status_code == 302, made.content.decode()[:3000]
    prompt = Prompt.objects.get(title="Tones")
    assert (prompt.workspace, prompt.created_by) == (mia.workspace, mia.user)
    assert [row.pk for row in prompt.associated_projects.all()] == [text_project.pk]
    version = {
        "parent_model": prompt.pk,
        "title": "v1",
        "prompt": "{mood} of {text}",
        "provider": "Custom",
        "provider_model_id": "m",
        "max_few_shot_examples": 0,
    }
    refused = member.post("/admin/prompts/promptversion/add/", version)
    assert "Unknown placeholders: {mood}." in refused.content.decode()
    assert not prompt.versions.exists()
    member.post("/admin/prompts/promptversion/add/", {**version, "prompt": "Mood of {text}"})
    stored = prompt.versions.get()
    assert (stored.prompt, stored.created_by) == ("Mood of {text}", mia.user)
    url = f"/admin/prompts/promptversion/{stored.pk}/change/"
    member.post(url, {**version, "prompt": "Tone of {text}"})
    stored.refresh_from_db()
    assert stored.prompt == "Tone of {text}"
    deleted = member.post(f"/admin/prompts/prompt/{prompt.pk}/delete/", {"post": "yes"})
    assert (deleted.status_code, Prompt.objects.filter(pk=prompt.pk).exists()) == (302, False)


def test_keys_are_entered_and_kept(mia: Caller, rita: Caller, settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    member = desk_of(mia)
    body = {
        "workspace": mia.workspace.pk,
        "provider": "Custom",
        "endpoint": "http://127.0.0.1:9/v1",
        "api_key": "sk-one",
        "request_params": "{}",
        "max_concurrency": 4,
    }
    made = member.post("/admin/prompts/providerconnection/add/", body)
    assert made.status_code == 302, made.content.decode()[:3000]
    row = ProviderConnection.objects.get()
    assert vault.unseal(row.encrypted_secrets) == {"api_key": "sk-one"}
    url = f"/admin/prompts/providerconnection/{row.pk}/change/"
    member.post(url, {**body, "api_key": "", "max_concurrency": 8})
    row.refresh_from_db()
    assert (row.max_concurrency, vault.unseal(row.encrypted_secrets)) == (8, {"api_key": "sk-one"})
    moved = {**body, "api_key": "", "endpoint": "http://127.0.0.2:9/v1"}
    refused = member.post(url, moved).content.decode()
    assert "Stored keys are not sent to another host: enter api_key again." in refused
    assert "sk-one" not in member.get(url).content.decode()
    seen = desk_of(rita).get(url).content.decode()
    assert "sk-one" not in seen
    assert 'name="api_key"' not in seen


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ((1.234, 2.5, 3), "1.23\xa0s median, 2.50\xa0s for the slowest 5 %, 3.00\xa0s at most"),
        (
            (0.0034, 0.004, 0.05),
            "0.0034\xa0s median, 0.0040\xa0s for the slowest 5 %, 0.050\xa0s at most",
        ),
    ],
)
def test_fast_answers_did_not_take_no_time(seconds: tuple[float, ...], shown: str) -> None:
    values = dict(zip(("p50", "p95", "max"), seconds, strict=True))
    assert run_page._latency({"mean": 1.0, **values}) == shown


def test_nearly_all_right_is_not_all(run: ModelRun) -> None:
    run.total_compared, run.agreement_sum, run.total_correct_predictions = 2500, 2499.0, 2499
    run.budget_usd, run.cost_usd = 1234567.25, 0.00001
    measured = dict(run_page._measures(run, is_open=True))
    assert measured["Agreement"] == "99.96% on average, 2,499 of 2,500 exactly right"
    assert measured["Cost"].startswith("$0.000010 of $1234567.25")
