"""A prediction job beside a bare client and an import: `python -m benchmarks backends`.

A model server that answers at once, 10,000 tasks in batches of 20, one request at a time. Printed
apart, each side in turns with the other:

- a job that asks but stores nothing (tasks claimed and read, bodies written, answers parsed and
  checked), beside plain `httpx` in a loop of the same batches, which has the tasks in memory and
  parses the answers;
- the storing of what was answered, as a job does it, beside the import of the same predictions;
- a whole job, and one that replaces the predictions of an earlier one.

Each begins with tasks that have no predictions. Everything runs on a database of its own that is
removed afterwards.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

TASKS, BATCH = 10_000, 20
# The machine has other things to do: of ratios the median round counts, of others the best.
ROUNDS = 5
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TEXT_CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
)
REGION = {"from_name": "sentiment", "to_name": "text", "type": "choices"}
ITEM = {"result": [{**REGION, "value": {"choices": ["pos"]}}], "score": 0.5}


async def serve() -> None:
    """A model server that answers at once; prints its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            found = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            body = await reader.readexactly(int(found or 0))
            content = b'{"model_version":"instant"}'
            if head.startswith(b"POST /predict"):
                content = orjson.dumps({"results": [ITEM] * body.count(b'"inner_id":')})
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def prepare(url: str) -> Any:
    """A backend of a project with its tasks."""
    from accounts import tokens
    from backends.db import endpoints
    from backends.delivery.signatures import new_secret
    from predictions.db import projects
    from predictions.imports import tasks as task_import
    from predictions.models import MLBackend
    from predictions.regions import labelling

    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    holder = tokens.holder_of_key(key)
    assert holder is not None
    access = holder.access
    values = {"title": "Reviews", "label_config": TEXT_CONFIG}
    project = projects.create_project(values, access, parsed=labelling.parse(TEXT_CONFIG))
    task_import.store(project, [{"text": f"good {n}"} for n in range(TASKS)], access)
    made = endpoints.create(project, {"url": url, "title": "m"}, access, secret=new_secret())
    rows = MLBackend.objects.select_related("project", "endpoint")
    return rows.get(pk=made.pk)


def forget() -> None:
    """No predictions and no jobs, as at first; with the statistics that a minute brings.

    In new files: or one side would find the pages of rows that were deleted, to write into, and the
    other have to make new ones, which takes longer.
    """
    from django.db import connection

    from backends.models import AnsweredTasks, JobItem
    from predictions.models import Prediction

    tables = (model._meta.db_table for model in (Prediction, AnsweredTasks, JobItem))
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        cursor.execute("VACUUM ANALYZE")


def new_job(backend: Any) -> Any:
    """A job over all tasks, not begun."""
    from backends.db import jobs
    from backends.jobs import start

    every = jobs.every_task(backend.project_id)
    return start.create(backend, every, batch_size=BATCH, force=True)


def job_s(backend: Any) -> float:
    """Seconds for a job over all tasks, from its begin to its end."""
    from backends.jobs import executor

    job = new_job(backend)
    started = time.perf_counter()
    executor.execute(job.pk)
    took_s = time.perf_counter() - started
    job.refresh_from_db()
    assert job.done_tasks == TASKS, job.status_reason
    return took_s


def asked(backend: Any) -> tuple[float, list[Any]]:
    """Seconds for a job that stores nothing, and what it would have stored."""
    from unittest.mock import patch

    from backends.db import items
    from backends.jobs import executor, outcomes

    found: list[Any] = []

    def keep(job_id: int, some: Sequence[Any], *, owner: Any) -> str:
        found.extend(some)
        return "InProgress" if len(found) < TASKS else "Completed"

    job = new_job(backend)
    # What a job has stored it need not give back at its end, so this one gives back nothing either.
    with patch.object(outcomes, "store_or_fail", keep), patch.object(items, "release"):
        started = time.perf_counter()
        executor.execute(job.pk)
        took_s = time.perf_counter() - started
    assert len({one.task_id for one in found}) == TASKS
    return took_s, found


