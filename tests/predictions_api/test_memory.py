"""Large requests take turns, and what they leave is given back."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from predictions_api import memory
from tests.conftest import Caller

MB = memory.MB


@pytest.fixture(autouse=True)
def _nothing_held() -> Any:
    memory.let_go()
    yield
    memory.let_go()


def in_thread(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_large_requests_wait_for_each_other() -> None:
    order: list[str] = []
    holds, may_end = threading.Event(), threading.Event()

    def first() -> None:
        memory.hold(500 * MB)
        order.append("first")
        holds.set()
        may_end.wait()
        order.append("first ends")
        memory.let_go()

    def second() -> None:
        memory.hold(300 * MB)
        order.append("second")
        memory.let_go()

    one = in_thread(first)
    holds.wait()
    # Small ones never wait, and what fits beside it does not either.
    memory.hold(memory.SMALL_BYTES - 1)
    with memory.held(200 * MB):
        order.append("beside")
    two = in_thread(second)
    may_end.set()
    one.join()
    two.join()
    assert order == ["first", "beside", "first ends", "second"]


def test_one_alone_may_need_more_than_all_together() -> None:
    memory.hold(2 * memory.HELD_BYTES)
    # Who holds something already does not wait for itself.
    memory.hold(100 * MB)


@pytest.mark.django_db
def test_who_gets_no_turn_is_told_so(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE_S", 0.01)
    holds, may_end = threading.Event(), threading.Event()

    def other() -> None:
        memory.hold(memory.HELD_BYTES)
        holds.set()
        may_end.wait()
        memory.let_go()

    thread = in_thread(other)
    holds.wait()
    body = b'{"result": ["' + b"x" * 9 * MB + b'"]}'
    client = APIClient(headers={"Authorization": f"Token {ada.key}"})
    response = client.post("/api/predictions/", body, content_type="application/json")
    may_end.set()
    thread.join()
    assert response.status_code == 503
    assert response.json()["detail"] == (
        "Other large requests are being answered. Nothing was stored; try again."
    )
    # A request lets go of what it held, whatever became of it.
    again = client.post("/api/predictions/", body, content_type="application/json")
    assert again.status_code == 400
    memory.hold(memory.HELD_BYTES)


@pytest.mark.parametrize(
    ("grown_mb", "after_s", "gives"),
    [(3, 60, 0), (5, 5, 0), (5, 60, 1), (63, 5, 0), (65, 5, 1)],
)
def test_when_a_process_gives_back(
    monkeypatch: pytest.MonkeyPatch, grown_mb: int, after_s: float, gives: int
) -> None:
    """Much at once, a little after a while."""
    size, given = [300 * MB], list[int]()
    monkeypatch.setattr(memory, "resident", lambda: size[0])
    monkeypatch.setattr(memory, "give_back", lambda: given.append(size[0]))
    with time_machine.travel(0, tick=False) as clock:
        monkeypatch.setattr(time, "monotonic", time.time)
        clock.shift(100)
        keeper = memory.Keeper()
        assert not keeper.look()
        given.clear()
        size[0] += grown_mb * MB
        clock.shift(after_s)
        assert not keeper.look()
    assert len(given) == gives


# Many objects that survive a little beside many that do not: what an import leaves.
GROWN = """
from predictions_api import memory
start = memory.resident()
heavy = [{"a": [n], "b": str(n)} for n in range(1_000_000)]
most = memory.resident()
keeper = memory.Keeper()
assert not keeper.look(), "nothing is wrong with a process of this size"
del heavy
keeper._next_look = keeper._after_last = 0
keeper.look()
left = memory.resident()
assert most - start > 300 * memory.MB, (start, most)
assert left - start < (most - start) / 10, (start, most, left)
"""

TOO_LARGE = """
from predictions_api import memory
kept = bytearray(128 * memory.MB)
assert memory.Keeper().look()
"""


@pytest.mark.parametrize(
    ("program", "most_mb"), [(GROWN, "1536"), (TOO_LARGE, "100")], ids=["gives back", "replaced"]
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_gives_back_what_it_can_and_says_when_it_cannot(
    program: str, most_mb: str
) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={"MAX_PROCESS_MB": most_mb, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
