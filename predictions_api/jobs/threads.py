"""Database calls of a job beside its event loop: threads that wait out outages, and waits."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import Error, connection

from predictions_api.jobs import retries

T = TypeVar("T")


async def in_thread(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    """The call's result, however long the database is away."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(thread, partial(retries.while_database_is_away, call))


def connected(thread: ThreadPoolExecutor) -> None:
    """Has the thread open its connection now, so that its first call need not wait for that."""
    thread.submit(_connect)


def _connect() -> None:
    """As the thread that calls it. The first call waits out a database that is away, not this."""
    with contextlib.suppress(Error):
        connection.ensure_connection()


async def disconnected(thread: ThreadPoolExecutor) -> None:
    """Returns when the thread has done what it was given, and has closed its connection."""
    await asyncio.get_running_loop().run_in_executor(thread, _disconnect)


def _disconnect() -> None:
    """Closes the connection of the thread that calls it."""
    connection.close()


async def awakened(event: asyncio.Event, timeout_s: float | None) -> None:
    """Waits for the event, or the time, and clears it.

    Not by `asyncio.wait_for`, which up to Python 3.11 forgets a cancel that comes at the moment
    of the event: whoever waits for the task to end would wait for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    event.clear()


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels tasks and waits until they have ended; what they raise is theirs."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
