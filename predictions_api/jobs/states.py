"""How many jobs there are of each kind, by state. Rooms register their kinds in `ready()`."""

from collections.abc import Mapping

from django.db.models import Count, Model

_kinds: dict[str, type[Model]] = {}


def register(kind: str, model: type[Model]) -> None:
    """From now on the rows of this table count as jobs of this kind; their column is `status`."""
    _kinds[kind] = model


def counts() -> Mapping[tuple[str, str], int]:
    """The number of jobs by kind and state, states as they are stored. One statement a kind.

    States in which no job is are left out.
    """
    found: dict[tuple[str, str], int] = {}
    for kind, model in _kinds.items():
        by_state = model._default_manager.order_by().values_list("status").annotate(n=Count("pk"))
        found |= {(kind, str(state)): n for state, n in by_state}
    return found
