"""The kinds of jobs there are: their tables, and the modules that run them.

Rooms register theirs in `AppConfig.ready()`; modules by name, for only workers shall load them.
"""

from collections.abc import Mapping
from importlib import import_module

from django.db.models import Count, Model

_tables: dict[str, type[Model]] = {}
_modules: list[str] = []


def register(kind: str, model: type[Model]) -> None:
    """From now on the rows of this table count as jobs of this kind; their column is `status`."""
    _tables[kind] = model


def preload(*names: str) -> None:
    """From now on a worker loads these modules before it forks: seconds that a replaced child
    does not take again. A name that is registered already is left out."""
    _modules.extend(name for name in names if name not in _modules)


def counts() -> Mapping[tuple[str, str], int]:
    """The number of jobs by kind and state, states as they are stored. One statement a kind.

    States in which no job is are left out.
    """
    found: dict[tuple[str, str], int] = {}
    for kind, model in _tables.items():
        by_state = model._default_manager.order_by().values_list("status").annotate(n=Count("pk"))
        found |= {(kind, str(state)): n for state, n in by_state}
    return found


def load() -> None:
    """Loads the modules, in order. ImportError for a name that is no module."""
    for name in _modules:
        import_module(name)
