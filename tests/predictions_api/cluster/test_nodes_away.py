"""A node that does not answer: its projects are answered 503, and `/ready` names it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from predictions_api.postgres.spread.slots import of_project
from tests import clustered
from tests.conftest import assert_refused, make_caller
from tests.predictions_api.cluster.test_spreading import distribute, made

pytestmark = pytest.mark.cluster

UNAVAILABLE = "The database cannot be reached. Nothing was stored; try again."
# Nobody listens there.
AWAY = "UPDATE pg_dist_node SET nodename = '127.0.0.1', nodeport = 9 WHERE groupid = %s"
GROUP_SQL = """
SELECT groupid FROM pg_dist_placement
WHERE shardid = get_shard_id_for_distribution_column('predictions_task', %s)
"""


def test_its_projects_are_unavailable_and_the_others_are_served(
    joined: str, ask: Callable[..., list[Any]]
) -> None:
    ada = make_caller("ada@example.com", "lab")
    distribute()
    assert ada.client.get("/ready").json().get("nodes_away", []) == []
    group_of: dict[int, int] = {}
    while len(set(group_of.values())) < 2:
        project = made(ada, f"Cars {len(group_of)}")
        [(group_of[project],)] = ask(GROUP_SQL, of_project(project))
    (there, *_), (lost, *_) = (
        [project for project, group in group_of.items() if group == wanted]
        for wanted in sorted(set(group_of.values()))
    )
    urls = {project: f"/api/predictions/?project={project}&limit=5" for project in (there, lost)}
    task = ada.client.get(f"/api/tasks/?project={lost}").json()["tasks"][0]["id"]
    ask(AWAY, group_of[lost])

    assert ada.client.get(urls[there]).status_code == 200
    assert_refused(ada.client.get(urls[lost]), 503, UNAVAILABLE)
    body = {"task": task, "result": []}
    refused = ada.client.post("/api/predictions/", body, format="json")
    assert_refused(refused, 503, UNAVAILABLE)
    refused = ada.client.post("/api/projects/", {"title": "New"}, format="json")
    assert_refused(refused, 503, UNAVAILABLE)
    ready = ada.client.get("/ready")
    assert (ready.status_code, ready.json()["nodes_away"]) == (200, ["127.0.0.1:9"])
    with pytest.raises(CommandError, match=r"^The cluster is not well\.$"):
        call_command("distribute", "--check", verbosity=0, stdout=None)

    host, _, port = clustered.NODES[group_of[lost] - 1].rpartition(":")
    ask(
        "UPDATE pg_dist_node SET nodename = %s, nodeport = %s WHERE groupid = %s",
        host, int(port), group_of[lost],
    )  # fmt: skip
    assert ada.client.get(urls[lost]).status_code == 200
    assert ada.client.post("/api/predictions/", body, format="json").status_code == 201
