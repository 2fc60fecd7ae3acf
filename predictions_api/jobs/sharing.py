"""How a worker shares itself among jobs that wait for others: runs of prompts, refinements.

They take little processor time, so one process works on many at once, each in a thread of its own.
Which comes next is decided among workspaces: one of that with the fewest in hand here. With all
places taken and somebody waiting, the longest of the workspace with the most hands over and comes
back later. So neither a run nor a workspace keeps another's jobs waiting for longer than a turn.

A job comes from the queue to a worker that has nothing to do. One that has waited for a few seconds
is taken by a worker that is at such work already.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber

from predictions_api.jobs import stopping

log = logging.getLogger(__name__)

#: Jobs in hand at once, of one process.
PLACES = 16
#: How long the queue has to find a worker that has nothing to do.
QUEUE_S = 3.0
LOOK_S = 1.0
#: How long a job keeps its place while others wait.
TURN_S = 20.0

#: Told by a job's work: whether it is to hand over.
IsOver = Callable[[], bool]


class Due(NamedTuple):
    """A job that nobody has in hand, and whose it is."""

    workspace_id: int
    key: Hashable


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job.

    `due(seconds)` are jobs that have waited so long, up to PLACES of each workspace, the longest
    first; `work(key, is_over)` works on one until it ends or is to hand over, and does nothing for
    one that others have in hand.
    """

    due: Callable[[float], Iterable[Due]]
    work: Callable[[Hashable, IsOver], None]


@dataclass(slots=True)
class Place:
    """A job in hand."""

    workspace_id: int
    began: float = field(default_factory=time.monotonic)
    is_over: threading.Event = field(default_factory=threading.Event)


_kinds: dict[str, Kind] = {}


def first_of_each(waiting: QuerySet[Any]) -> Iterator[Due]:
    """PLACES of each workspace among the rows of projects that wait, the oldest first."""
    place = Window(RowNumber(), partition_by="project__workspace_id", order_by="id")
    rows = waiting.annotate(place=place).filter(place__lte=PLACES)
    for key, workspace_id in rows.values_list("pk", "project__workspace_id"):
        yield Due(workspace_id, key)


def register(name: str, kind: Kind) -> None:
    """From now on shared."""
    _kinds[name] = kind


class Sharing:
    """One process at work on several jobs."""

    def __init__(self, kinds: dict[str, Kind]) -> None:
        self.kinds = kinds
        self.places: dict[tuple[str, Hashable], Place] = {}
        self._change = threading.Event()

    def work(self, name: str, key: Hashable) -> None:
        """Works on the job, and meanwhile on all that are due; returns when nothing is in hand."""
        self._begin(name, Due(0, key))
        while self.places:
            self._change.wait(LOOK_S)
            self._change.clear()
            if stopping.requested.is_set() or not self.places:
                continue
            try:
                self._fill()
            except Exception:
                # What is in hand goes on; the database may be back at the next look.
                log.warning("no look at what waits", exc_info=True)
                connections.close_all()

    def _begin(self, name: str, job: Due) -> None:
        place = Place(job.workspace_id)
        self.places[name, job.key] = place
        threading.Thread(target=self._work, args=[name, job.key, place]).start()

    def _work(self, name: str, key: Hashable, place: Place) -> None:
        try:
            self.kinds[name].work(key, place.is_over.is_set)
        except Exception:
            log.exception("%s %s failed", name, key)
        finally:
            connections.close_all()
            del self.places[name, key]
            self._change.set()

    def _fill(self) -> None:
        found = [(name, job) for name, kind in self.kinds.items() for job in kind.due(QUEUE_S)]
        waiting = [(name, job) for name, job in found if (name, job.key) not in self.places]
        while waiting:
            held = Counter(place.workspace_id for place in list(self.places.values()))
            name, job = chosen = min(waiting, key=lambda found: held[found[1].workspace_id])
            if len(self.places) >= PLACES:
                self._ask_to_hand_over(held)
                return
            waiting.remove(chosen)
            self._begin(name, job)

    def _ask_to_hand_over(self, held: Counter[int]) -> None:
        places = list(self.places.values())
        if any(place.is_over.is_set() for place in places):
            return
        longest = max(places, key=lambda place: (held[place.workspace_id], -place.began))
        if time.monotonic() - longest.began > TURN_S:
            longest.is_over.set()


def work(name: str, key: Hashable) -> None:
    """As `Sharing.work`, with all kinds that are registered."""
    Sharing(_kinds).work(name, key)
