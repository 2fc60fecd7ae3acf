"""A task's data, and what the labelling config shows of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from predictions.regions.config import read_config
from predictions_api.http.storable import Refused

#: Label Studio's name for data whose key its sender does not know.
UNNAMED = "$undefined$"


def value_at(data: Any, path: Sequence[str]) -> Any:
    """What a task's data holds where a config shows it, `$a.b`: under the whole name as it stands,
    else step by step, a number being the place in a list, else at the last step below the name of
    those before it, as an item of the list `a.b`. None where nothing is there; all of the data for
    an empty path. `predictions_api.postgres.sql.at_path` is the same in SQL.

    >>> value_at({"a.b": 1, "a": {"b": 2}}, ["a", "b"]), value_at({"a": [3]}, ["a", "0"])
    (1, 3)
    """
    if not isinstance(data, Mapping) or not path:
        return data if isinstance(data, Mapping) else None
    whole = ".".join(path)
    if whole in data:
        return data[whole]
    value = _below(data, path)
    return _below(data, [".".join(path[:-1]), path[-1]]) if value is None else value


def _below(data: Mapping[str, Any], steps: Sequence[str]) -> Any:
    value: Any = data
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and _is_place_in(value, step):
            value = value[int(step)]
        else:
            return None
    return value


def _is_place_in(values: Sequence[Any], step: str) -> bool:
    return step.isascii() and step.isdecimal() and len(step) < 10 and int(step) < len(values)


def checked(data: Mapping[str, Any], label_config: str) -> Mapping[str, Any]:
    """The data as it is stored: what is unnamed stands under the config's first key.

    Refused, in Label Studio's words, where it lacks a key that the config shows.
    """
    config = read_config(label_config)
    if config.keys and UNNAMED in data:
        named = {config.keys[0].name: data[UNNAMED]}
        data = {key: value for key, value in data.items() if key != UNNAMED} | named
    missing = config.missing_key(data)
    if missing is not None:
        raise Refused(f'"{missing}" key is expected in task data')
    return data
