"""Which model runs there are, from whoever registers them: runs are of a room above this one."""

from collections.abc import Callable, Collection, Iterable

#: Of some ids, those of runs over projects of the workspace.
Known = Callable[[Collection[int], int], set[int]]

_known: list[Known] = []


def register(known: Known) -> None:
    """From now on asked which runs exist, besides those that were registered before."""
    if known not in _known:
        _known.append(known)


def known_model_runs(run_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the runs belong to projects of the workspace. No statement for none."""
    wanted = set(run_ids)
    return set().union(*(known(wanted, workspace_id) for known in _known)) if wanted else set()
