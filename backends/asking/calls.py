"""Calls to a backend: one request each, bounded in time and size as a whole.

The address is checked at each connection, no redirect is followed and no proxy used (see
`predictions_api.outbound`). Neither credentials nor answers are logged.
"""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

import httpx2

from backends.asking import answers
from backends.asking.faults import MOST_MESSAGE, Away, Ending, TooLarge, Wrong
from predictions_api.http.storable import bulk_json_text
from predictions_api.outbound import client, exchanges, waits

MAX_PREDICTED_BYTES = 64 * 2**20
MAX_OTHER_BYTES = 2**20
BUSY = frozenset({408, 425, 429, 502, 503, 504})
REFUSED = frozenset({401, 403})
VERSIONS_LIMIT_S = 3.0
TRAINING_LIMIT_S = 100.0
USER_AGENT = b"predictions-api"
JSON = (b"Content-Type", b"application/json")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a backend is, and with which name and password; these are never shown."""

    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def route(self, name: str) -> str:
        """The URL of one of its routes.

        >>> Address("http://h/base").route("predict")
        'http://h/base/predict'
        """
        return f"{self.url if self.url.endswith('/') else self.url + '/'}{name}"

    @property
    def authorization(self) -> str:
        """The header of that name, "" without credentials: they are sent if there are both."""
        if not self.user or not self.password:
            return ""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Basic {pair}"


class Caller:
    """Asks one backend; to be closed. Every method raises the faults of `asking.faults`."""

    def __init__(self, address: Address, *, max_connections: int = 1) -> None:
        self._routes: dict[str, exchanges.Target] = {}
        self._address = address
        self._headers = [(b"Accept", b"*/*"), (b"User-Agent", USER_AGENT)]
        if address.authorization:
            self._headers.append((b"Authorization", address.authorization.encode()))
        self._connections = exchanges.Connections(
            most=max_connections, most_bytes=MAX_PREDICTED_BYTES
        )

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends its connections."""
        await self._connections.close()

    async def health(self, limit_s: float) -> dict[str, Any]:
        """GET /health: an object."""
        return answers.object_in(await self._exchange("GET", "health", None, limit_s))

    async def setup(self, body: dict[str, Any], limit_s: float) -> str:
        """POST /setup: the version that the backend names, "" for none."""
        content = await self._exchange("POST", "setup", bulk_json_text(body), limit_s)
        return answers.version_of(answers.object_in(content)) or ""

    async def predict(self, body: bytes, limit_s: float) -> bytes:
        """POST /predict: the answer as it came."""
        return await self._exchange("POST", "predict", body, limit_s, MAX_PREDICTED_BYTES)

    async def versions(self) -> list[str]:
        """GET /versions."""
        return answers.versions_in(await self._exchange("GET", "versions", None, VERSIONS_LIMIT_S))

    async def tell(self, body: bytes, limit_s: float = TRAINING_LIMIT_S) -> None:
        """POST /webhook; whatever it answers."""
        await self._exchange("POST", "webhook", body, limit_s)

    async def _exchange(
        self,
        method: str,
        route: str,
        body: bytes | None,
        limit_s: float,
        most_bytes: int = MAX_OTHER_BYTES,
    ) -> bytes:
        """The body of an answer that is well."""
        headers = self._headers if body is None else [*self._headers, JSON]
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._connections.exchange(
                    method, self._target(route), headers, body, enough_bytes=most_bytes + 1
                )
        except TimeoutError:
            raise Away(f"No answer within {limit_s:g} s.", kind="Timeout") from None
        except client.Unresolved as error:
            raise Away(str(error)) from None
        except client.Blocked as error:
            raise Ending(str(error), kind="Blocked") from None
        except httpx2.TimeoutException:
            raise Away("It does not accept connections in time.", kind="Timeout") from None
        except httpx2.DecodingError as error:
            raise Wrong(str(error), kind=answers.INVALID) from None
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            if "longer than" in str(error):
                raise TooLarge(str(error)) from None
            raise Away(f"The connection failed: {_cause(error)}") from None
        if len(answer.content) > most_bytes:
            raise TooLarge(f"The answer is longer than {most_bytes:,} bytes.")
        return _well(answer)

    def _target(self, route: str) -> exchanges.Target:
        """Read once. InvalidURL for what is none."""
        if route not in self._routes:
            self._routes[route] = exchanges.target(self._address.route(route))
        return self._routes[route]


def _well(answer: exchanges.Answer) -> bytes:
    """The content of an answer with a status of success; the fault that any other is."""
    status, content = answer.status, answer.content
    if 200 <= status < 300:
        return content
    text = content[: 4 * MOST_MESSAGE].decode("utf-8", "replace").replace("\0", "")
    message = f"{status}: {text[:MOST_MESSAGE]}".rstrip(": ")
    if status in BUSY:
        raise Away(message, retry_after_s=waits.retry_after(answer.headers))
    if status in REFUSED:
        raise Ending(f"The credentials are missing or wrong: {message}", kind="Unauthorized")
    if 300 <= status < 400:
        raise Ending(f"{status}: it redirects, which is not followed.", kind="Blocked")
    raise Wrong(message, status=status)


def _cause(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
