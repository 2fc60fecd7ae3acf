"""Waits beside an event loop end when they are told to, whatever else happens at that moment."""

import asyncio

import pytest

from predictions_api.jobs import threads


@pytest.mark.parametrize("n_steps", range(6))
def test_a_cancel_at_the_moment_of_the_event_is_not_lost(n_steps: int) -> None:
    async def wait_for_ever(event: asyncio.Event) -> None:
        while True:
            await threads.awakened(event, 30.0)

    async def told_to_end() -> None:
        event = asyncio.Event()
        waiting = asyncio.create_task(wait_for_ever(event))
        await asyncio.sleep(0)
        event.set()
        for _ in range(n_steps):
            await asyncio.sleep(0)
        await asyncio.wait_for(threads.ended([waiting]), 5.0)

    asyncio.run(told_to_end())


def test_a_wait_ends_with_its_event_or_its_time() -> None:
    async def waits() -> list[bool]:
        event = asyncio.Event()
        await threads.awakened(event, 0.0)
        event.set()
        await threads.awakened(event, None)
        return [event.is_set()]

    assert asyncio.run(waits()) == [False]
