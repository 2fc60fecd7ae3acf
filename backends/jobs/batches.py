"""Asks a backend about one batch of tasks, as often and as patiently as it takes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from backends.asking import answers, bodies
from backends.asking.calls import Caller
from backends.asking.faults import Away, Fault, TooLarge, Uneven, Wrong
from backends.jobs import readings
from backends.jobs.readings import Config, Found, Unread
from predictions_api.jobs import retries

TICK_S = 0.2
MOST_WAIT_S = 30.0
JITTER = 0.25


class Batch(NamedTuple):
    """Tasks by their ids and as they are sent, JSON, with how their project is configured."""

    config: Config
    ids: Sequence[int]
    texts: Sequence[bytes]

    @property
    def body(self) -> bytes:
        """What is sent."""
        return bodies.spliced(self.texts, self.config.beside_tasks)

    @property
    def n_bytes(self) -> int:
        """How large the tasks are."""
        return sum(map(len, self.texts))

    def singles(self) -> "list[Batch]":
        """Each task by itself."""
        pairs = zip(self.ids, self.texts, strict=True)
        return [self._replace(ids=[id_], texts=[text]) for id_, text in pairs]


class Abandoned(Exception):
    """The worker is closing: the tasks are left for the next one."""


class Gone(Exception):
    """The backend was away for longer than a job waits; `fault` is what it did last."""

    def __init__(self, fault: Away) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Patience:
    """How one worker of one job asks its backend: retries, waits, and splits what fails.

    `is_closing` says whether to give up waiting, `on_uneven` is called once answers do not fit.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        timeout_s: float,
        model_version: str,
        asks_singly: bool,
        since_answer_s: float,
        is_closing: Callable[[], bool],
        on_uneven: Callable[[], None],
    ) -> None:
        self.caller = caller
        self.model_version = model_version
        self.asks_singly = asks_singly
        #: What it waits for now, in words; "" for nothing.
        self.note = ""
        self._timeout_s = timeout_s
        self._answered = time.monotonic() - since_answer_s
        self._is_closing = is_closing
        self._on_uneven = on_uneven
        self._paused_until = 0.0
        self._outage = asyncio.Lock()

    async def found(self, batch: Batch) -> list[Found]:
        """What the backend says of each task. Ending or Gone where the job is to end, Abandoned
        where the worker is.
        """
        if self.asks_singly and len(batch.ids) > 1:
            return await self._singly(batch)
        n_tries, n_away, n_wrong = 0, 0, 0
        while True:
            await self._pause(self._paused_until - time.monotonic())
            n_tries += 1
            try:
                answer = await self._answer(batch)
            except (Uneven, TooLarge) as fault:
                if isinstance(fault, Uneven) and len(batch.ids) > 1:
                    self.asks_singly = True
                    self._on_uneven()
                return await self._split(batch, fault, n_tries)
            except Wrong as fault:
                n_wrong += 1
                if n_wrong > 1:
                    return await self._split(batch, fault, n_tries)
            except Away as fault:
                n_away += 1
                is_slow = fault.kind == "Timeout" and (
                    len(batch.ids) > 1 or n_away >= settings.ML_TRIES
                )
                if is_slow and await self._is_well():
                    return await self._split(batch, fault, n_tries)
                if n_away < settings.ML_TRIES:
                    await self.back_off(fault, n_away)
                else:
                    await self.wait_out(fault)
                    n_away = 0
            else:
                version = self._version(answer)
                return [Unread(batch.config, batch.ids, answer.items, version, n_tries)]

    async def _answer(self, batch: Batch) -> answers.Answer:
        content = await self.caller.predict(batch.body, self._timeout_s)
        answer = answers.read(content, len(batch.ids))
        self._answered = time.monotonic()
        self.note = ""
        return answer

    def _version(self, answer: answers.Answer) -> str:
        return self.model_version if answer.model_version is None else answer.model_version

    async def _split(self, batch: Batch, fault: Fault, n_tries: int) -> list[Found]:
        """The tasks one by one; of a single one, the failure."""
        if len(batch.ids) == 1:
            return [readings.failed_by(batch.ids[0], fault, tries=n_tries)]
        return readings.with_tries(await self._singly(batch), n_tries)

    async def _singly(self, batch: Batch) -> list[Found]:
        found: list[Found] = []
        for single in batch.singles():
            if self._is_closing():
                raise Abandoned
            found += await self.found(single)
        return found

    async def _is_well(self) -> bool:
        try:
            await self.caller.health(settings.ML_TIMEOUT_HEALTH)
        except (Away, Wrong):
            return False
        return True

    async def back_off(self, fault: Away, n: int) -> None:
        """Waits before the next try, after the nth failure in a row."""
        asked_s = fault.retry_after_s or 0.0
        wait_s = retries.wait_s(n, settings.ML_BACKOFF_S, jitter=JITTER, least_s=asked_s)
        if asked_s:
            self._paused_until = max(self._paused_until, time.monotonic() + wait_s)
        await self._pause(wait_s, fault)

    async def wait_out(self, fault: Away) -> None:
        """Returns once /health is well again. Gone after ML_OUTAGE_S without a good answer."""
        async with self._outage:
            n = 0
            while True:
                n += 1
                if time.monotonic() - self._answered > settings.ML_OUTAGE_S:
                    raise Gone(fault)
                first_s = min(1.0, settings.ML_BACKOFF_S)
                await self._pause(
                    retries.wait_s(
                        n, first_s, most_s=MOST_WAIT_S, least_s=fault.retry_after_s or 0.0
                    ),
                    fault,
                )
                if await self._is_well():
                    return

    async def _pause(self, wait_s: float, fault: Fault | None = None) -> None:
        """Sleeps. Abandoned when the worker closes meanwhile."""
        if fault is not None and wait_s > TICK_S:
            at = datetime.now(UTC) + timedelta(seconds=wait_s)
            self.note = f"The backend does not answer; next try at {at:%H:%M:%S} UTC. {fault}"
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            if self._is_closing():
                raise Abandoned
            await asyncio.sleep(min(left_s, TICK_S))
        if self._is_closing():
            raise Abandoned
