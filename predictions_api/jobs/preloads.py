"""Modules that a worker loads before it forks: seconds that a replaced child does not take again.

Rooms register theirs by name in `AppConfig.ready()`, for other processes shall not load them.
"""

from importlib import import_module

_names: list[str] = []


def register(*names: str) -> None:
    """From now on loaded by each worker; a name that is registered already is left out."""
    _names.extend(name for name in names if name not in _names)


def load() -> None:
    """Loads them all, in order. ImportError for a name that is no module."""
    for name in _names:
        import_module(name)
