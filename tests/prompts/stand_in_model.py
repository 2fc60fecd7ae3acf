"""A rule-based stand-in for a language model, behind OpenAI's chat protocol.

    python tests/prompts/stand_in_model.py --port 9000 --latency-ms 50

It understands nothing: it answers `{"sentiment": "pos"}` to a message with the word "good", else
`{"sentiment": "neg"}`; what it does
beside that is told by words in the task or by POST /control:

* `garbage`, `wrong-label`, `hang`, `drop`, `refuse`, `trickle`, `silent`, `chatter`, `void` in a
  message: no JSON, an unknown label, no answer, a closed connection, status 400, ten spaces a
  second without an end, an answer without a text, one that is too long, one without choices.
* /control takes {"mode": m, "for_requests": n, "for_s": s, "status": c, "retry_after": s}: the
  next n requests, or all of the next s seconds, are answered in that mode. {"usages": {word: u}}
  reports u as what a message with that word took; {"tokens": [[text, logprob]]} answers these,
  and [text, logprob, bytes] is a token that holds a part of a character.

It counts: GET /counts tells requests, answers, the most in flight at once, and how often each
message came. It needs nothing but Python.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from typing import Any

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
WORDS = ("garbage", "wrong-label", "hang", "drop", "refuse", "trickle", "silent", "chatter", "void")
TRICKLED = -1
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


class StandIn:
    """The state of one server."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.control: dict[str, Any] = {}
        self.reset()

    def reset(self) -> None:
        self.requests = self.answers = self.in_flight = self.most_in_flight = self.trickling = 0
        self.messages: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.last: dict[str, Any] = {}

    def counts(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answers": self.answers,
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "trickling": self.trickling,
            "messages": self.messages,
            "keys": self.keys,
            "last": self.last,
        }

    def set_mode(self, control: dict[str, Any]) -> None:
        if control.pop("reset", False):
            self.reset()
        if "latency_s" in control:
            self.latency_s = control.pop("latency_s")
        self.control = {**control, "until": time.monotonic() + control.get("for_s", 1e9)}

    def mode(self, text: str) -> str:
        left = self.control.get("for_requests", 1)
        if self.control.get("mode") and left > 0 and time.monotonic() < self.control["until"]:
            if "for_requests" in self.control:
                self.control["for_requests"] = left - 1
            return str(self.control["mode"])
        return next((word for word in WORDS if word in text), "answer")

    @property
    def tokens(self) -> list[list[Any]]:
        found: list[list[Any]] = self.control["tokens"]
        return found

    async def complete(self, body: dict[str, Any], key: str) -> tuple[int, Any, dict[str, str]]:
        """(status, document, headers); status 0 closes the connection."""
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else json.dumps(content)
        self.requests += 1
        self.messages[text] += 1
        self.keys[key] += 1
        self.last = body
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._completed(self.mode(text), text, body)
        finally:
            self.in_flight -= 1

    async def _completed(
        self, mode: str, text: str, body: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        if mode == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.latency_s)
        if mode in {"drop", "trickle"}:
            return 0 if mode == "drop" else TRICKLED, None, {}
        if mode in {"refuse", "status"}:
            code = self.control.get("status", 400) if mode == "status" else 400
            wait = self.control.get("retry_after")
            headers = {} if wait is None else {"Retry-After": str(wait)}
            headers.update({"Location": "http://127.0.0.1:1/v1"} if 300 <= code < 400 else {})
            said = self.control.get("message", f"You get a {code}.")
            return code, {"error": {"message": said, "code": None}}, headers
        self.answers += 1
        usages = self.control.get("usages", {})
        usage = next((usages[word] for word in usages if word in text), USAGE)
        document = self._document(self._answer(mode, text), body, usage)
        return 200, {**document, "choices": []} if mode == "void" else document, {}

    def _answer(self, mode: str, text: str) -> str | None:
        if mode == "silent":
            return None
        if mode == "chatter":
            return "so " * 400_000
        if "tokens" in self.control:
            parts = (bytes(more[0]) if more else token.encode() for token, _, *more in self.tokens)
            return b"".join(parts).decode()
        if mode == "garbage":
            return "I am sure I would rather talk about the weather."
        if mode == "wrong-label":
            return json.dumps({"sentiment": "purple"})
        if "answer" in self.control:
            return json.dumps(self.control["answer"])
        return json.dumps({"sentiment": "pos" if "good" in text else "neg"})

    def _document(self, answer: str | None, body: dict[str, Any], usage: Any) -> dict[str, Any]:
        logprobs = None
        if body.get("logprobs"):
            tokens = self.control.get("tokens", [(answer, -0.5)])
            logprobs = {
                "content": [
                    {"token": t, "logprob": p, "bytes": more[0] if more else None}
                    for t, p, *more in tokens
                ]
            }
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", ""),
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": answer},
                    "logprobs": logprobs,
                }
            ],
            "usage": usage,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _trickle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Until whoever asked has left."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        self.trickling += 1
        try:
            while not reader.at_eof():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        finally:
            self.trickling -= 1
        return False

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        verb, path, _ = head[0].split(" ", 2)
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        sent: dict[str, str] = {}
        if path == "/control":
            self.set_mode(json.loads(body))
            code, document = 200, {}
        elif path == "/counts":
            code, document = 200, self.counts()
        elif path.endswith("/chat/completions") and verb == "POST":
            key = headers.get("authorization", "").removeprefix("Bearer ")
            code, document, sent = await self.complete(json.loads(body), key)
        else:
            code, document = 404, {"error": {"message": f"No {path} here."}}
        if code == 0:
            return False
        if code == TRICKLED:
            return await self._trickle(reader, writer)
        answer = json.dumps(document).encode()
        lines = [f"HTTP/1.1 {code} {REASONS.get(code, 'Status')}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        lines += [f"Content-Length: {len(answer)}", "", ""]
        writer.write("\r\n".join(lines).encode() + answer)
        await writer.drain()
        return True


async def main(port: int, latency_s: float) -> None:
    stand_in = StandIn(latency_s)
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", port, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(main(given.port, given.latency_ms / 1000))
