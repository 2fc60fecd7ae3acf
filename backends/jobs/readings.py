"""What an item of an answer is to the store: predictions that it takes, or a failure."""

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError

from backends.asking import answers
from backends.asking.answers import Answered, Unfit
from backends.asking.faults import MOST_MESSAGE, Fault
from backends.db.outcomes import Outcome, Row
from predictions.db.places import Target
from predictions.db.predictions import checked_regions
from predictions_api.http.storable import Refused, json_text

log = logging.getLogger(__name__)

#: Of versions that are checked once and remembered.
MOST_KEPT_CHARACTERS = 1000
WRONG_HERE = "Something went wrong here; the server's log says what."


class Config(NamedTuple):
    """How a project is configured: what its tasks are sent with, and what it takes."""

    label_config: str
    validate_predictions: bool
    #: JSON, what the body of POST /predict holds beside the tasks.
    beside_tasks: bytes


class Unread(NamedTuple):
    """The items of an answer, one for each of the tasks, before anybody has read them."""

    config: Config
    task_ids: Sequence[int]
    items: Sequence[Any]
    #: Of predictions that name none.
    model_version: str
    #: Requests that asked about them.
    tries: int = 1


Found = Outcome | Unread


def read(found: Sequence[Found]) -> list[Outcome]:
    """What came of each task, in order."""
    outcomes: list[Outcome] = []
    for one in found:
        outcomes += [one] if isinstance(one, Outcome) else _each(one)
    return outcomes


def _each(unread: Unread) -> Iterator[Outcome]:
    config, version, tries = unread.config, unread.model_version, unread.tries
    target = Target(0, 0, config.validate_predictions, config.label_config)
    for task_id, item in zip(unread.task_ids, unread.items, strict=True):
        try:
            yield outcome(task_id, target, item, model_version=version, tries=tries)
        except Exception:
            log.exception("task %s: the answer cannot be read", task_id)
            yield failed(task_id, "InternalError", WRONG_HERE, tries=unread.tries)


def outcome(
    task_id: int, target: Target, item: Any, *, model_version: str, tries: int = 1
) -> Outcome:
    """What came of a task; `target` says what its project takes. `model_version` is for predictions
    that name none.
    """
    try:
        answered = answers.predictions_of(item, model_version=model_version)
        return Outcome(task_id, tuple([_row(target, one) for one in answered]), tries=tries)
    except Unfit as unfit:
        reason = str(unfit)
    except Refused as refused:
        reason = str(refused)
    except ValidationError as error:
        reason = _in_words(error.detail)
    return failed(task_id, answers.INVALID, reason, tries=tries)


@lru_cache(maxsize=1024)
def _check(version: str) -> None:
    """Refused for text that is not stored. All of a job's predictions may share it."""
    json_text(version)


def _row(target: Target, answered: Answered) -> Row:
    """Unfit, Refused or ValidationError where the store does not take it."""
    # The version is checked with the neighbours: both are text that jsonb need not hold.
    version = answered.model_version
    (_check if len(version) <= MOST_KEPT_CHARACTERS else json_text)(version)
    regions = checked_regions(target, {"result": answered.result, "score": answered.score})
    return Row(
        result=json_text(regions),
        model_version=version,
        score=answered.score,
        cluster=answered.cluster,
        neighbors=None if answered.neighbors is None else json_text(answered.neighbors),
        mislabeling=answered.mislabeling,
    )


def _in_words(detail: Any) -> str:
    if isinstance(detail, dict):
        return "; ".join(f"{name}: {_in_words(inner)}" for name, inner in detail.items())
    if isinstance(detail, list):
        return " ".join(map(_in_words, detail))
    return str(detail)


def failed(task_id: int, kind: str, message: str, *, tries: int = 1) -> Outcome:
    """A failure, its message as long as it may be and without what the database cannot hold."""
    text = message.replace("\0", "").encode(errors="replace").decode()
    return Outcome(task_id, error_type=kind, message=text[: MOST_MESSAGE + 100], tries=tries)


def failed_by(task_id: int, fault: Fault, *, tries: int) -> Outcome:
    """The failure that a fault is to a task that was asked about alone."""
    return failed(task_id, fault.kind, str(fault), tries=tries)


def with_tries(found: list[Found], more: int) -> list[Found]:
    """The same with so many requests more that asked about their tasks."""
    return [one._replace(tries=one.tries + more) for one in found]
