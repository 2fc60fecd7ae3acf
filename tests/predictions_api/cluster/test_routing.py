"""What the service does all day, on a cluster: by the engine's own counters, and by plans, each
statement asks one piece of it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backends.db import endpoints
from backends.db import items as job_items
from backends.db import jobs as job_rows
from backends.db import outcomes as answers
from backends.delivery.signatures import new_secret
from backends.jobs import outcomes as job_outcomes
from backends.jobs import start as job_start
from backends.jobs import state as job_state
from evals.db import chunks
from evals.engine.counting import SplitPart
from evals.jobs import requests, run, state
from evals.jobs.finishing import shares
from evals.models import ModelEval
from predictions.models import MLBackend, Project
from predictions_api.cluster import checking
from predictions_api.jobs.leases import Holder
from predictions_api.postgres.sql import is_spread
from prompts.asking.outcome import Outcome
from prompts.db import items, prompts
from prompts.models import PromptVersion
from prompts.runs import outcomes, start
from prompts.runs import state as run_state
from tests.conftest import TEXT_CONFIG, Caller, make_caller, region
from tests.evals.conftest import computed, load, tasks, values

pytestmark = pytest.mark.cluster

COUNTED_SQL = """
SELECT coalesce(sum(query_execution_single_shard), 0), coalesce(sum(query_execution_multi_shard), 0)
FROM citus_stat_counters WHERE name = current_database()
"""
TASKS = re.compile(r"Task Count: (\d+)")
PLANNED = re.compile(r"\s*(?:WITH|SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
PATHS = ("", "map-results", "confidence-sweep", "performance-by-class", "confusion-matrix")


@dataclass(frozen=True)
class World:
    """Ada's projects of images and of texts, with what is asked about them."""

    ada: Caller
    project: Project
    texts: Project
    task_ids: list[int]
    text_ids: list[int]
    evaluation: ModelEval
    version: PromptVersion
    backend: MLBackend
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def task(self) -> int:
        return self.task_ids[0]

    def get(self, path: str) -> Any:
        """The whole body of an answer."""
        answer = self.ada.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return b"".join(answer) if answer.streaming else answer.json()

    def sent(self, method: str, path: str, body: Any = None, *, status: int = 201) -> Any:
        """The document answered."""
        answer = getattr(self.ada.client, method)(path, body, format="json")
        assert answer.status_code == status, (path, answer.content)
        return answer.json() if answer.content else None

    def new(self, **more: Any) -> dict[str, Any]:
        """A prediction to send, of a version of its own."""
        version = f"new-{next(self.numbers)}"
        return {"task": self.task, "result": [region()], "model_version": version, **more}

    def created(self) -> str:
        """The path of a new prediction."""
        return f"/api/predictions/{self.sent('post', '/api/predictions/', self.new())['id']}/"


def made(caller: Caller, title: str, label_config: str) -> Project:
    body = {"title": title, "label_config": label_config}
    answer = caller.client.post("/api/projects/", body, format="json")
    return Project.objects.get(pk=answer.json()["id"])


@pytest.fixture(scope="module")
def world(spread: None) -> World:
    """On a cluster of its own, where each statement is stored at once, as in production."""
    assert is_spread()
    ada = make_caller("ada@example.com", "lab")
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label"'
        ' toName="image"><Label value="Car"/><Label value="Person"/></RectangleLabels></View>'
    )
    project, texts = made(ada, "Cars", config), made(ada, "Reviews", TEXT_CONFIG)
    task_ids = load(ada, project, tasks())
    text_ids = load(ada, texts, [{"data": {"text": f"good {n}"}} for n in range(6)])
    prompt = prompts.create_prompt(
        {"title": "Moods", "associated_projects": [texts.pk]}, ada.access
    )
    asked = {"title": "v1", "prompt": "Mood of {text}?", "provider_model_id": "m"}
    given = {"url": "http://127.0.0.1:9", "title": "nobody", "model_version": "v1"}
    return World(
        ada,
        project,
        texts,
        task_ids,
        text_ids,
        computed(ada, project),
        prompts.create_version(prompt, asked, ada.access),
        endpoints.create(texts, given, ada.access, secret=new_secret()),
    )


def get(world: World) -> None:
    world.get(world.created())


def create(world: World) -> None:
    world.created()


def change(world: World) -> None:
    path = world.created()
    world.sent("patch", path, {"score": 0.7}, status=200)
    world.sent("patch", path, {"result": []}, status=200)


def delete(world: World) -> None:
    world.sent("delete", world.created(), status=204)


def list_by_task(world: World) -> None:
    world.created()
    world.get(f"/api/predictions/?task={world.task}")


