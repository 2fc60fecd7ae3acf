"""The README and docs/ are true: their examples run, their settings exist, their links lead on."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house.serving import ROOT, Server, running

PAGES = ("README.md", "docs/reference/api.md", "docs/guides/bulk.md", "docs/operating/running.md")
SETTINGS = ROOT / "docs" / "reference" / "settings.md"
FENCE = re.compile(r"^```(\w+)(?: status=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READS = re.compile(
    r"""(?:os\.environ\.(?:get|setdefault)\(|os\.environ\[|flag\(|words\(|number\()\s*"([A-Z_]+)"
        |"([A-Z_]+)"\ in\ os\.environ""",
    re.VERBOSE,
)
# Django's own, set by manage.py and wsgi.py.
NOT_OURS = {"DJANGO_SETTINGS_MODULE"}
# curl as the page shows it, but quiet, and failing where the server refuses.
CURL = 'curl() { command curl --silent --show-error "$@" -w "%{stderr}%{http_code}\\n"; }\n'


@dataclass(frozen=True)
class Example:
    """A block of shell commands, the status it announces, and the JSON it says comes back."""

    script: str
    status: str | None
    answer: Any


def examples(page: str) -> list[Example]:
    """In the order of the page. A JSON block belongs to the shell block before it."""
    found: list[Example] = []
    for language, status, text in FENCE.findall((ROOT / page).read_text()):
        if language == "sh":
            found.append(Example(text, status or None, None))
        elif language == "json":
            last = found.pop()
            found.append(Example(last.script, last.status, json.loads(text)))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> dict[str, str]:
    """A reader's environment: a checkout and the variables, with a workspace of their own."""
    workspace = f"readme-{tmp_path.name.replace('_', '-').lower()}"
    token = server.manage(
        "token",
        "create",
        "--email=reader@example.com",
        f"--workspace={workspace}",
        "--create-workspace",
        "--role=owner",
    )
    # Where a reader stands: in a checkout, with the service's Python. Files go to a folder that is
    # thrown away.
    for name in ("manage.py", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return {
        **server.environment,
        "URL": server.url,
        "TOKEN": token,
        "WORKSPACE": workspace,
        "STATE": str(tmp_path / "sh"),
        "HERE": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def run(example: Example, shell: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """One block, with the variables and functions that earlier blocks left behind."""
    script = (
        f'touch "$STATE"; . "$STATE"; set -eu -o pipefail\n{CURL}{example.script}\n'
        '{ declare -p AUTH PROJECT FIRST SECOND; declare -f id; } > "$STATE" 2> /dev/null || true\n'
    )
    return subprocess.run(
        ["bash", "-c", script],
        cwd=shell["HERE"],
        env=shell,
        capture_output=True,
        text=True,
        timeout=60,
    )


def shape(value: Any) -> Any:
    """The value with every number replaced by its kind: ids depend on what was there before."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case bool() | None | str():
            return value
        case _:
            return type(value).__name__


@pytest.mark.parametrize("page", PAGES)
def test_examples_do_what_they_say(page: str, shell: dict[str, str]) -> None:
    blocks = examples(page)
    assert blocks
    for example in blocks:
        done = run(example, shell)
        assert done.returncode == 0, (example.script, done.stdout, done.stderr)
        statuses = set(re.findall(r"^\d{3}$", done.stderr, re.MULTILINE))
        assert statuses or "curl" not in example.script, example.script
        if example.status:
            assert statuses == {example.status}, (example.script, done.stdout)
        else:
            assert all(status[0] == "2" for status in statuses), (example.script, done.stdout)
        if example.answer is not None:
            answer = json.loads(done.stdout)
            assert shape(answer) == shape(example.answer)
            assert list(answer) == list(example.answer)


def documents(text: str) -> list[Any]:
    """The JSON documents that a block's requests printed, one behind the other."""
    found, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def test_the_filters_of_the_page_filter(server: Server, shell: dict[str, str]) -> None:
    answers = {}
    for example in examples("docs/reference/api.md"):
        answers[example.script.strip().splitlines()[-1]] = run(example, shell).stdout
    (filtered,) = (text for line, text in answers.items() if "score_gte" in line)
    assert [entry["score"] for entry in documents(filtered)[-1]] == [0.9]
    (replaced,) = (text for line, text in answers.items() if "model_version=latest" in line)
    assert [entry["score"] for entry in documents(replaced)[-1]] == [0.6]


def settings_read() -> set[str]:
    """Names of the environment that the service's own code reads."""
    sources = [ROOT / "gunicorn.conf.py", ROOT / "manage.py"]
    for room in ("predictions_api", "accounts", "desk", "predictions", "evals", "prompts"):
        sources += (ROOT / room).rglob("*.py")
    found = READS.findall("\n".join(path.read_text() for path in sources))
    return {first or second for first, second in found} - NOT_OURS


def test_every_setting_is_in_the_table_and_no_other() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \|", SETTINGS.read_text(), re.MULTILINE)
    assert len(settings_read()) > 15
    assert sorted(table) == sorted(settings_read())


def test_defaults_in_the_table_are_the_defaults(server: Server) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", SETTINGS.read_text(), re.M))
    program = (
        "from django.conf import settings as s; import json;"
        f" print(json.dumps({{n: getattr(s, n) for n in {sorted(rows)!r} if hasattr(s, n)}},"
        " default=str))"
    )
    bare = {
        name: value
        for name, value in server.environment.items()
        if name not in rows and name not in {"SECRET_KEY", "DATABASE_URL"}
    }
    bare["DJANGO_SETTINGS_MODULE"] = "predictions_api.settings"
    printed = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {program}"],
        cwd=ROOT,
        env={**bare, "SECRET_KEY": "for this test"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name, value in json.loads(printed).items():
        written = ",".join(value) if isinstance(value, list) else str(value)
        if name == "DATA_DIR":
            written = str(Path(written).relative_to(ROOT))
        same_case = written.lower() if isinstance(value, bool) else written
        assert same_case == rows[name], name


def linked(path: Path) -> set[Path]:
    """The files of the repository that a page leads to."""
    links = re.findall(r"""\]\((?!https?:)([^)#]+)|src="([^"]+)""", path.read_text())
    return {(path.parent / "".join(link)).resolve() for link in links}


def test_links_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    assert [(path.name, link) for path in pages for link in linked(path) if not link.exists()] == []


def test_every_page_of_docs_is_linked() -> None:
    reached: set[Path] = set()
    ahead = {ROOT / "README.md"}
    while ahead:
        reached |= ahead
        ahead = {link for path in ahead for link in linked(path) if link.suffix == ".md"} - reached
    assert set(ROOT.glob("docs/**/*.md")) - reached == set()
