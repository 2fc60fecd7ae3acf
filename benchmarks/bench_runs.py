"""Runs of prompts beside the speed of the model itself: `python -m benchmarks runs`.

A stand-in model that answers each request after 50 ms, 32 requests at once, 2,000 tasks: the run's
throughput as a share of 32 / 50 ms, and the worker's CPU time for each task. Then how long it
takes to create a run of 100,000 tasks, and how much slower the API answers while a run is under
way. Everything runs on a database of its own that is removed afterwards.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

LATENCY_MS, SLOTS, TASKS, MANY = 50, 32, 2_000, 100_000
# The machine has other things to do: of each figure the best round counts.
ROUNDS = 3
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
STAND_IN = ROOT / "tests" / "prompts" / "stand_in_model.py"
TEXT_CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
)


def cpu_s(who: int = resource.RUSAGE_SELF) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def prepare(endpoint: str) -> tuple[Any, Any]:
    """A prompt version on the stand-in model, and the caller's access."""
    from accounts import tokens
    from prompts.db import prompts

    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    holder = tokens.holder_of_key(key)
    assert holder is not None
    access = holder.access
    row = prompts.create_connection(
        {"provider": "Custom", "endpoint": endpoint, "max_concurrency": SLOTS}, access
    )
    prompt = prompts.create_prompt({"title": "Moods"}, access)
    values = {
        "title": "v1",
        "prompt": "Mood of {text}?",
        "provider_model_id": "m",
        "model_provider_connection_id": row.pk,
    }
    return prompts.create_version(prompt, values, access), access


def project_of(access: Any, n_tasks: int) -> Any:
    from predictions.db import projects
    from predictions.imports import tasks as task_import
    from predictions.regions import labelling

    parsed = labelling.parse(TEXT_CONFIG)
    values = {"title": "Reviews", "label_config": TEXT_CONFIG}
    project = projects.create_project(values, access, parsed=parsed)
    for first in range(0, n_tasks, 20_000):
        n = min(20_000, n_tasks - first)
        task_import.store(project, [{"text": f"good {first + i}"} for i in range(n)], access)
    return project


async def _bare(endpoint: str) -> None:
    """The same number of requests with plain sockets: the most that model and machine allow."""
    host, port = endpoint.removeprefix("http://").removesuffix("/v1").split(":")
    body = b'{"messages": [{"content": "good"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"

    async def one(n: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(n):
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(one(TASKS // SLOTS) for _ in range(SLOTS)))


def bare_s(endpoint: str) -> float:
    started = time.perf_counter()
    asyncio.run(_bare(endpoint))
    return time.perf_counter() - started


def throughput(version: Any, access: Any) -> None:
    from prompts.runs import executor, start

    project = project_of(access, TASKS)
    values = {"project_id": project.pk, "project_subset": "All"}
    executor.execute(start.create({**values, "project_subset": "Sample"}, version, access).pk)
    rounds, bare = [], []
    for _ in range(ROUNDS):
        bare.append(bare_s(version.model_provider_connection.endpoint))
        run = start.create(values, version, access)
        started, cpu_before = time.perf_counter(), cpu_s()
        executor.execute(run.pk)
        rounds.append((time.perf_counter() - started, cpu_s() - cpu_before))
        run.refresh_from_db()
        assert run.total_predictions == TASKS, run.status_reason
    took_s, used_s = min(took for took, _ in rounds), min(used for _, used in rounds)
    ideal_s = TASKS * LATENCY_MS / 1000 / SLOTS
    print(f"{TASKS:,} tasks in {took_s:.2f} s: {ideal_s / took_s:.0%} of the ideal (aim 85 %)")
    print(f"{min(bare) / took_s:.0%} of what a bare client keeps ({ideal_s / min(bare):.0%})")
    print(f"CPU of the worker: {1000 * used_s / TASKS:.2f} ms a task (aim < 3)")


def creation(version: Any, access: Any) -> None:
    from prompts.runs import start

    project = project_of(access, MANY)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    start.create({"project_id": project.pk, "project_subset": "All"}, version, access)
    took_s = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    print(
        f"a run of {MANY:,} tasks created in {took_s:.2f} s (aim < 2), {grown:.0f} MiB more memory"
    )


def p95_ms(client: Any, path: str, n: int = 200) -> float:
    times = []
    for _ in range(n):
        started = time.perf_counter()
        assert client.get(path).status_code == 200
        times.append(1000 * (time.perf_counter() - started))
    return quantiles(times, n=20)[-1]


def latency(version: Any, access: Any) -> None:
    """The API in this process, with a worker of its own idle and at work."""
    from rest_framework.test import APIClient

    from accounts import tokens
    from prompts.models import ModelRun
    from prompts.runs import start

    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    client = APIClient(HTTP_AUTHORIZATION=f"Token {key}", HTTP_HOST="localhost")
    project = project_of(access, 10_000)
    path = f"/api/predictions/?project={project.pk}&limit=50"
    idle = min(p95_ms(client, path) for _ in range(ROUNDS))
    ModelRun.objects.update(status="Canceled")
    run = start.create({"project_id": project.pk, "project_subset": "All"}, version, access)
    worker = subprocess.Popen([sys.executable, "manage.py", "worker", "--interval=0.1"])
    try:
        while not ModelRun.objects.filter(pk=run.pk, total_predictions__gt=100).exists():
            time.sleep(0.05)
        busy = min(p95_ms(client, path) for _ in range(ROUNDS))
    finally:
        worker.terminate()
        worker.wait(15)
    print(f"API p95: {idle:.1f} ms idle, {busy:.1f} ms during a run: x {busy / idle:.2f} (aim < 2)")


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data_dir:
        Path(data_dir).chmod(0o755)
        os.environ |= {
            "DATA_DIR": data_dir,
            "DJANGO_SETTINGS_MODULE": "predictions_api.settings",
            "ALLOW_PRIVATE_URLS": "true",
            "LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        model = subprocess.Popen(
            [sys.executable, str(STAND_IN), "--latency-ms", str(LATENCY_MS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert model.stdout is not None
        try:
            version, access = prepare(f"http://127.0.0.1:{int(model.stdout.readline())}/v1")
            throughput(version, access)
            creation(version, access)
            latency(version, access)
        finally:
            model.terminate()
            model.communicate()


if __name__ == "__main__":
    main()
