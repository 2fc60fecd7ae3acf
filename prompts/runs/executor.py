"""Executes one run: claims its tasks, asks the model, stores what comes of them.

An event loop sends the requests, as many at once as the connection's share allows; one thread of
its own talks to the database, in batches: claims ahead of the requests, outcomes as they gather
while the last batch is being stored. Nothing is kept here that a killed worker would take along
but the requests in flight and the answers of the last few milliseconds.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from predictions_api.jobs import retries, stopping, threads
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder
from predictions_api.postgres.outages import is_outage
from prompts.asking import messages as prompting
from prompts.asking import outcome as answers
from prompts.asking import providers
from prompts.asking.answers import single_choice
from prompts.asking.outcome import Outcome
from prompts.asking.providers import Answer, RunError, Temporary
from prompts.db import items
from prompts.db.items import Claim
from prompts.models import ModelRun
from prompts.runs import leases, outcomes, state
from prompts.runs import plan as planning

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# How often a stop is looked for, and how often a cancel while no answers come.
TICK_S = 0.2
LOOK_S = 1.0
MAX_STORED_AT_ONCE = 500


def execute(run_id: int, is_over: Callable[[], bool] = stopping.requested.is_set) -> None:
    """Works on the run until nothing is left of it, or it is to be handed over: when this process
    is asked to stop, or `is_over` says so.

    Returns at once for a run that has ended or that others have in hand. Never raises for what
    the provider does; a run that cannot go on has ended with the reason. After an error of ours the
    next worker goes on, so many times (`state.count_fault`). Raises where the database is away.
    """
    if not state.begin(run_id):
        state.fail_faulty(run_id)
        return
    try:
        plan = planning.plan_of(run_id)
        caller = partial(
            providers.Caller,
            plan.row,
            model=plan.model,
            max_connections=plan.row.max_concurrency,
        )
        asyncio.run(Executor(plan, is_over).work(caller))
    except RunError as error:
        state.fail(run_id, str(error))
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("run %s: its executor ended", run_id)
        state.count_fault(run_id)


class Abandoned(Exception):
    """The executor is closing: the task is left for the next one."""


class Executor:
    """One pass of work on a run, with an id of its own on every lease."""

    def __init__(self, plan: planning.Plan, is_over: Callable[[], bool]) -> None:
        self.plan = plan
        self._is_turn_over = is_over
        self.holder = Holder(settings.RUN_LEASE_S)
        self.slots = 0
        self._claimed: deque[Claim] = deque()
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._answered: list[Outcome] = []
        self._storing: list[Outcome] = []
        self._wake_claimer = asyncio.Event()
        self._wake_storer = asyncio.Event()
        self._wake_watch = asyncio.Event()
        self._paused_until = 0.0
        self._waiting: dict[int, str] = {}
        # No more requests begin; the verdict, if any, ends the run once the last has come back.
        self._is_closing = False
        self._verdict = ""
        # The run has ended: nothing that is still on its way counts.
        self._is_over = False
        # One thread, so one connection and one order of statements.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="run-database")
        self._format = prompting.response_format(plan.label_config)
        self._choice = single_choice(plan.label_config)

    async def work(self, make_caller: Callable[[], providers.Caller]) -> None:
        """Everything, from the first lease to the last. RunError where the caller has none."""
        self._caller = make_caller()
        loops: list[asyncio.Task[None]] = []
        try:
            await self._beat()
            loops = [asyncio.create_task(loop()) for loop in (self._claim_all, self._store_all)]
            await self._watch(loops)
            await threads.ended(self._asking.values())
            await threads.ended(loops[:1])
            await self._settle(loops[1])
        finally:
            await threads.ended([*self._asking.values(), *loops])
            await self._caller.close()
            await self._hand_over()
            self._database.shutdown()

    async def _watch(self, loops: list[asyncio.Task[None]]) -> None:
        """Renews the leases until the run is over, or closing with nothing in flight."""
        beat_s = settings.RUN_LEASE_S / 4
        next_beat, deadline = time.monotonic() + beat_s, float("inf")
        next_look = time.monotonic() + LOOK_S
        while not self._is_over and not (self._is_closing and not self._asking):
            await threads.awakened(self._wake_watch, TICK_S)
            for loop in loops:
                if loop.done():
                    loop.result()  # a loop ends by a fault only
            now = time.monotonic()
            if deadline == float("inf") and (stopping.requested.is_set() or self._is_turn_over()):
                deadline = now + stopping.GRACE_S
                self._close()
            if now >= deadline:
                return
            if now >= next_beat:
                next_beat = now + beat_s
                await self._beat()
            elif now >= next_look:
                next_look = now + LOOK_S
                self._learn(await self._in_database(state.status_of, self.plan.run_id))

    async def _settle(self, storing: asyncio.Task[None]) -> None:
        """Stores the answers that came last, and pronounces the verdict."""
        while self._storing and not storing.done():
            await asyncio.sleep(TICK_S / 20)
        if storing.done():
            storing.result()
        if self._answered and not self._is_over:
            await self._store(self._answered)
        if self._verdict and not self._is_over:
            await self._in_database(state.fail, self.plan.run_id, self._verdict)

    async def _hand_over(self) -> None:
        """Gives back the leases: an open run is due for the next worker."""
        try:
            await self._in_database(leases.release, self.plan.run_id, self.holder)
        except (DatabaseError, InterfaceError):
            log.warning("run %s: the leases lapse by themselves", self.plan.run_id, exc_info=True)
        finally:
            await threads.disconnected(self._database)

    async def _in_database(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await threads.in_thread(self._database, partial(call, *args, **more))

    def _close(self, verdict: str = "", *, at_once: bool = False) -> None:
        """Begins no more requests; `at_once` gives up those in flight, too."""
        self._is_closing = True
        # Of two the last: it knows what answers in flight have cost.
        self._verdict = verdict or self._verdict
        for task in self._asking.values() if at_once else ():
            task.cancel()

    async def _beat(self) -> None:
        in_hand = [claim.task_id for claim in self._claimed]
        in_hand += [*self._asking, *(o.task_id for o in (*self._answered, *self._storing))]
        beat = await self._in_database(
            leases.heartbeat,
            self.plan.run_id,
            self.holder,
            self.plan.row.pk,
            in_hand=in_hand,
            n_asking=len(self._asking),
            note=self._note(),
        )
        self.slots = beat.slots
        self._learn(beat.status)
        self._begin_requests()

    def _note(self) -> str:
        if not self._waiting:
            return ""
        last = next(reversed(self._waiting.values()))
        return f"{len(self._waiting)} requests wait to be sent again. The last error: {last}"

    async def _claim_all(self) -> None:
        """Keeps a share's worth of tasks claimed ahead of the requests."""
        while True:
            wanted = 2 * self.slots - len(self._claimed)
            if self._is_closing or wanted <= self.slots:
                await threads.awakened(self._wake_claimer, TICK_S)
                continue
            found = await self._in_database(items.claim, self.plan.run_id, self.holder, wanted)
            self._claimed.extend(found)
            self._begin_requests()
            if len(found) < wanted:
                await self._look_around()
                await asyncio.sleep(min(1.0, settings.RUN_LEASE_S / 10))

    async def _look_around(self) -> None:
        """With nothing left to do here, the run is over, or others have the rest in hand."""
        if self._asking or self._answered or self._storing or self._claimed:
            return
        self._learn(await self._in_database(state.status_of, self.plan.run_id))

    def _learn(self, status: str) -> None:
        """Takes note of the run's status; of its end, at once."""
        if status != ModelRun.Status.IN_PROGRESS:
            self._is_over = True
            self._wake_watch.set()

    def _begin_requests(self) -> None:
        """Sends as many requests as the share allows, while answers are stored as they come."""
        while (
            self._claimed
            and not self._is_closing
            and not self._is_over
            and len(self._asking) < self.slots
            and len(self._answered) + len(self._storing) < self.slots
        ):
            claim = self._claimed.popleft()
            self._asking[claim.task_id] = asyncio.create_task(self._ask(claim))
        if len(self._claimed) < self.slots:
            self._wake_claimer.set()

    async def _ask(self, claim: Claim) -> None:
        try:
            self._answered.append(await self._outcome(claim))
        except Abandoned:
            pass
        except RunError as error:
            self._close(str(error), at_once=True)
        except Exception:
            log.exception("run %s, task %s", self.plan.run_id, claim.task_id)
            self._answered.append(
                answers.failure(claim.task_id, "InternalError", "Something went wrong here.")
            )
        finally:
            self._waiting.pop(claim.task_id, None)
            self._asking.pop(claim.task_id, None)
            self._wake_storer.set()
            self._begin_requests()

    async def _outcome(self, claim: Claim) -> Outcome:
        """What the model says of a task, after as many tries as it takes or as there are."""
        if claim.attempts > MOST_ATTEMPTS:
            return answers.failure(
                claim.task_id, "WorkerLost", f"{MOST_ATTEMPTS} workers ended on this task."
            )
        try:
            data = planning.data_of(claim.data)
            messages = planning.messages_for(self.plan, claim.task_id, data)
        except prompting.Unpromptable as error:
            return answers.failure(claim.task_id, "InvalidTask", str(error))
        started = time.monotonic()
        for n in range(1, settings.PROVIDER_TRIES + 1):
            await self._gate()
            try:
                answer = await self._caller.ask(messages, self._format)
            except providers.Refusal as error:
                kind, said = error.kind, str(error)
                return answers.failure(claim.task_id, kind, said, tries=n, took=error.took)
            except Temporary as error:
                fault = error
                self._waiting[claim.task_id] = f"{error.kind}: {error}"
                if n < settings.PROVIDER_TRIES:
                    await self._back_off(error, n)
            else:
                return self._read(claim.task_id, data, answer, n)
        took = {"inference_time": time.monotonic() - started}
        message = f"{fault} Tried {settings.PROVIDER_TRIES} times."
        return answers.failure(
            claim.task_id, fault.kind, message, tries=settings.PROVIDER_TRIES, took=took
        )

    async def _gate(self) -> None:
        """Waits out a rate limit that any request of this executor has met."""
        while (wait_s := self._paused_until - time.monotonic()) > 0:
            await self._pause(wait_s)

    async def _back_off(self, error: Temporary, n: int) -> None:
        wait_s = retries.wait_s(
            n, settings.PROVIDER_BACKOFF_S, jitter=0.25, least_s=error.retry_after or 0.0
        )
        if error.is_rate_limit:
            self._paused_until = max(self._paused_until, time.monotonic() + wait_s)
        await self._pause(wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Sleeps. Abandoned when the executor closes meanwhile."""
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            if self._is_closing:
                raise Abandoned
            await asyncio.sleep(min(left_s, TICK_S))
        if self._is_closing:
            raise Abandoned

    def _read(self, task_id: int, data: dict[str, Any], answer: Answer, n: int) -> Outcome:
        """The answer as a prediction; as a failure where the labelling config forbids it."""
        took = {**self._caller.took(answer), "extra": {"tries": n} if n > 1 else None}
        config = self.plan.label_config
        return answers.outcome_of(config, self._choice, task_id, data, answer, took)

    async def _store_all(self) -> None:
        """Stores answers as they gather: a batch is what came while the last was written."""
        while True:
            await threads.awakened(self._wake_storer, None)
            while self._answered and not self._is_over:
                self._storing = self._answered[:MAX_STORED_AT_ONCE]
                del self._answered[: len(self._storing)]
                await self._store(self._storing)
                self._storing = []
                self._begin_requests()

    async def _store(self, batch: list[Outcome]) -> None:
        stored = await self._in_database(
            outcomes.store_or_fail, self.plan.run_id, batch, owner=self.holder.id
        )
        self._learn(stored.status)
        if stored.spent:
            self._close(stored.spent)
