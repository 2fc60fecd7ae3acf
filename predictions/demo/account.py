"""The first account of an installation, and the requests a newcomer can copy.

The admin's password and key are kept in a file of DATA_DIR that only its owner may read, so that
they can be shown again; the database has digests of both.
"""

import json
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ValidationError

from accounts import audit, tokens
from accounts.models import Membership, User
from predictions import demo
from predictions.models import Project, Task

EMAIL = "admin@example.com"
KEPT_IN = "quickstart.json"
SAMPLE_REGION = {
    "from_name": "digit",
    "to_name": "image",
    "type": "rectanglelabels",
    "value": {"x": 10, "y": 10, "width": 20, "height": 25, "rectanglelabels": ["7"]},
    "score": 0.9,
}


class Account(NamedTuple):
    """What a person needs to get in; `password` is empty when somebody has changed it."""

    workspace: str
    token: str
    password: str


def ensure_account(data_dir: Path) -> Account:
    """The admin with a password and a key that work, made or found again.

    INITIAL_WORKSPACE, INITIAL_TOKEN and INITIAL_PASSWORD decide what they name, now and at every
    later call; what they leave open is made once and kept. Raises ValidationError for a workspace
    or key that cannot be.
    """
    kept = _read(data_dir / KEPT_IN)
    workspace = os.environ.get("INITIAL_WORKSPACE") or "default"
    token = _ensure_token(workspace, kept.get(f"token:{workspace}", ""))
    password = _ensure_password(kept.get("password", ""))
    _write(data_dir / KEPT_IN, {**kept, f"token:{workspace}": token, "password": password})
    return Account(workspace, token, password)


def _ensure_token(workspace: str, kept: str) -> str:
    given = os.environ.get("INITIAL_TOKEN")
    if not given and kept and (holder := tokens.holder_of_key(kept)) and holder.is_usable:
        return kept
    is_known = bool(given) and tokens.holder_of_key(given or "") is not None
    token, plain = tokens.create(
        email=EMAIL,
        workspace_slug=workspace,
        create_workspace=True,
        role=Membership.Role.OWNER,
        name="quickstart",
        key=given or None,
    )
    if not is_known:
        audit.by_command(
            "key.created", target=f"key {token.pk} of {EMAIL}", workspace_id=token.workspace_id
        )
    if token.revoked_at is not None:
        raise ValidationError("INITIAL_TOKEN is revoked: choose another, or leave it out.")
    return plain


def _ensure_password(kept: str) -> str:
    """The password that opens the admin's pages, empty when only another person knows it."""
    user = User.objects.get(email=EMAIL)
    given = os.environ.get("INITIAL_PASSWORD", "")
    is_new = not user.has_usable_password()
    password = given or kept or secrets.token_urlsafe(12)
    if is_new or (given and not user.check_password(given)):
        user.set_password(password)
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["password", "is_staff", "is_superuser"])
    return password if user.check_password(password) else ""


def _read(path: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return kept


def _write(path: Path, kept: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never readable by others, not even between its creation and a chmod.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(kept, file)


def has_demo(workspace: str) -> bool:
    """Whether the workspace has all demo projects."""
    mine = Project.objects.filter(workspace__slug=workspace, title__in=demo.TITLES)
    return set(mine.values_list("title", flat=True)) == set(demo.TITLES)


def requests_to_copy(address: str, account: Account) -> list[str]:
    """Three shell commands that work against this server: list, create, and the SDK."""
    header = f"-H 'Authorization: Token {account.token}'"
    listing = f"curl {header} '{address}/api/predictions/?limit=2'"
    path, body = _something_to_create(account.workspace)
    content = f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
    program = (
        "from label_studio_sdk.client import LabelStudio; "
        f'ls = LabelStudio(base_url="{address}", api_key="{account.token}"); '
        "print([project.title for project in ls.projects.list()])"
    )
    return [
        listing,
        f"curl {header} {content} {address}{path}",
        f"{shlex.quote(_python())} -c {shlex.quote(program)}",
    ]


def see_first(address: str, account: Account) -> str:
    """The page of the newest evaluation of the demo's digits; the dashboard without one."""
    import httpx

    dashboard = f"{address}/admin/"
    project = Project.objects.filter(workspace__slug=account.workspace, title=demo.TITLE).first()
    if project is None:
        return dashboard
    try:
        answer = httpx.get(
            f"{address}/{account.workspace}/model-evals",
            params={"api_key": account.token, "project": project.pk, "limit": 20},
            trust_env=False,
        )
        found = answer.raise_for_status().json()["evals"]
        # One that waits or was cancelled shows nothing.
        best = next((one for one in found if one["status"] == "done"), found[0])
        return f"{dashboard}evals/modeleval/{best['evalId']}/"
    except (httpx.HTTPError, LookupError, ValueError):
        return dashboard


def _python() -> str:
    """This interpreter, as short as it can be called from here."""
    here, python = Path.cwd(), Path(sys.executable)
    return str(python.relative_to(here) if python.is_relative_to(here) else python)


def _something_to_create(workspace: str) -> tuple[str, dict[str, object]]:
    """A prediction of a task of the workspace, or while it has none a project."""
    task = Task.objects.filter(project__workspace__slug=workspace).order_by("id").first()
    if task is None:
        return "/api/projects/", {"title": "First project"}
    return "/api/predictions/", {
        "task": task.pk,
        "model_version": "mine",
        "score": 0.9,
        "result": [SAMPLE_REGION],
    }
