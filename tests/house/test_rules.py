"""The rules of docs/reference/map.md, but for those about imports, which pyproject.toml holds.

Each test collects every place that breaks its rule, so that one run shows the whole list.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver

from predictions_api import urls

ROOT = Path(__file__).resolve().parents[2]
# Lowest first; rooms on one floor do not know each other.
FLOORS = [{"predictions_api"}, {"accounts"}, {"desk"}, {"predictions"}]
FLOORS += [{"evals", "prompts", "backends"}]
ROOMS = sorted(room for floor in FLOORS for room in floor if (ROOT / room).is_dir())

FILES_A_FOLDER = 12
FILES_OF_THE_ENGINE = 18
LINES_A_FILE = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "services", "base", "mixins", "misc"}
# Django loads a database backend from a module of this name.
NAMED_BY_DJANGO = {"predictions_api/postgres/base.py"}

# Where SQL may stand, besides each room's db/: the pieces all rooms share, and accounts/, which has
# no folders.
SQL_PLACES = (
    "predictions_api/postgres/",
    "predictions_api/cluster/",
    "predictions_api/jobs/",
    "predictions_api/outbound/events/",
    "accounts/audit.py",
    "accounts/members.py",
    "accounts/sessions.py",
    "accounts/tokens.py",
)
STATEMENT = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+\w*\s*SET\s|UPDATE\s+[\w{}]+\s|DELETE\s+FROM\s"
    r"|WITH\s+(RECURSIVE\s+)?\w+\s.*\bAS\b|COPY\s+\w+|TRUNCATE\s|DECLARE\s+\w+|LOCK\s+TABLE\s"
    r"|PREPARE\s|EXECUTE\s|CREATE\s|ALTER\s|DROP\s|SET\s+LOCAL\s)",
    re.DOTALL,
)
# Names whose use means that SQL is run.
RUNS_SQL = {"cursor", "raw", "extra", "RawSQL", "fetch_all", "fetch_one", "fetch_prepared"}
WRITES = {"create", "bulk_create", "update", "bulk_update", "delete", "get_or_create"}
WRITES |= {"update_or_create"}


@cache
def sources(*rooms: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """Files of the rooms (of all by default) without migrations, relative to the checkout."""
    found = []
    for room in rooms or ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.suffix in suffixes and not {"migrations", "__pycache__"} & set(inside.parts):
                found.append(inside)
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def docstrings(module: ast.Module) -> set[int]:
    """Ids of the nodes that are docstrings."""
    return {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }


def texts(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is no docstring; an f-string as one, `{}` for its parts."""
    skipped = docstrings(module)
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [] if id(node) in skipped else [(node.lineno, node.value)]


def may_write(path: Path) -> bool:
    """Also the state of a job, which is written beside its worker together with the lease."""
    return may_hold_sql(path) or path.name == "state.py"


def may_hold_sql(path: Path) -> bool:
    return path.as_posix().startswith(SQL_PLACES) or path.parts[1] == "db"


def is_condition(path: Path, text: str) -> bool:
    """Whether this is the subquery of a condition, which `filters/` may hold."""
    return path.parts[1] == "filters" and text.lstrip().startswith("SELECT ")


def test_a_folder_has_twelve_files() -> None:
    counts: dict[str, int] = {}
    for path in sources():
        if path.name != "__init__.py":
            counts[path.parent.as_posix()] = counts.get(path.parent.as_posix(), 0) + 1
    allowed = {"evals/engine": FILES_OF_THE_ENGINE}
    assert len(counts) > 30
    found = [
        f"{folder} {n}" for folder, n in counts.items() if n > allowed.get(folder, FILES_A_FOLDER)
    ]
    assert not found, "\n".join(["", *found])


def test_a_file_has_four_hundred_lines() -> None:
    counts = {
        path.as_posix(): (ROOT / path).read_text().count("\n")
        for path in sources(*ROOMS, "benchmarks", "examples", suffixes=(".py", ".js", ".css"))
    }
    assert len(counts) > 250
    found = [f"{path} {n}" for path, n in counts.items() if n > LINES_A_FILE]
    assert not found, "\n".join(["", *found])


def test_names_say_what_is_inside() -> None:
    found = {
        path.as_posix()
        for path in sources()
        for name in (*path.parts[:-1], path.stem)
        if name in FORBIDDEN_NAMES
    }
    assert found == NAMED_BY_DJANGO


def test_every_folder_says_what_is_done_there() -> None:
    silent = [
        path.as_posix()
        for path in sources()
        if path.name == "__init__.py"
        if "management" not in path.parts
        if not (ast.get_docstring(tree(path)) or "").strip()
    ]
    assert not silent, "\n".join(["", *silent])


def test_the_map_shows_every_folder() -> None:
    page = (ROOT / "docs" / "reference" / "map.md").read_text()
    folders = {path.parent for path in sources() if "management" not in path.parts}
    missing = {
        folder.as_posix()
        for folder in folders
        if f"`{folder.name}/`" not in page and f"`{folder.as_posix()}/`" not in page
    }
    assert missing == set()


