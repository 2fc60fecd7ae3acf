"""What a backend's answer says of each task; pure.

An answer is `{"results": [item, ...]}`, an item for each task in their order. An item is one
prediction (an object with `result`), several (a list of them), or none (an empty list).
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from backends.asking.faults import Uneven, Wrong
from predictions_api.http.storable import as_whole, is_number, json_value, whole_within
from predictions_api.names import by_letters, misspelt

MAX_INT32 = 2**31 - 1
INVALID = "InvalidAnswer"
#: What is read of an answer, and of a prediction in it. Names that mean one of them and are written
#: otherwise are an error, as in imports: what they say would be lost.
OF_ANSWER = by_letters(["results", "model_version"])
OF_PREDICTION = by_letters(
    ["result", "score", "model_version", "cluster", "neighbors", "mislabeling"]
)
MEANT = "`{name:.50}` is not read: did it mean `{meant}`?"


class Unfit(ValueError):
    """An item that is no prediction; the text says why."""


class Answered(NamedTuple):
    """One prediction of a backend, as it came: `result` may be regions or a shorthand of them."""

    result: Any
    score: float | None
    model_version: str
    cluster: int | None = None
    neighbors: list[Any] | None = None
    mislabeling: float = 0.0


class Answer(NamedTuple):
    """The items of an answer, and the version it names for all of them; None for none."""

    items: list[Any]
    model_version: str | None


def document(content: bytes) -> Any:
    """The JSON in an answer, NaN and infinities among it. Wrong for what is no JSON, or nested too
    deeply to be read.
    """
    try:
        return json_value(content)
    except ValueError:
        pass
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        text = content[:200].decode("utf-8", "replace")
        raise Wrong(f"The answer is no JSON: {text!r}", kind=INVALID) from None


def object_in(content: bytes) -> dict[str, Any]:
    """The JSON object of an answer. Wrong for anything else."""
    found = document(content)
    if not isinstance(found, dict):
        raise Wrong(f"The answer is no object, but {_kind(found)}.", kind=INVALID)
    return found


def read(content: bytes, n_tasks: int) -> Answer:
    """The answer to a question about `n_tasks` tasks. Wrong without a list of results, Uneven for
    one of another length.
    """
    found = object_in(content)
    for name, meant in misspelt(found, OF_ANSWER).items():
        raise Wrong(MEANT.format(name=name, meant=meant), kind=INVALID)
    items = found.get("results")
    if not isinstance(items, list):
        raise Wrong(f"The answer has no list of results, but {_kind(items)}.", kind=INVALID)
    if len(items) != n_tasks:
        raise Uneven(f"{len(items)} results for {n_tasks} tasks.")
    return Answer(items, version_of(found))


def first_item(content: bytes) -> Any:
    """The first of the results. Wrong where there is none that is an object or a list."""
    items = object_in(content).get("results")
    if not isinstance(items, list) or not items:
        raise Wrong("The answer has no results.", kind=INVALID)
    if not isinstance(items[0], dict | list):
        raise Wrong(f"The first result is {_kind(items[0])}.", kind=INVALID)
    return items[0]


def version_of(holder: Mapping[str, Any]) -> str | None:
    """The model version that an object names, without spaces around it, as the store keeps them; a
    number becomes text, and None is none. Wrong for anything else: its predictions would be stored
    as another version's.
    """
    version = holder.get("model_version")
    if version is None:
        return None
    if isinstance(version, str):
        return version.strip()
    if is_number(version):
        return str(version)
    raise Wrong(f"`model_version` is no text, but {_kind(version)}.", kind=INVALID)


def versions_in(content: bytes) -> list[str]:
    """The versions that a backend lists, empty where it lists none. Wrong for what is no list of
    texts.
    """
    versions = object_in(content).get("versions", [])
    if not isinstance(versions, list) or not all(isinstance(name, str) for name in versions):
        raise Wrong("`versions` is no list of texts.", kind=INVALID)
    return versions


def predictions_of(item: Any, *, model_version: str) -> list[Answered]:
    """The predictions of an item, `model_version` for those that name none; [] for an item that
    says nothing. Unfit with the reason where one of them is no prediction.
    """
    if isinstance(item, list):
        return [_one(entry, model_version) for entry in item]
    return [_one(item, model_version)]


def _one(item: Any, model_version: str) -> Answered:
    if not isinstance(item, dict):
        raise Unfit(f"An object with `result` is expected, not {_kind(item)}.")
    for name, meant in misspelt(item, OF_PREDICTION).items():
        raise Unfit(MEANT.format(name=name, meant=meant))
    if item.get("result") is None:
        raise Unfit("`result` is null." if "result" in item else "There is no `result`.")
    try:
        named = version_of(item)
    except Wrong as wrong:
        raise Unfit(str(wrong)) from None
    return Answered(
        result=item["result"],
        score=_number(item, "score"),
        model_version=model_version if named is None else named,
        cluster=_cluster(item.get("cluster")),
        neighbors=_neighbors(item.get("neighbors")),
        mislabeling=_number(item, "mislabeling") or 0.0,
    )


def _number(item: Mapping[str, Any], name: str) -> float | None:
    """A number of an item, None for none. Unfit for what is no finite number."""
    value = item.get(name)
    number = None if value is None else _finite(value)
    if number is None and value is not None:
        raise Unfit(f"`{name}` is no finite number, but {_kind(value)}.")
    return number


def _finite(value: Any) -> float | None:
    if not is_number(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _cluster(value: Any) -> int | None:
    number = whole_within(as_whole(value), -MAX_INT32, MAX_INT32)
    if number is None and value is not None:
        raise Unfit(f"`cluster` is no whole number of 32 bits, but {_kind(value)}.")
    return number


def _neighbors(value: Any) -> list[Any] | None:
    if value is None or isinstance(value, list):
        return value
    raise Unfit(f"`neighbors` is no list, but {_kind(value)}.")


def _kind(value: Any) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"[:50]
        case str():
            return f"the text {value[:50]!r}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"
