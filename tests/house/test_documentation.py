"""The README and docs/ are true: their examples run, their settings exist, their links lead on."""

import ast
import configparser
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.core.handlers import exception
from django.http import request as http_request
from django.views import csrf

from evals.jobs.finishing import shared_classes, shared_images
from evals.jobs.notes import MESSAGES
from predictions.regions.labels import Reason
from tests.house.pages import NOT_RUN, blocks, indented, linked, names
from tests.house.serving import ROOT, Server, running

SETTINGS = ROOT / "docs" / "reference" / "settings.md"
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
    """What is run, in the order of the page. A JSON block belongs to the shell block before it."""
    found: list[Example] = []
    for before, block in zip((None, *blocks(page)), blocks(page), strict=False):
        if block.language == "sh" and block.is_command and not block.reasons:
            found.append(Example(block.script, block.status, None))
        elif block.language == "json" and before and before.language == "sh":
            last = found.pop()
            found.append(Example(last.script, last.status, json.loads(block.text)))
    return found


def program(page: str) -> str:
    """The page's Python, one block behind the other."""
    return "\n".join(b.script for b in blocks(page) if b.language == "python" and not b.reasons)


RUN = [page for page in names() if examples(page) or program(page)]


# Pages whose commands start a process each, all of which other tests run as well.
SLOW = {
    "docs/guides/bulk.md",
    "docs/guides/ci-gate.md",
    "docs/guides/label-studio.md",
    "docs/guides/notebooks.md",
    "docs/operating/backup.md",
    "docs/operating/install.md",
    "docs/operating/running.md",
    "docs/operating/upgrade.md",
    "docs/reference/evaluations.md",
    "docs/start/first-evaluation.md",
}
# A superuser is made once: the database of an earlier run has the one of the page.
SUPERUSER = ("grace@example.com", f"grace-{secrets.token_hex(4)}@example.com")
TRUTH = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50]}],
}
DETECTIONS = [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.9}]
DIGITS = {
    "title": "Handwritten digits (demo)",
    "label_config": """<View><Image name="image" value="$image"/>
      <RectangleLabels name="digit" toName="image"><Label value="1"/><Label value="8"/>
      </RectangleLabels></View>""",
}


def digit(label: str, **more: Any) -> dict[str, Any]:
    """What an annotation or a prediction holds: one box."""
    value = {"x": 10, "y": 10, "width": 50, "height": 50, "rectanglelabels": [label]}
    region = {"from_name": "digit", "to_name": "image", "type": "rectanglelabels", "value": value}
    return {"result": [region], **more}


DIGIT_TASKS: Any = [
    {
        "data": {"image": f"https://images.example.com/{true}{said}.png"},
        "meta": {"camera": "gate"},
        "annotations": [digit(true, ground_truth=True)],
        "predictions": [digit(said, model_version="digits-large", score=0.9)],
    }
    for true, said in ("11", "81")
]


