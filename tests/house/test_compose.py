"""docker-compose.yml and Dockerfile, checked without a container engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT_DIR = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((PROJECT_DIR / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text()
SECRET = re.compile("secret|password|token|key", re.IGNORECASE)
# A reference without a default: compose refuses to start when the variable is unset.
REQUIRED = re.compile(r"\$\{[A-Z_]+:\?[^}]*\}")


def test_is_the_production_shape() -> None:
    assert set(SERVICES) == {"db", "migrate", "web", "worker"}
    assert SERVICES["worker"]["command"] == ["python", "manage.py", "worker"]
    assert SERVICES["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]


@pytest.mark.parametrize("name", ["db", "web", "worker"])
def test_every_lasting_service_is_checked_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


def test_nothing_starts_before_what_it_needs() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    after_migrations = {"migrate": {"condition": "service_completed_successfully"}}
    assert SERVICES["web"]["depends_on"] == after_migrations
    assert SERVICES["worker"]["depends_on"] == after_migrations


def test_has_no_secret_and_no_default_for_one() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if SECRET.search(name):
                assert REQUIRED.fullmatch(value), f"{name} must come from outside"
            for credentials in re.findall("://([^@/]+)@", value):
                assert REQUIRED.fullmatch(credentials.partition(":")[2])


def test_extras_of_the_environment_reach_the_image() -> None:
    for name in ("migrate", "web", "worker"):
        assert SERVICES[name]["build"] == {"context": ".", "args": {"EXTRAS": "${EXTRAS:-}"}}
    assert DOCKERFILE.index("requirements.lock\n") < DOCKERFILE.index('ARG EXTRAS=""')
    assert "--python /opt/venv/bin/python $EXTRAS\n" in DOCKERFILE


def test_images_are_pinned() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in images:
        _, _, tag = image.partition(":")
        assert tag, f"{image} has no tag"
        assert tag != "latest"
    assert SERVICES["db"]["image"] == "pgvector/pgvector:pg18"


def test_data_survives_the_container() -> None:
    # The images of version 18 moved it: a volume on the old place would stay empty.
    assert SERVICES["db"]["volumes"] == ["database:/var/lib/postgresql"]
    assert "database" in COMPOSE["volumes"]
    assert "ports" not in SERVICES["db"], "only the services reach the database"


@pytest.mark.parametrize("name", ["migrate", "web", "worker"])
def test_services_run_with_as_little_as_possible(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_image_is_reproducible_and_not_root() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.findall(r"^USER (\S+)", last_stage, re.MULTILINE)[-1] not in {"root", "0"}
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "collectstatic" in last_stage
    assert 'CMD ["gunicorn"]' in last_stage
    assert not re.search(r"^(ENV|ARG) .*(SECRET|PASSWORD|TOKEN)", DOCKERFILE, re.MULTILINE)


def test_image_is_made_of_every_app_and_nothing_private() -> None:
    ignored = (PROJECT_DIR / ".dockerignore").read_text().splitlines()
    assert "*" in ignored, "a list of what goes in, not of what stays out"
    kept = {line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    assert {word for line in copied for word in line.split()} == kept
    apps = {path.parent.name for path in PROJECT_DIR.glob("*/apps.py")} | {"predictions_api"}
    assert apps <= kept, "an app that the image lacks"


def test_same_installer_everywhere() -> None:
    makefile = (PROJECT_DIR / "Makefile").read_text()
    [pinned] = re.findall(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert f"uv=={pinned}" in DOCKERFILE
