"""One attempt to deliver: the request, its bounded answer, and what that means."""

import asyncio
import time
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from backends.delivery import signatures
from predictions_api.outbound import client, exchanges, waits

USER_AGENT = "predictions-api-webhooks/1.0"
#: Of an answer so much is read, and so much of it is kept.
MOST_READ_BYTES = 64 * 1024
MOST_KEPT_CHARACTERS = 1000
MOST_WAIT_S = 86_400.0
GONE = 410
#: Answers whose `Retry-After` counts.
BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: a status, or none and what went wrong instead."""

    status_code: int | None
    error: str
    duration_ms: int
    body: str = ""
    #: Seconds that the receiver asked us to wait, 0 where it did not.
    retry_after_s: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


def request_headers(custom: dict[str, str], signature: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Ours, the custom ones in their place where they have the same name, and the signature."""
    ours = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    named = {name.lower(): (name, value) for name, value in (ours | custom | signature).items()}
    return [(name.encode(), value.encode()) for name, value in named.values()]


@lru_cache(maxsize=256)
def _target(url: str) -> exchanges.Target:
    """Read once for all deliveries to it."""
    return exchanges.target(url)


async def attempt(
    connections: exchanges.Connections,
    url: str,
    body: bytes,
    *,
    message_id: str,
    secrets: list[str],
    headers: dict[str, str],
    timeout_s: float,
) -> Answer:
    """Posts the body once, signed for this moment. Never raises for what the receiver does."""
    began = time.monotonic()
    signature = signatures.signed(
        body, message_id=message_id, timestamp=int(time.time()), keys=secrets
    )

    def failed(error: str) -> Answer:
        return Answer(None, error, _since(began))

    try:
        async with asyncio.timeout(timeout_s):
            answer = await connections.exchange(
                "POST",
                _target(url),
                request_headers(headers, signature),
                body,
                enough_bytes=MOST_READ_BYTES,
            )
    except client.Unresolved:
        return failed("Unresolved")
    except client.Blocked:
        return failed("Blocked")
    except (TimeoutError, httpx2.TimeoutException):
        return failed(f"No whole answer within {timeout_s:g} s.")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return failed(f"{type(error).__name__}: {error}".rstrip(": "))
    code = answer.status
    reason = "" if 200 <= code < 300 else f"Answered {code}."
    if 300 <= code < 400:
        reason = f"Answered {code}: redirects are not followed."
    wait_s = _seconds(answer.headers.get("retry-after", "")) if code in BUSY else 0.0
    return Answer(code, reason, _since(began), _beginning(answer.content), wait_s)


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _beginning(content: bytes) -> str:
    """The answer's first characters."""
    # A character has four bytes at most.
    text = content[: 4 * MOST_KEPT_CHARACTERS].decode("utf-8", "replace")
    # Postgres keeps no NUL.
    return text[:MOST_KEPT_CHARACTERS].replace("\0", "\ufffd")


def _seconds(text: str) -> float:
    """Of a `Retry-After`: seconds or a date; at most a day, 0 for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_WAIT_S)
    return min(max(waits.until(text) or 0.0, 0.0), MOST_WAIT_S)