def marks(page: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if page in SLOW else []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def reader(server: Server) -> dict[str, str]:
    """Who reads the pages: an owner, in a workspace made for this run."""
    workspace = f"readme-{secrets.token_hex(4)}"
    whose = ("--email=reader@example.com", f"--workspace={workspace}", "--create-workspace")
    token = server.manage("token", "create", *whose, "--role=owner")
    return {
        **server.environment,
        "URL": server.url,
        "TOKEN": token,
        "WORKSPACE": workspace,
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": token,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture
def shell(reader: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A reader's environment: a checkout with the service's Python, and files to be thrown away."""
    for name in ("manage.py", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "instances_val.json").write_text(json.dumps(TRUTH))
    (tmp_path / "detections.json").write_text(json.dumps(DETECTIONS))
    return {**reader, "STATE": str(tmp_path / "sh"), "HERE": str(tmp_path)}


@pytest.fixture(scope="module")
def evaluated(reader: dict[str, str]) -> dict[str, str]:
    """An evaluation of a project like the demo's, as the pages name it."""
    headers = {"Authorization": f"Token {reader['TOKEN']}"}
    projects = f"{reader['URL']}/api/projects/"
    made = requests.post(projects, json=DIGITS, headers=headers, timeout=60).json()
    stored = requests.post(
        f"{projects}{made['id']}/import", json=DIGIT_TASKS, headers=headers, timeout=60
    )
    assert stored.status_code == 201, stored.text
    asked = ("evaluate", f"--project={made['id']}", "--model-version=digits-large")
    printed = subprocess.run(
        [sys.executable, "manage.py", *asked],
        cwd=ROOT,
        env=reader,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return {
        "EVAL_ID": printed.strip(),
        "PROJECT": str(made["id"]),
        # What numbers.md takes from evaluations.md.
        "AUTH": f"Authorization: {headers['Authorization']}",
        "EVALS": f"{reader['URL']}/{reader['WORKSPACE']}/model-evals",
    }


def run(example: Example, shell: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """One block, with the variables and functions that earlier blocks left behind."""
    script = (
        f'touch "$STATE"; . "$STATE"; set -eu -o pipefail\n{CURL}'
        f"{example.script.replace(*SUPERUSER)}\n"
        "{ declare -p AUTH PROJECT FIRST SECOND EVALUATION EVALS; declare -f id; }"
        ' > "$STATE" 2> /dev/null || true\n'
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


@pytest.mark.parametrize("page", [pytest.param(page, marks=marks(page)) for page in RUN])
def test_examples_do_what_they_say(
    page: str, shell: dict[str, str], request: pytest.FixtureRequest
) -> None:
    written = "".join(example.script for example in examples(page))
    if "EVAL_ID" in written or ("$PROJECT" in written and "PROJECT=" not in written):
        shell |= request.getfixturevalue("evaluated")
    printed: dict[str, str] = {}
    for example in examples(page):
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
        printed[example.script.strip().splitlines()[-1]] = done.stdout
    if python := program(page):
        done = subprocess.run(
            [sys.executable, "-c", python],
            cwd=shell["HERE"],
            env=shell,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    if page == "docs/reference/api.md":
        check_filters(printed)


def documents(text: str) -> list[Any]:
    """The JSON documents that a block's requests printed, one behind the other."""
    found, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def check_filters(printed: dict[str, str]) -> None:
    """The page's filters filter, and its upsert replaces: what each last line printed."""
    (filtered,) = (text for line, text in printed.items() if "score_gte" in line)
    assert [entry["score"] for entry in documents(filtered)[-1]] == [0.9]
    (replaced,) = (text for line, text in printed.items() if "model_version=latest" in line)
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


def test_reasons_of_an_evaluation_are_in_its_tables() -> None:
    page = (ROOT / "docs" / "reference" / "numbers.md").read_text()
    _, _, tables = page.partition("### What was not read")
    ignored, _, warnings = tables.partition("\n## ")[0].partition("`warnings`")
    row = re.compile(r"^\| \[?`([a-z_]+)`", re.MULTILINE)
    of_classes = {shared_classes.REASON, shared_classes.SIMILAR, shared_classes.UNKNOWN}
    of_classes |= {shared_classes.UNLISTED, shared_images.REASON}
    assert set(row.findall(ignored)) == {reason.value for reason in Reason}
    assert set(row.findall(warnings)) == {*MESSAGES, *of_classes}


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


def test_every_command_is_run_or_says_why_not() -> None:
    """What is not run can be read: shell and Python are parsed, other languages that we have."""
    used = set()
    for page in names():
        for block in blocks(page):
            if not block.is_command:
                continue
            used |= set(block.reasons)
            if block.language == "python":
                ast.parse(block.text)
            else:
                done = subprocess.run(
                    ["bash", "-n"], input=block.text, capture_output=True, text=True
                )
                assert done.returncode == 0, (page, block.text, done.stderr)
    assert set(NOT_RUN) - used == set(), "these are not on the pages"
    hidden = re.compile(r"^(curl|export|make|docker|git|python|\.venv/) ", re.MULTILINE)
    found = [(page, text) for page in names() for text in indented(page) if hidden.search(text)]
    assert found == [], "commands belong into fenced blocks, so that they are run"


def test_settings_files_of_other_programs_can_be_read() -> None:
    units = []
    for page in names():
        for block in blocks(page):
            assert block.language in {
                "sh",
                "python",
                "json",
                "ini",
                "yaml",
                "nginx",
                "sql",
                "http",
                "",
            }, page
            if block.language == "yaml":
                assert yaml.safe_load(block.text)
            elif block.language == "nginx":
                assert block.text.count("{") == block.text.count("}")
            elif block.language == "ini":
                unit = configparser.ConfigParser(strict=False, interpolation=None)
                unit.optionxform = str  # type: ignore[assignment,method-assign]
                unit.read_string(block.text)
                if "Unit" in unit:
                    units.append(unit)
    assert [set(unit) - {"DEFAULT"} for unit in units] == [{"Unit", "Service", "Install"}] * 2
    started = [unit["Service"]["ExecStart"].split(maxsplit=1)[1] for unit in units]
    assert started == ["-m gunicorn", "manage.py worker"]


def test_troubles_are_called_as_the_service_calls_them() -> None:
    page = (ROOT / "docs" / "operating" / "troubleshooting.md").read_text()
    cells = re.findall(r"^\| (.*?) \| .* \|$", page, re.MULTILINE)
    messages = [one for cell in cells for one in re.findall(r"`([^`]+ [^`]+)`", cell)]
    rooms = ("predictions_api", "accounts", "desk", "predictions", "evals", "prompts")
    written = [path.read_text() for room in rooms for path in (ROOT / room).rglob("*.py")]
    written += [(ROOT / "Makefile").read_text(), Path(exception.__file__).read_text()]
    written += [Path(csrf.__file__).read_text(), Path(http_request.__file__).read_text()]
    # As a reader sees it: without the seams of texts that are written over several lines.
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(written)).replace("`", "")
    assert len(messages) > 25
    assert [one for one in messages if not one.endswith("...") and one not in source] == []
