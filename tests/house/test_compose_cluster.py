"""docker-compose.cluster.yml, checked without a container engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house import test_compose as single

TEXT = (single.PROJECT_DIR / Path("docker-compose.cluster.yml")).read_text()


class Loader(yaml.SafeLoader):
    """Knows compose's own tag, which takes away what the first file says."""


Loader.add_constructor("!reset", lambda loader, node: None)
COMPOSE: dict[str, Any] = yaml.load(TEXT, Loader)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"migrate", "web", "worker"}


def test_is_the_large_shape() -> None:
    assert set(SERVICES) == {"db", "node1", "node2", "join", "redis", "proxy", *OURS}
    assert {name: SERVICES[name]["deploy"]["replicas"] for name in ("web", "worker")} == {
        "web": 2,
        "worker": 3,
    }
    assert "manage.py migrate" in SERVICES["migrate"]["command"][-1]
    assert SERVICES["migrate"]["command"][-1].endswith("&& python manage.py distribute")


def test_the_nodes_are_joined_before_anything_is_spread() -> None:
    healthy = {"condition": "service_healthy"}
    assert SERVICES["join"]["depends_on"] == dict.fromkeys(("db", "node1", "node2"), healthy)
    ended = {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"join": ended}
    said = SERVICES["join"]["command"][-1]
    for host in ("node1", "node2"):
        assert f"citus_add_node('{host}', 5432)" in said


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_queue_is_in_redis(name: str) -> None:
    queue = {"TASKS_BACKEND": "rq", "REDIS_URL": "redis://redis:6379/0"}
    assert SERVICES[name]["environment"] == queue
    assert SERVICES[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert SERVICES["web"]["ports"] is None
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]


def test_each_node_keeps_its_data() -> None:
    for name in ("node1", "node2"):
        assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/postgresql"]
        assert name in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["db", "node1", "node2", "redis", "proxy"])
def test_every_lasting_service_is_checked_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_has_no_secret_and_pinned_images() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if single.SECRET.search(key):
                assert single.REQUIRED.fullmatch(value), (name, key)
        image = service.get("image", "")
        assert not image or single.REQUIRED.fullmatch(image) or re.search(r":\d", image), name
