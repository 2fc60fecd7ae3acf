"""One worker, two workspaces: a provider that trickles keeps nobody else's jobs waiting."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prompts.conftest import Model, start_model
from tests.prompts.crew import Crew, until

pytestmark = pytest.mark.slow

CREATE = """
import json
from accounts import tokens
from predictions.db import projects
from predictions.imports import tasks
from predictions.regions import labelling
from prompts.db import prompts
from prompts.runs import start
from tests.conftest import TEXT_CONFIG
spec = json.loads('''{spec}''')
token, key = tokens.create(email=spec["workspace"] + "@example.com",
                           workspace_slug=spec["workspace"], create_workspace=True, role="owner")
access = tokens.holder_of_key(key).access
row = prompts.create_connection(
    dict(provider="Custom", endpoint=spec["endpoint"], max_concurrency=4), access)
project = projects.create_project(dict(title="Reviews", label_config=TEXT_CONFIG), access,
                                  parsed=labelling.parse(TEXT_CONFIG))
tasks.store(project, [dict(text=f"good {{n}}") for n in range(20)], access)
prompt = prompts.create_prompt(dict(title="Moods"), access)
version = prompts.create_version(
    prompt, dict(title="v1", prompt="Mood of {{text}}?", provider_model_id="m",
                 model_provider_connection_id=row.pk), access)
for _ in range(spec["runs"]):
    run = start.create(dict(project_id=project.pk, project_subset="All"), version, access)
    print(run.pk)
"""


@pytest.fixture
def trickling() -> Iterator[Model]:
    process, model = start_model()
    model.control(mode="trickle")
    yield model
    process.terminate()
    process.communicate()


@pytest.fixture
def quick() -> Iterator[Model]:
    process, model = start_model()
    yield model
    process.terminate()
    process.communicate()


@pytest.fixture
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    path = tmp_path_factory.mktemp("sharing")
    made = Crew(path, PROVIDER_TIMEOUT_S="600")
    made.migrate()
    yield made
    made.end()


def create_runs(crew: Crew, workspace: str, model: Model, n: int) -> list[int]:
    spec = {"workspace": workspace, "endpoint": model.endpoint, "runs": n}
    return [int(line) for line in crew.run(CREATE.format(spec=json.dumps(spec))).split()]


def statuses(crew: Crew, run_ids: list[int]) -> list[str]:
    rows = crew.query("SELECT status FROM prompts_modelrun WHERE id = ANY(%s) ORDER BY id", run_ids)
    return [status for (status,) in rows]


def test_a_trickling_provider_keeps_nobody_waiting(
    crew: Crew, trickling: Model, quick: Model, tmp_path: Path
) -> None:
    slow = create_runs(crew, "slow", trickling, 3)
    crew.start_worker()
    until(lambda: trickling.counts()["trickling"] == 4)
    done = create_runs(crew, "other", quick, 2)
    until(lambda: statuses(crew, done) == ["Completed", "Completed"])
    assert statuses(crew, slow) == ["InProgress"] * 3
    assert trickling.counts()["trickling"] == 4
