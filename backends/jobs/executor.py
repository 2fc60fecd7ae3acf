"""Executes one job: claims its tasks, asks the backend, stores what it answers.

An event loop sends the requests, as many at once as the share of the backend allows. Two threads
of its own talk to the database while requests are out: one claims ahead of them and reads what is
sent, one stores what was answered and does all else. Nothing is kept here that a killed worker
would take along but the requests in flight and the answers of the last few milliseconds.
"""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from backends.asking.calls import Caller
from backends.asking.faults import Away, Ending, Fault, Wrong
from backends.db import endpoints
from backends.jobs import outcomes, plans, readings, state
from backends.jobs.batches import Abandoned, Batch, Gone, Patience
from backends.jobs.readings import Found
from backends.models import Endpoint, PredictionJob
from backends.reaching.addresses import setup_body
from predictions_api.jobs import stopping, threads
from predictions_api.jobs.leases import Holder
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How long a thread works before another has its turn.
SWITCH_S = 0.0005
TICK_S = 0.2
LOOK_S = 1.0
#: What came while the last batch was written, which may take long, goes together up to so many.
MOST_STORED_AT_ONCE = 2000
#: Fewer answers than that wait for others, so long: a quick backend gives that many meanwhile. A
#: turn of the thread for each of its answers would hold up the requests.
FEW = 200
GATHER_S = 0.005
#: Batches that are claimed ahead for each request, at first. More where a backend is so quick that
#: requests wait for them, up to so many tasks: few, so that workers who share a job all have some.
AHEAD = 3
MOST_AHEAD = 2000
#: So that requests soon have some of them: a claim takes as long as it is large.
MOST_CLAIMED_AT_ONCE = 1000
#: Of large tasks fewer are claimed ahead: as many as have so many bytes, to judge by the last.
MOST_BYTES_AHEAD = 1 << 25


def execute(job_id: int, is_over: Callable[[], bool] = stopping.requested.is_set) -> None:
    """Works on the job until nothing is left of it, or it is to be handed over: when this process
    is asked to stop, or `is_over` says so.

    Returns at once for a job that has ended or that others have in hand. Never raises for what the
    backend does. After an error of ours the next worker goes on, so many times
    (`state.count_fault`). Raises where the database is away.
    """
    if not state.begin(job_id):
        state.fail_faulty(job_id)
        return
    usual = sys.getswitchinterval()
    try:
        plan = plans.plan_of(job_id)
        if plan is not None:
            # Who sends requests is not to wait for the threads beside it: with Python's own 5 ms
            # each of them cost a request that much (measured: 1.1 to 1.3 times the requests).
            sys.setswitchinterval(SWITCH_S)
            asyncio.run(Executor(plan, is_over).work())
    except Ending as fault:
        state.fail(job_id, fault.kind, str(fault))
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("job %s: its worker ended", job_id)
        state.count_fault(job_id)
    finally:
        sys.setswitchinterval(usual)