def test_sql_stands_in_db() -> None:
    found = []
    for path in sources():
        if may_hold_sql(path):
            continue
        module = tree(path)
        found += [
            f"{path}:{line}"
            for line, text in texts(module)
            if STATEMENT.match(text) and not is_condition(path, text)
        ]
        found += [
            f"{path}:{node.lineno} {name}"
            for node in ast.walk(module)
            if isinstance(node, ast.Call)
            for name in [getattr(node.func, "attr", getattr(node.func, "id", ""))]
            if name in RUNS_SQL
        ]
    assert not found, "\n".join(["", *found])


def writes(module: ast.Module) -> Iterator[ast.Call]:
    """Calls as `is_write` finds them."""
    return (node for node in ast.walk(module) if isinstance(node, ast.Call) and is_write(node))


def is_write(node: ast.Call) -> bool:
    """Whether this is `Model.objects. ... .create(...)` or another call that writes rows."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in WRITES:
        return False
    inner: ast.AST = node.func.value
    while isinstance(inner, ast.Attribute | ast.Call):
        if isinstance(inner, ast.Attribute) and inner.attr == "objects":
            return True
        inner = inner.func if isinstance(inner, ast.Call) else inner.value
    return False


def test_db_alone_writes() -> None:
    """Checks calls on `Model.objects`: `row.save()` cannot be told from other methods."""
    flat = {"accounts", "desk", "predictions_api"}
    found = [
        f"{path}:{node.lineno}"
        for path in sources()
        if path.parts[0] not in flat and not may_write(path)
        for node in writes(tree(path))
    ]
    assert not found, "\n".join(["", *found])


def test_no_room_names_a_table_above_it() -> None:
    floor_of = {room: n for n, floor in enumerate(FLOORS) for room in floor}
    tables = {
        model._meta.db_table: model._meta.app_label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in floor_of
    }
    assert len(tables) > 20
    name = re.compile(
        rf"(?:FROM|JOIN|INTO|UPDATE|USING|ONLY|COPY)\s+({'|'.join(sorted(tables))})\b"
    )
    found = []
    for path in sources():
        own = path.parts[0]
        for line, text in texts(tree(path)):
            for table in name.findall(text):
                other = tables[table]
                if other != own and floor_of[other] >= floor_of[own]:
                    found.append(f"{path}:{line} {table}")
    assert not found, "\n".join(["", *found])


def test_settings_name_what_django_asks_for() -> None:
    """Rooms register their tasks, sweeps, dashboard cards and verdicts in `AppConfig.ready()`."""
    of_django = {
        "accounts.User",
        "accounts.logins.Attempts",
        "accounts.logins.account_of",
        "accounts.sessions",
        "desk.error_pages.locked_out",
        "predictions_api.operations.addresses.counted_as",
        "predictions_api.urls",
        "predictions_api.wsgi.application",
    }
    asked_for = (
        settings.INSTALLED_APPS,
        settings.MIDDLEWARE,
        settings.AUTHENTICATION_BACKENDS,
        settings.STATICFILES_FINDERS,
        [storage["BACKEND"] for storage in settings.STORAGES.values()],
        settings.REST_FRAMEWORK,
        settings.SPECTACULAR_SETTINGS,
    )
    known = of_django | set(re.findall(r"[\w.]+", repr(asked_for))) | {"desk.packaged.HashedFiles"}
    rooms = "|".join(ROOMS)
    dotted = re.compile(rf"(?:{rooms})(?:\.\w+)+")
    found = [
        f"{line}: {text}"
        for line, text in texts(tree(Path("predictions_api/settings.py")))
        if dotted.fullmatch(text) and text not in known
    ]
    assert not found, "\n".join(["", *found])


def test_the_root_only_includes() -> None:
    """Each room routes its own views; the root routes those of `predictions_api` and the desk."""
    rooms = set(ROOMS) - {"predictions_api", "desk"}
    named = [
        pattern.lookup_str
        for pattern in urls.urlpatterns
        if isinstance(pattern, URLPattern) and pattern.lookup_str.split(".")[0] in rooms
    ]
    included = {
        pattern.urlconf_module.__name__
        for pattern in urls.urlpatterns
        if isinstance(pattern, URLResolver) and isinstance(pattern.urlconf_module, ModuleType)
    }
    assert named == []
    assert included >= {f"{room}.urls" for room in rooms}


@pytest.mark.parametrize("module", ["django.db.models.signals", "django.dispatch"])
def test_no_signals(module: str) -> None:
    found = [
        path.as_posix()
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and f"{node.module}.".startswith(f"{module}.")
        | any(f"{node.module}.{alias.name}" == module for alias in node.names)
    ]
    assert not found, "\n".join(["", *found])


def test_models_keep_djangos_save() -> None:
    found = [
        f"{model._meta.label}.{name}"
        for model in apps.get_models()
        if model._meta.app_label in ROOMS
        for name in ("save", "delete")
        if name in vars(model)
    ]
    assert not found, "\n".join(["", *found])