def stored_s(backend: Any, found: Sequence[Any]) -> float:
    """Seconds for the storing of what was answered, as many at once as a job does."""
    from backends.db import items
    from backends.jobs import executor, outcomes, state
    from predictions_api.jobs.leases import Holder

    forget()
    job, mine = new_job(backend), Holder(600)
    state.begin(job.pk)
    items.claim(job.pk, mine, TASKS)
    most = executor.MOST_STORED_AT_ONCE
    started = time.perf_counter()
    for first in range(0, TASKS, most):
        outcomes.store_or_fail(job.pk, found[first : first + most], owner=mine.id)
    took_s = time.perf_counter() - started
    job.refresh_from_db()
    assert (job.status, job.total_predictions) == ("Completed", TASKS), job.status_reason
    return took_s


def bodies(backend: Any) -> list[Any]:
    """What a job sends, in memory."""
    from backends.asking import bodies
    from backends.reaching import sent_tasks
    from predictions.models import Task
    from predictions_api.http.rendering import dumps

    ids = list(Task.objects.order_by("id").values_list("pk", flat=True))
    found = []
    for first in range(0, TASKS, BATCH):
        tasks = sent_tasks.documents(backend.project_id, ids[first : first + BATCH])
        found.append(
            orjson.loads(dumps(bodies.predict(tasks, project="1.1", label_config=TEXT_CONFIG)))
        )
    return found


def bare_s(backend: Any, asked: Sequence[Any]) -> float:
    """Seconds for the same requests with plain httpx, whose answers are parsed and dropped."""
    import httpx

    started = time.perf_counter()
    with httpx.Client() as client:
        for body in asked:
            assert len(client.post(f"{backend.url}/predict", json=body).json()["results"]) == BATCH
    return time.perf_counter() - started


def import_s(backend: Any) -> float:
    """Seconds for the bulk import of as many predictions, told as those of a job are: a backend has
    a webhook, so somebody may listen.
    """
    from predictions.imports import predictions as prediction_import
    from predictions.models import Task

    forget()
    ids = list(Task.objects.order_by("id").values_list("pk", flat=True))
    items = [{"task": pk, **ITEM, "model_version": "imported"} for pk in ids]
    started = time.perf_counter()
    prediction_import.store(backend.project, items)
    return time.perf_counter() - started


def measure(url: str) -> None:
    from predictions_api.operations import collector

    backend = prepare(url)
    job_s(backend)
    sent = bodies(backend)
    # As a worker does when it starts; what is kept here for both sides would weigh on both.
    collector.keep_what_is_loaded()
    asking, storing, whole, again = [], [], [], []
    for _ in range(ROUNDS):
        forget()
        bare = bare_s(backend, sent)
        took_s, found = asked(backend)
        asking.append((bare / took_s, took_s, bare))
        stored = stored_s(backend, found)
        imported = import_s(backend)
        storing.append((imported / stored, stored, imported))
        forget()
        whole.append(job_s(backend))
        again.append(job_s(backend))
    ratio, took_s, bare = sorted(asking)[ROUNDS // 2]
    print(f"{TASKS:,} tasks asked about, nothing stored: {TASKS / took_s:,.0f} a second,")
    print(f"  {ratio:.2f} of plain httpx ({TASKS / bare:,.0f} a second; aim 0.85)")
    ratio, stored, imported = sorted(storing)[ROUNDS // 2]
    print(f"what was answered stored: {TASKS / stored:,.0f} a second,")
    print(f"  {ratio:.2f} of the import of as many ({TASKS / imported:,.0f} a second; aim 1.00)")
    print(f"whole jobs: {TASKS / min(whole):,.0f} tasks a second")
    print(f"asked again, in the place of those: {TASKS / min(again):,.0f} a second")


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data_dir:
        Path(data_dir).chmod(0o755)
        os.environ.update(
            DATA_DIR=data_dir,
            DJANGO_SETTINGS_MODULE="predictions_api.settings",
            ALLOW_PRIVATE_URLS="true",
            LOG_LEVEL="WARNING",
        )
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        command = [sys.executable, __file__, "serve"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                measure(f"http://127.0.0.1:{int(server.stdout.readline())}")
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
