"""A task's data, and what the labelling config shows of it. Pure."""

from collections.abc import Mapping
from typing import Any

from predictions.regions.config import read_config
from predictions_api.http.storable import Refused

#: Label Studio's name for data whose key its sender does not know.
UNNAMED = "$undefined$"


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