class Executor:
    """One pass of work on a job, with an id of its own on every lease."""

    def __init__(self, plan: plans.Plan, is_over: Callable[[], bool]) -> None:
        self.plan = plan
        self._is_turn_over = is_over
        self.holder = Holder(settings.RUN_LEASE_S)
        self.slots = 0
        self._claimed: deque[Batch] = deque()
        self._asking: dict[asyncio.Task[None], Batch] = {}
        self._answered: list[Found] = []
        self._storing: list[Found] = []
        self._ahead = AHEAD
        self._bytes_per_batch = 1
        self._renews_at = time.monotonic() + settings.RUN_LEASE_S / 4
        self._wake_claimer = asyncio.Event()
        self._wake_storer = asyncio.Event()
        self._wake_watch = asyncio.Event()
        # No more requests begin; the verdict, if any, ends the job.
        self._is_closing = False
        self._verdict: Fault | None = None
        # The job has ended: nothing that is still on its way counts.
        self._is_over = False
        self._is_told_uneven = False
        # One thread each, so one connection and one order of statements. A claim waits for nobody.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="job-database")
        self._claiming = ThreadPoolExecutor(1, thread_name_prefix="job-claims")
        self.job_id: int = plan.job.pk
        self.patience = self._patience()

    def _patience(self) -> Patience:
        job, endpoint = self.plan.job, self.plan.endpoint
        caller = Caller(self.plan.address, max_connections=endpoint.max_concurrency)
        return Patience(
            caller,
            timeout_s=endpoint.timeout,
            model_version=job.model_version,
            asks_singly=job.asks_singly,
            since_answer_s=self.plan.since_answer_s,
            is_closing=lambda: self._is_closing or self._is_over,
            on_uneven=self._wake_watch.set,
        )

    async def work(self) -> None:
        """Everything, from the first lease to the last."""
        loops: list[asyncio.Task[None]] = []
        # While the backend is set up; connecting takes as long as some claims.
        threads.connected(self._claiming)
        try:
            watching = asyncio.create_task(self._watch())
            loops.append(watching)
            await self._beat()
            if await self._is_prepared():
                loops += [
                    asyncio.create_task(loop()) for loop in (self._claim_all, self._store_all)
                ]
                await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
                await threads.ended(self._asking)
                for loop in loops:
                    if loop.done():
                        loop.result()
                await self._settle()
        finally:
            await threads.ended([*self._asking, *loops])
            await self.patience.caller.close()
            await self._hand_over()
            for thread in (self._claiming, self._database):
                thread.shutdown(wait=False)

    async def _is_prepared(self) -> bool:
        """Sets the backend up, unless another worker of the job has. False where the job ends."""
        while not self._is_closing and not self._is_over:
            done = await self._in_database(state.prepared, self.job_id)
            if done.is_prepared:
                self.patience.model_version = done.model_version
                return True
            if self.slots:
                try:
                    await self._set_up()
                except Abandoned:
                    return False
                except Gone as gone:
                    await self._end(gone.fault)
                    return False
                except Fault as fault:
                    await self._end(fault)
                    return False
            else:
                await asyncio.sleep(TICK_S)
        return False

    async def _set_up(self) -> None:
        """POST /setup, as patiently as a batch is asked about; notes what it names."""
        body = setup_body(self.plan.backend.project, self.plan.endpoint)
        n_away, n_wrong = 0, 0
        while True:
            try:
                version = await self.patience.caller.setup(body, settings.ML_TIMEOUT_SETUP)
            except Wrong:
                n_wrong += 1
                if n_wrong > 1:
                    raise
            except Away as fault:
                n_away += 1
                if n_away < settings.ML_TRIES:
                    await self.patience.back_off(fault, n_away)
                else:
                    await self.patience.wait_out(fault)
                    n_away = 0
            else:
                break
        await self._in_database(
            endpoints.note, self.plan.backend.pk, Endpoint.State.CONNECTED, version=version
        )
        await self._in_database(state.prepare, self.job_id, version)

    async def _end(self, fault: Fault) -> None:
        """Ends the job for a fault of the whole of it."""
        is_away = isinstance(fault, Away)
        found = Endpoint.State.DISCONNECTED if is_away else Endpoint.State.ERROR
        await self._in_database(endpoints.note, self.plan.backend.pk, found, message=str(fault))
        await self._in_database(state.fail, self.job_id, fault.kind, str(fault))

    async def _watch(self) -> None:
        """Renews the leases until the job is over, or closing with nothing in flight."""
        beat_s = min(LOOK_S, settings.RUN_LEASE_S / 4)
        next_beat, deadline = time.monotonic() + beat_s, float("inf")
        while not self._is_over and not (self._is_closing and not self._asking):
            await threads.awakened(self._wake_watch, TICK_S)
            now = time.monotonic()
            if deadline == float("inf") and (stopping.requested.is_set() or self._is_turn_over()):
                deadline = now + stopping.GRACE_S
                self._close()
            if now >= deadline:
                return
            if self.patience.asks_singly and not self._is_told_uneven:
                self._is_told_uneven = True
                await self._in_database(state.ask_singly, self.job_id)
            if now >= next_beat or not self.slots:
                next_beat = now + beat_s
                await self._beat()

    async def _settle(self) -> None:
        """Stores the answers that came last, and pronounces the verdict."""
        while self._storing:
            await asyncio.sleep(TICK_S / 20)
        if self._answered and not self._is_over:
            found, self._answered = self._answered, []
            await self._store(found)
        if self._verdict is not None and not self._is_over:
            await self._end(self._verdict)

    async def _hand_over(self) -> None:
        """Gives back the leases: an open job is due for the next worker."""
        # A claim on its way comes first, or nobody would give back what it takes.
        await threads.disconnected(self._claiming)
        try:
            await self._in_database(plans.release, self.job_id, self.holder)
        except (DatabaseError, InterfaceError):
            log.warning("job %s: the leases lapse by themselves", self.job_id, exc_info=True)
        finally:
            await threads.disconnected(self._database)

    async def _in_database(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await threads.in_thread(self._database, partial(call, *args, **more))

    async def _take(self, n: int) -> plans.Taken:
        job = self.plan.job
        take = partial(plans.take, job.pk, job.project_id, self.holder, n, job.batch_size)
        return await threads.in_thread(self._claiming, take)

    def _close(self, verdict: Fault | None = None) -> None:
        """Begins no more requests; a verdict gives up those in flight, too."""
        self._is_closing = True
        self._verdict = self._verdict or verdict
        for task in list(self._asking) if verdict is not None else ():
            task.cancel()
        self._wake_watch.set()

    async def _beat(self) -> None:
        in_hand: list[int] = []
        if (now := time.monotonic()) >= self._renews_at:
            # Whatever was claimed since the last time has most of its lease before it.
            self._renews_at = now + settings.RUN_LEASE_S / 4
            batches = [*self._claimed, *self._asking.values()]
            in_hand += [task_id for batch in batches for task_id in batch.ids]
            in_hand += [id_ for one in (*self._answered, *self._storing) for id_ in one.task_ids]
        found = await self._in_database(
            plans.beat,
            self.plan.job,
            self.holder,
            in_hand=in_hand,
            n_asking=len(self._asking),
            note=self.patience.note,
        )
        self.slots = found.slots
        if (config := found.config) is not None:
            # What is claimed is sent with how the project is configured now.
            self._claimed = deque(batch._replace(config=config) for batch in self._claimed)
        self._learn(found.status)
        self._begin_requests()

    def _learn(self, status: str) -> None:
        """Takes note of the job's status; of its end, at once."""
        if status != PredictionJob.Status.IN_PROGRESS:
            self._is_over = True
            self._wake_watch.set()

    async def _claim_all(self) -> None:
        """Keeps some batches claimed ahead of the requests."""
        size = self.plan.job.batch_size
        while True:
            wanted = self._n_ahead()
            missing = wanted - len(self._claimed)
            if self._is_closing or missing <= wanted // 2:
                await threads.awakened(self._wake_claimer, TICK_S)
                continue
            n = size * max(1, min(missing, MOST_CLAIMED_AT_ONCE // size))
            taken = await self._take(n)
            self._claimed.extend(taken.batches)
            self._bytes_per_batch = max([1, *(one.n_bytes for one in taken.batches)])
            if taken.ended:
                self._answered += taken.ended
                self._wake_storer.set()
            self._begin_requests()
            if taken.n < n:
                await self._look_around()
                await asyncio.sleep(min(LOOK_S, settings.RUN_LEASE_S / 10))

    def _n_ahead(self) -> int:
        """How many batches are to be claimed, of those that are not yet asked about."""
        affordable = max(self.slots, MOST_BYTES_AHEAD // self._bytes_per_batch)
        return min(self._ahead * self.slots, affordable)

    async def _look_around(self) -> None:
        """With nothing left to do here, the job is over, or others have the rest in hand."""
        if self._asking or self._answered or self._storing or self._claimed:
            return
        self._learn(await self._in_database(state.status_of, self.job_id))

    def _begin_requests(self) -> None:
        """Sends as many requests as the share allows, while answers are stored as they come."""
        while (
            self._claimed
            and not self._is_closing
            and not self._is_over
            and len(self._asking) < self.slots
            and _n_tasks(self._answered) <= MOST_STORED_AT_ONCE
        ):
            batch = self._claimed.popleft()
            asking = asyncio.create_task(self._ask(batch))
            self._asking[asking] = batch
        size = self.plan.job.batch_size
        if not self._claimed and 2 * self._ahead * self.slots * size <= MOST_AHEAD:
            self._ahead *= 2
        if len(self._claimed) <= self._n_ahead() // 2:
            self._wake_claimer.set()

    async def _ask(self, batch: Batch) -> None:
        try:
            self._answered += await self.patience.found(batch)
        except Abandoned:
            pass
        except Ending as fault:
            self._close(fault)
        except Gone as gone:
            self._close(gone.fault)
        except Exception:
            log.exception("job %s, tasks %s", self.job_id, batch.ids)
            self._answered += [
                readings.failed(task_id, "InternalError", readings.WRONG_HERE)
                for task_id in batch.ids
            ]
        finally:
            current = asyncio.current_task()
            if current is not None:
                self._asking.pop(current, None)
            self._wake_storer.set()
            self._begin_requests()

    async def _store_all(self) -> None:
        """Stores answers as they gather: what came while the last was written goes together."""
        while True:
            await threads.awakened(self._wake_storer, None)
            while self._answered and not self._is_over:
                if self._asking and _n_tasks(self._answered) < FEW:
                    await asyncio.sleep(GATHER_S)
                while self._answered and _n_tasks(self._storing) < MOST_STORED_AT_ONCE:
                    self._storing.append(self._answered.pop(0))
                if self._storing:
                    await self._store(self._storing)
                self._storing = []
                self._begin_requests()

    async def _store(self, found: list[Found]) -> None:
        self._learn(await self._in_database(self._read_and_store, found))

    def _read_and_store(self, found: list[Found]) -> str:
        return outcomes.store_or_fail(self.job_id, readings.read(found), owner=self.holder.id)


def _n_tasks(found: Iterable[Found]) -> int:
    return sum(len(one.task_ids) for one in found)
