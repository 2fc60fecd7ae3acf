"""Real workers deliver what is committed; one that is killed costs its lease and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.webhooks.conftest import Receiver
from tests.prompts.crew import Crew, until

CREATE = """
from accounts import tokens
from backends.db.webhooks import hooks
from backends.delivery.signatures import new_secret
from predictions.db import projects
from predictions.imports import tasks
token, key = tokens.create(
    email="ada@example.com", workspace_slug="lab", create_workspace=True, role="owner"
)
hooks.create(dict(url="{url}"), tokens.holder_of_key(key).access, secret=new_secret())
# Whether anybody listens is known with the key.
access = tokens.holder_of_key(key).access
project = projects.create_project(dict(title="Reviews"), access, parsed=dict())
for n in range(40):
    tasks.store(project, [dict(text=str(n))], access)
"""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path)
    crew.migrate()
    yield crew
    crew.end()
    crew.stop_postgres()


@pytest.mark.slow
def test_a_worker_killed_in_mid_delivery(crew: Crew, receiver: Receiver) -> None:
    """The receiver hangs when the worker is killed; the next one sends all, under the same ids."""
    crew.run(CREATE.format(url=receiver.url))
    receiver.may_answer.clear()
    worker = crew.start_worker()
    until(lambda: receiver.got, within_s=180)
    crew.kill(worker)
    receiver.may_answer.set()
    hung = receiver.got[0]
    assert crew.query("SELECT DISTINCT status FROM backends_delivery") == [("Pending",)]
    crew.start_worker()
    delivered = "SELECT count(*) FROM backends_delivery WHERE status = 'Delivered'"
    until(lambda: crew.query(delivered) == [(41,)], within_s=180)
    again = receiver.got[1:]
    assert again[0].headers["webhook-id"] == hung.headers["webhook-id"]
    assert again[0].raw == hung.raw
    told = [one.body["tasks"][0]["data"]["text"] for one in again if "tasks" in one.body]
    assert told == [str(n) for n in range(40)]
    assert not crew.query("SELECT 1 FROM events_event")
