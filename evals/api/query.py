"""What query strings ask of the evaluation routes; each refusal has the client's own code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.documents.comparison import FRONTIER_METRICS
from evals.models import ModelEval, Split
from evals.refusals import (
    InvalidConfidence,
    InvalidFilter,
    InvalidFilterCombination,
    InvalidFrontierMetric,
    InvalidPagination,
    InvalidSplit,
    InvalidStatus,
    Refusal,
)
from evals.reports.selection import SORTS, Selection

Query = Mapping[str, str]

WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
SPLITS = {split.label: split.value for split in Split}
LIST_LIMIT, LIST_MOST = 50, 200
PAGE_LIMIT, PAGE_MOST = 200, 1000
DIFF_LIMIT = 50


def confidence(query: Query, default: int) -> int:
    """The percent asked for. InvalidConfidence unless it is an integer from 0 to 100."""
    text = query.get("confidence")
    if text is None:
        return default
    if not WHOLE_NUMBER.fullmatch(text) or int(text) > 100:
        raise InvalidConfidence()
    return int(text)


def split(query: Query, *, default: str, allows_all: bool) -> tuple[str, int | None]:
    """The split's name and number; None for all. InvalidSplit for what the route does not know."""
    name = query.get("split", default)
    if name in SPLITS:
        return name, SPLITS[name]
    if name == "all" and allows_all:
        return name, None
    allowed = "train, valid, test" + (" or all" if allows_all else "")
    raise InvalidSplit(f"split must be one of {allowed}.")


def page(query: Query, *, limit: int = PAGE_LIMIT) -> tuple[int, int]:
    """Limit and offset. InvalidPagination for anything but whole numbers in their ranges."""
    wanted = _whole(query, "limit", limit)
    if not 1 <= wanted <= PAGE_MOST:
        raise InvalidPagination(f"limit must be a whole number from 1 to {PAGE_MOST}.")
    return wanted, _whole(query, "offset", 0)


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not WHOLE_NUMBER.fullmatch(text):
        raise InvalidPagination(f"{name} must be a whole number, not below 0.")
    return int(text)


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What the list of evaluations is narrowed to."""

    limit: int
    project: str | None = None
    version: str | None = None
    model: str | None = None
    status: str | None = None


def evaluations(query: Query) -> ListFilter:
    """At most one of project, version and model; a limit over 200 counts as 200."""
    project = _given(query, "project")
    version = _given(query, "version", "versionId")
    model = _given(query, "model", "modelId")
    if sum(one is not None for one in (project, version, model)) > 1:
        raise InvalidFilterCombination()
    status = _given(query, "status")
    if status is not None and status not in ModelEval.Status.values:
        raise InvalidStatus()
    limit = _whole(query, "limit", LIST_LIMIT)
    if limit < 1:
        raise InvalidPagination("limit must be a whole number from 1 to 200.")
    return ListFilter(min(limit, LIST_MOST), project, version, model, status)


def _given(query: Query, *names: str) -> str | None:
    value = next((query[name] for name in names if query.get(name)), None)
    # No stored text holds a NUL, and Postgres refuses to look for one.
    return None if value is None else value.replace("\0", "�")


def frontier_metric(query: Query) -> str | None:
    """The metric to compare by; None for the default."""
    metric = _given(query, "frontierMetric")
    if metric is not None and metric not in FRONTIER_METRICS:
        raise InvalidFrontierMetric()
    return metric


def required(query: Query, name: str) -> str:
    """A parameter that must be there."""
    value = _given(query, name)
    if value is None:
        raise Refusal(f"{name} is required.")
    return value


def selection(query: Query, classes: Sequence[str]) -> Selection:
    """The filters and the order of images. InvalidFilter names the one that cannot be read."""
    sort = _given(query, "sort")
    name = None if sort is None else sort.removeprefix("-")
    if name is not None and name not in SORTS:
        raise InvalidFilter(f"sort must be one of {', '.join(SORTS)}, with - in front for falling.")
    return Selection(
        sort=name,
        is_falling=sort is not None and sort.startswith("-"),
        least_fp=_least(query, "minFalsePositives"),
        least_fn=_least(query, "minFalseNegatives"),
        cell=_cell(query, classes),
        label=_label(query, classes),
        cluster=_cluster(query),
    )


def _least(query: Query, name: str) -> int:
    text = _given(query, name)
    if text is not None and not WHOLE_NUMBER.fullmatch(text):
        raise InvalidFilter(f"{name} must be a whole number, not below 0.")
    return int(text or 0)


def _cluster(query: Query) -> int | None:
    text = _given(query, "cluster")
    if text is not None and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise InvalidFilter("cluster must be a cluster's id; -1 is noise.")
    return None if text is None else int(text)


def _label(query: Query, classes: Sequence[str]) -> int | None:
    name = _given(query, "class")
    if name is None:
        return None
    if name not in classes:
        raise InvalidFilter(f"class must be one of {', '.join(classes)}.")
    return list(classes).index(name)


def _cell(query: Query, classes: Sequence[str]) -> tuple[int, int] | None:
    """[actual, predicted] by index in `classes` of the matrix, or by name."""
    text = _given(query, "cell")
    if text is None:
        return None
    # A class that is called background stands before the matrix's own, which has its index, too.
    index: dict[str, int] = {}
    for label, name in enumerate([*classes, "background"]):
        index.setdefault(name, label)
    numbers = {str(label): label for label in range(len(classes) + 1)}
    commas = [at for at, character in enumerate(text) if character == ","]
    for names in (index, numbers):
        for at in commas:
            for actual, predicted in (
                (text[:at], text[at + 1 :]),
                (text[:at].strip(), text[at + 1 :].strip()),
            ):
                if actual in names and predicted in names:
                    return names[actual], names[predicted]
    raise InvalidFilter(
        "cell must be actual,predicted: two class names, or their indices in the matrix."
    )
