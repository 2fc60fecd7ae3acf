"""Retry-After in each form that HTTP knows, as a provider may send it."""

import pytest
import time_machine

from predictions_api.outbound.waits import MAX_RETRY_AFTER_S, retry_after

NOW = "2026-11-28T12:00:00Z"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Sat, 28 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Saturday, 28-Nov-26 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat Nov 28 12:00:30 2026"}, 30.0),
        ({"retry-after": "Sat, 28 Nov 2026 12:00:30"}, 30.0),
        ({"retry-after": "Sat, 28 Nov 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Sat, 28 Nov 2026 23:00:00 GMT"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "Sat, 28 Nov 2026 11:00:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 99 Nov 99999 99:99:99"}, None),
    ],
    ids=str,
)
def test_seconds_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    with time_machine.travel(NOW, tick=False):
        assert retry_after(headers) == seconds
