"""The page "New run", and a run that is begun once more by the same request."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Membership, User
from predictions.models import Project, Task
from prompts.desk import advice
from prompts.models import ModelRun, PromptVersion
from prompts.runs.start import REQUEST
from tests.conftest import Caller, make_caller
from tests.prompts.conftest import MakeRun, MakeTasks
from tests.prompts.desk.test_admin import RUNS, desk_of

pytestmark = pytest.mark.django_db
NEW = f"{RUNS}new/"


@pytest.fixture
def mia(db: None) -> Caller:
    """A member of Ada's workspace."""
    return make_caller("mia@example.com", "lab", Membership.Role.MEMBER)


@pytest.fixture
def form(version: PromptVersion, text_project: Project, make_tasks: MakeTasks) -> dict[str, Any]:
    """Three tasks to ask a version about."""
    make_tasks(text_project, "good", "bad", "ugly")
    return {"version": version.pk, "project": text_project.pk, "project_subset": "All"}


def test_every_field_of_a_request_is_asked(mia: Caller, form: dict[str, Any]) -> None:
    member = desk_of(mia)
    with CaptureQueriesContext(connection) as captured:
        answer: Any = member.get(NEW, {"project": form["project"], "version": form["version"]})
    assert (answer.status_code, len(captured)) == (200, 4)
    context = answer.context_data
    assert [one.name for one in context["fields"]] == [
        "project_subset",
        "job_id",
        "filters_json",
        "task_ids",
        "sample_subset_size",
        "only_missing_predictions",
        "budget_usd",
    ]
    assert (context["project"], context["version"]) == (str(form["project"]), str(form["version"]))
    assert [one.pk for one in context["versions"]] == [form["version"]]


def test_the_button_of_a_version(mia: Caller, rita: Caller, form: dict[str, Any]) -> None:
    path = f"/admin/prompts/promptversion/{form['version']}/change/"
    shown = {one: desk_of(one).get(path).content.decode() for one in (mia, rita)}
    button = f"/admin/prompts/promptversion/{form['version']}/run"
    assert (button in shown[mia], button in shown[rita]) == (True, False)
    answer = desk_of(mia).get(f"{button}/", follow=False)
    assert (answer.status_code, answer["Location"]) == (302, f"{NEW}?version={form['version']}")


def test_it_begins_what_the_api_begins(mia: Caller, form: dict[str, Any]) -> None:
    tasks = sorted(Task.objects.values_list("pk", flat=True))[:2]
    more = {"project_subset": "Custom", "task_ids": str(tasks), "budget_usd": "1.5"}
    answer = desk_of(mia).post(NEW, {**form, **more})
    run = ModelRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{RUNS}{run.pk}/")
    assert (run.project_subset, run.task_ids, run.budget_usd, run.total_tasks) == (
        "Custom", tasks, 1.5, 2,
    )  # fmt: skip
    entry = AuditEntry.objects.get(action="run.created")
    assert (entry.actor, entry.target) == ("mia@example.com", f"run {run.pk}")


@pytest.mark.parametrize(
    ("more", "wrong", "others"),
    [
        ({"sample_subset_size": "-1"}, {"sample_subset_size"}, []),
        ({"project_subset": "Custom", "task_ids": "[0]"}, {"task_ids"}, []),
        ({"project_subset": "Custom", "task_ids": "["}, {"task_ids"}, []),
        ({"project_subset": "Some"}, {"project_subset"}, []),
        ({"lacks": True}, set(), ["Unknown placeholders: {name}. Fields of the tasks: text."]),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    mia: Caller, form: dict[str, Any], more: dict[str, Any], wrong: set[str], others: list[str]
) -> None:
    if more.pop("lacks", False):
        PromptVersion.objects.update(prompt="Who is {name}?")
    answer: Any = desk_of(mia).post(NEW, {**form, **more})
    assert answer.status_code == 400
    context = answer.context_data
    assert {one.name for one in context["fields"] if one.errors} == wrong
    assert [text[: len(others[0])] for text in context["others"]] == others if others else True
    assert context["version"] == str(form["version"])
    assert not ModelRun.objects.exists()


@pytest.mark.parametrize(
    ("who", "page", "sent"),
    [("ada", 200, 302), ("mia", 200, 302), ("root", 200, 302), ("rita", 403, 403),
     ("olga", 200, 404)],
)  # fmt: skip
def test_who_may(
    ada: Caller,
    mia: Caller,
    rita: Caller,
    olga: Caller,
    form: dict[str, Any],
    who: str,
    page: int,
    sent: int,
) -> None:
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    people = {"ada": ada, "mia": mia, "rita": rita, "olga": olga}
    client = root if who == "root" else desk_of(people[who])
    assert client.get(NEW).status_code == page
    assert client.post(NEW, form).status_code == sent
    assert ModelRun.objects.exists() == (sent == 302)


def test_the_same_request_once_more(
    mia: Caller,
    rita: Caller,
    olga: Caller,
    version: PromptVersion,
    form: dict[str, Any],
    make_run: MakeRun,
) -> None:
    tasks = list(Task.objects.order_by("pk").values_list("pk", flat=True))
    run = make_run(version, project_subset="Custom", task_ids=tasks[:2], budget_usd=2.0)
    url = f"{RUNS}{run.pk}/repeat/"
    assert [desk_of(one).post(url).status_code for one in (rita, olga)] == [403, 404]
    assert desk_of(mia).get(url).status_code == 405
    runs_still = desk_of(mia).post(url, follow=True).content.decode()
    assert "It runs still" in runs_still
    ModelRun.objects.update(status="Completed")
    answer = desk_of(mia).post(url)
    run.refresh_from_db()
    made = ModelRun.objects.latest("pk")
    assert answer["Location"] == f"{RUNS}{made.pk}/"
    assert (made.source_model_run_id, made.total_tasks, run.status) == (run.pk, 2, "Completed")
    assert [getattr(made, name) for name in REQUEST] == [getattr(run, name) for name in REQUEST]
    # A task that is gone cannot be asked about again.
    ModelRun.objects.update(status="Completed")
    Task.objects.filter(pk=tasks[0]).delete()
    gone = desk_of(mia).post(url, follow=True).content.decode()
    assert f"The project has no task {tasks[0]}." in gone
    assert ModelRun.objects.count() == 2


def test_errors_have_something_to_do() -> None:
    assert all(text.endswith(".") for text in advice.BY_TYPE.values())
    assert advice.of("Timeout of our own engine") == ""
