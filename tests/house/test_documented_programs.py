"""What the pages start can be started: after `make setup`, and what the page itself installs."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.house.serving import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"))
)
#: `.venv/bin/python examples/client.py`, `python3 examples/...`, `venv/bin/python -m examples....`
STARTED = re.compile(r"(\S*python3?) (?:-m )?(examples[./][\w./]+)")
INSTALLED = re.compile(r"(\S+)/bin/pip install ([^\n]+)")
#: A Python that Debian does not have under this name. In a container it is there.
BARE = re.compile(
    r"^(?!.*docker compose).*(?<![\w/.-])python (?:-[mc]|manage|examples)", re.MULTILINE
)
LOCKED = frozenset(
    re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
)
PROVIDERS = metadata.packages_distributions()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: list[str]) -> set[str]:
    """The packages with all that they bring along, as far as they are installed here."""
    found: set[str] = set()
    ahead = [normal(re.split(r"[\[=<>~! ;]", name)[0]) for name in names]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        ahead += [
            normal(re.split(r"[\[=<>~! ;(]", one)[0]) for one in needed if "extra ==" not in one
        ]
    return found


def imported(path: Path) -> Iterator[str]:
    """Names of the packages that a program and the files beside it import, but for Python's own and
    the repository's.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for module in {name.partition(".")[0] for name in names}:
            if (beside := path.parent / f"{module}.py").exists():
                yield from imported(beside)
            elif module not in sys.stdlib_module_names and not (ROOT / module).is_dir():
                yield module


def started() -> Iterator[tuple[str, str, str]]:
    """Page, Python and program of each command that starts one of the examples."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        for python, name in STARTED.findall(text):
            program = name if name.endswith(".py") else f"{name.replace('.', '/')}.py"
            yield page, python.lstrip('"`('), program


@pytest.mark.parametrize(("page", "python", "program"), sorted(set(started())))
def test_what_an_example_imports_is_installed_where_it_is_started(
    page: str, python: str, program: str
) -> None:
    folder = python.removesuffix("/bin/python")
    there = {normal(name) for name in LOCKED} if folder == ".venv" else set()
    for where, packages in INSTALLED.findall((ROOT / page).read_text()):
        if where == folder:
            there |= closure(packages.split())
    lacking = [
        module
        for module in imported(ROOT / program)
        if not {normal(one) for one in PROVIDERS.get(module, [module])} & there
    ]
    assert lacking == [], f"{python} has none of these after `make setup` and the page's commands"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_needs_a_python_that_may_not_be_there(page: str) -> None:
    assert BARE.findall((ROOT / page).read_text()) == []
