"""How large an answer of a provider may be: counted as it is unpacked, whatever came by wire."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from typing import Any

import httpx2
import pytest

from predictions_api.outbound import client, sockets
from prompts.asking import providers
from prompts.models import ProviderConnection

MESSAGES = [{"role": "user", "content": "good"}]
TEXT = '{"sentiment": "pos"}'


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True


def chat(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def bomb(n_bytes: int) -> bytes:
    """A gzip file of so many spaces, a thousandth of that in size."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b" " * 2**20
    return b"".join([*(packer.compress(piece) for _ in range(n_bytes >> 20)), packer.flush()])


async def asked(row: ProviderConnection, body: bytes, coding: str) -> tuple[str, str]:
    """What comes of a provider that answers so: the text, and what it was asked for."""
    wanted: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        wanted.extend(line for line in head.split("\r\n") if line.startswith("accept-encoding"))
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", f"Content-Encoding: {coding}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        row.endpoint = f"http://127.0.0.1:{port}/v1"
        caller = providers.Caller(row, model="m", max_connections=1)
        try:
            answer = await caller.ask(MESSAGES, None)
        finally:
            await caller.close()
    return answer.text, wanted[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("identity", chat(TEXT)),
        ("gzip", gzip.compress(chat(TEXT), mtime=0)),
        ("deflate", zlib.compress(chat(TEXT))),
    ],
    ids=["identity", "gzip", "deflate"],
)
def test_what_is_read(connection_row: ProviderConnection, coding: str, packed: bytes) -> None:
    found = asyncio.run(asked(connection_row, packed, coding))
    assert found == (TEXT, "accept-encoding: identity")


LONG = "The connection failed: The answer is longer than 8,000,000 bytes."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("coding", "packed", "kind", "message"),
    [
        ("gzip", bomb(50 << 20), "APIConnectionError", LONG),
        ("deflate", zlib.compress(bytes(9_000_000)), "APIConnectionError", LONG),
        ("identity", b" " * 8_000_001, "APIConnectionError", LONG),
        ("gzip", b"no gzip", "APIConnectionError", "incorrect header check"),
        ("br", b"x", "APIConnectionError", "The answer is in 'br', which nobody asked for."),
        ("identity", chat("x" * 1_000_001), "AnswerTooLong", "over 1,000,000 bytes"),
    ],
    ids=["gzip-bomb", "deflate-bomb", "long", "no-gzip", "brotli", "long-text"],
)
def test_what_is_not(
    connection_row: ProviderConnection, coding: str, packed: bytes, kind: str, message: str
) -> None:
    with pytest.raises((providers.Temporary, providers.Refusal), match=message) as refused:
        asyncio.run(asked(connection_row, packed, coding))
    assert getattr(refused.value, "kind", None) == kind


def test_a_bomb_is_never_whole_in_memory() -> None:
    """A tenth of a megabyte that unpacks to a tenth of a gigabyte."""
    packed = bomb(100 << 20)
    assert len(packed) < 120_000

    class Packed(httpx2.AsyncByteStream):
        async def __aiter__(self):
            yield packed

    async def unpacked() -> int:
        length = 0
        try:
            async for piece in client.Unpacked(Packed()):
                length += len(piece)
        except httpx2.ReadError:
            return length
        pytest.fail("It was unpacked to its end.")

    tracemalloc.start()
    length = asyncio.run(unpacked())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length <= sockets.MAX_ANSWER_BYTES < length + client.Unpacked.PIECE_BYTES
    assert peak < 4_000_000