def list_by_project(world: World) -> None:
    world.get(f"/api/predictions/?project={world.project.pk}")


def list_by_page(world: World) -> None:
    path = f"/api/predictions/?project={world.project.pk}&limit=3&count=true"
    page = world.get(path)
    world.get(f"{path}&after={page[-1]['id']}")
    world.get(f"{path}&model_version=v1")


def task_with_all_in_it(world: World) -> None:
    world.get(f"/api/tasks/{world.task}/")


def page_of_tasks(world: World) -> None:
    world.get(f"/api/tasks/?project={world.project.pk}&fields=all")


def counts_of_a_project(world: World) -> None:
    world.get(f"/api/projects/{world.project.pk}/")
    world.get(f"/api/projects/{world.project.pk}/model-versions/?extended=true")


def annotations(world: World) -> None:
    of_task = f"/api/tasks/{world.task}/annotations/"
    path = f"/api/annotations/{world.sent('post', of_task, {'result': []})['id']}/"
    world.sent("patch", path, {"ground_truth": True}, status=200)
    world.get(of_task)
    world.sent("delete", path, status=204)


def batches_of_predictions(world: World) -> None:
    many = [world.new(task=task) for task in world.task_ids]
    world.sent("post", "/api/predictions/", many)
    world.sent("post", "/api/predictions/?upsert=true", many)
    world.sent("post", f"/api/projects/{world.project.pk}/import/predictions", many)


def batches_of_tasks(world: World) -> None:
    said = {"result": [region()], "model_version": "imported"}
    item = {"data": {"image": "x"}, "predictions": [said], "annotations": [{"result": []}]}
    world.sent("post", f"/api/projects/{world.project.pk}/import", [item] * 3)


def batches_of_a_run(world: World) -> None:
    """What an outside engine sends."""
    number = next(world.numbers)
    asked = {"project_id": world.texts.pk, "project_subset": "All", "job_id": f"j{number}"}
    made = start.create(asked, world.version, world.ada.access)
    some = world.text_ids[:3]
    head = {"modelrun_id": made.pk, "job_id": made.job_id}
    good = [{"task_id": task, "output": {"sentiment": "pos"}} for task in some[:2]]
    world.sent("post", "/api/model-run/batch-predictions", {**head, "results": good})
    bad = [{"task_id": some[2], "error_type": "Timeout", "message": "late"}]
    path = "/api/model-run/batch-failed-predictions"
    world.sent("post", path, {**head, "failed_predictions": bad})


def a_prompt_and_its_run(world: World) -> None:
    body = {"title": f"P{next(world.numbers)}", "associated_projects": [world.texts.pk]}
    path = f"/api/prompts/{world.sent('post', '/api/prompts/', body)['id']}/versions"
    version = {"title": "v", "prompt": "Mood of {text}?", "provider_model_id": "m"}
    path += f"/{world.sent('post', path, version)['id']}/inference-runs"
    asked = {"project": world.texts.pk, "project_subset": "All", "job_id": body["title"]}
    world.get(f"{path}/{world.sent('post', path, asked)['id']}")


def claims_of_a_run(world: World) -> None:
    """As our workers make them."""
    asked = {"project_id": world.texts.pk, "project_subset": "All"}
    made = start.create(asked, world.version, world.ada.access)
    run_state.set_begun(made.pk)
    mine = Holder(30.0)
    first, *others = items.claim(made.pk, mine, 3)
    assert len(others) == 2
    items.extend(made.pk, mine, [one.task_id for one in others])
    stored = outcomes.store(made.pk, [Outcome(first.task_id, "[]")], owner=mine.id)
    assert stored.accepted == {first.task_id}
    items.release(made.pk, mine)
    assert len(items.claim(made.pk, mine, 9)) == 5


def claims_of_a_job(world: World) -> None:
    every = job_rows.every_task(world.texts.pk)
    made = job_start.create(world.backend, every, user_id=world.ada.user.pk)
    assert job_state.begin(made.pk)
    version = f"v{next(world.numbers)}"
    job_state.prepare(made.pk, version)
    mine = Holder(30.0)
    first, *others = job_items.claim(made.pk, mine, 3)
    assert len(others) == 2
    job_items.extend(made.pk, mine, [one.task_id for one in others])
    said = answers.Outcome(first.task_id, (answers.Row("[]", version, 0.5, None, None, 0.0),))
    assert job_outcomes.store(made.pk, [said], owner=mine.id) == "InProgress"
    job_items.release(made.pk, mine)
    assert len(job_items.claim(made.pk, mine, 9)) == 5


