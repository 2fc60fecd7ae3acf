"""The garbage collector is as it was after everything that rests it."""

import gc
import json
import threading

import pytest

from predictions_api.operations import collector
from tests.conftest import Caller


@pytest.fixture
def frozen() -> int:
    """How many objects are left out of every search, as in a web process; they stay so."""
    gc.freeze()
    return gc.get_freeze_count()


def test_an_import_of_5000_leaves_frozen_what_was(ada: Caller, task: int, frozen: int) -> None:
    project = ada.client.get(f"/api/tasks/{task}/").json()["project"]
    items = [{"task": task, "result": [], "score": 0.5} for _ in range(5000)]

    response = ada.client.post(
        f"/api/projects/{project}/import/predictions",
        json.dumps(items),
        content_type="application/json",
    )

    assert (response.status_code, response.json()["created"]) == (201, 5000)
    # One that nobody refers to any more goes, frozen or not.
    assert 0.99 * frozen <= gc.get_freeze_count() <= frozen
    assert gc.isenabled()


def test_pauses_nest() -> None:
    with collector.paused():
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_last_of_two_threads_turns_it_on() -> None:
    inside, leave = threading.Event(), threading.Event()

    def rest() -> None:
        with collector.paused():
            inside.set()
            leave.wait(30)

    other = threading.Thread(target=rest)
    with collector.paused():
        other.start()
        assert inside.wait(30)
    assert not gc.isenabled()
    leave.set()
    other.join(30)
    assert gc.isenabled()


def test_who_had_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with collector.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