def claims_of_an_evaluation(world: World) -> None:
    asked = values(world.project)
    made = requests.create(asked, workspace_id=world.ada.access.workspace_id)
    mine = state.worker()
    assert state.claim(made.pk, mine) == 1
    number = 0
    chunk = chunks.NewChunk(number, [], 0, dict.fromkeys(range(3), 0))
    chunks.add(made.pk, [chunk], seen_at=timezone.now())
    assert chunks.n_free(made.pk, most=9) == 1
    assert chunks.claim(made.pk, mine) is not None
    state.extend(made.pk, mine)
    chunks.extend(made.pk, mine)
    chunks.keep(made.pk, number, mine)
    assert chunks.counting(made.pk) == {mine.id}
    chunks.release(made.pk, mine)
    assert chunks.share_done(made.pk) == 0.0
    chunks.add_shares(made.pk, [0, 1], seen_at=timezone.now())
    assert chunks.n_free(made.pk, most=9) == 1
    chunks.add_parts(made.pk, number, {0: SplitPart(b"", None)}, {})
    assert chunks.do_shares_wait(made.pk)
    share = chunks.claim(made.pk, mine)
    assert share is not None
    chunks.add_share(share, b"found")
    assert chunks.done_shares(made.pk) == {0: b"found"}
    assert chunks.parts_of(made.pk, 0).count() == 1
    state.release(made.pk, mine)
    assert state.cancel(made)


def an_evaluation(world: World) -> None:
    """From the request to the last panel, with each task's counts written back."""
    made = requests.create(
        values(world.project, writeBack=True), workspace_id=world.ada.access.workspace_id
    )
    run.run(made.pk)
    made.refresh_from_db()
    assert (made.status, made.failure_reason) == ("done", "")


def an_evaluation_in_shares(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares, "SHARED_FROM", 1)
        an_evaluation(world)


def pages_of_an_evaluation(world: World) -> None:
    path = f"/lab/model-evals/{world.evaluation.eval_id}"
    world.get("/lab/model-evals")
    for panel in PATHS:
        world.get(f"{path}/{panel}".rstrip("/"))
    for query in ("limit=2", "limit=2&offset=1&split=test", "confidence=40&sort=-falsePositives"):
        world.get(f"{path}/image-predictions?{query}")
    world.get(f"{path}/image-predictions/{world.task}")


WORK: tuple[Callable[[World], None], ...] = (
    get,
    create,
    change,
    delete,
    list_by_task,
    list_by_project,
    list_by_page,
    task_with_all_in_it,
    page_of_tasks,
    counts_of_a_project,
    annotations,
    batches_of_predictions,
    batches_of_tasks,
    batches_of_a_run,
    a_prompt_and_its_run,
    claims_of_a_run,
    claims_of_a_job,
    claims_of_an_evaluation,
    an_evaluation,
    an_evaluation_in_shares,
    pages_of_an_evaluation,
)
each = pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)


def counted() -> tuple[int, int]:
    """Statements that asked one piece, and several, since the database was made."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED_SQL)
        [(single, multi)] = cursor.fetchall()
    return int(single), int(multi)


@pytest.fixture(scope="module")
def counters(world: World) -> None:
    """The engine counts what it executes, which it does not by default."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW citus.enable_stat_counters")
        [(is_on,)] = cursor.fetchall()
    assert is_on == "on", "The coordinator needs citus.enable_stat_counters = on; see cluster.md."


@each
def test_no_statement_asks_several_pieces(
    world: World, counters: None, work: Callable[[World], None]
) -> None:
    work(world)
    single, multi = counted()

    work(world)

    now_single, now_multi = counted()
    assert now_multi == multi
    assert now_single > single


@each
def test_each_plan_is_of_one_piece(
    world: World, work: Callable[[World], None], settings: Any
) -> None:
    """Explained before it is executed; those that ask no table that is spread have no task."""
    settings.PREPARED_STATEMENTS = False
    found: dict[str, int] = {}

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if PLANNED.match(sql):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (COSTS off) {sql}", params)
                plan = "\n".join(row[0] for row in cursor.fetchall())
            found[sql] = max(map(int, TASKS.findall(plan)), default=0)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        work(world)

    assert {sql: n for sql, n in found.items() if n > 1} == {}
    assert sum(found.values()) > 0


def test_the_copies_on_all_nodes_agree(world: World) -> None:
    """A write of what every node has that asks what only one has changes that one's copy alone,
    and says nothing.
    """
    for work in WORK:
        work(world)

    found = checking.check()
    assert (found.differing, found.is_well) == ({}, True)
