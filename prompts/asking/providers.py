"""Who answers a prompt: where each provider is, what a call takes, and what its errors mean.

Every provider speaks OpenAI's chat protocol; the `openai` package is loaded by the first call.
No key ever stands in an error: what a provider echoes is struck out.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from predictions_api.outbound import client, vault
from predictions_api.outbound.waits import retry_after
from prompts.asking.probability import token_bytes
from prompts.asking.usage import a_cost, token_counts
from prompts.models import Provider, ProviderConnection

if TYPE_CHECKING:
    from openai import AsyncOpenAI

BASE_URLS = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.GEMINI: "https://generativelanguage.googleapis.com/v1beta/openai",
    Provider.ANTHROPIC: "https://api.anthropic.com/v1",
}
AZURE = {Provider.AZURE_OPENAI, Provider.AZURE_AI_FOUNDRY}
VERTEX_URL = (
    "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}"
    "/endpoints/openapi"
)
# What Vertex calls the region that is everywhere.
VERTEX_GLOBAL_URL = (
    "https://aiplatform.googleapis.com/v1/projects/{project}/locations/global/endpoints/openapi"
)
GOOGLE = "google_application_credentials"
GOOGLE_TOKEN_S = 3600
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# What `request_params` may hold, for those who ask.
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "top_p": {"type": "number", "minimum": 0, "maximum": 1},
        "max_tokens": {"type": "integer", "minimum": 1},
        "seed": {"type": "integer"},
        "logprobs": {"type": "boolean"},
        "reasoning_effort": {"type": "string"},
        "response_format": {"type": ["object", "null"]},
    },
    "additionalProperties": True,
}
RETRIED_STATUSES = frozenset({408, 409, 425, 429})
# A provider that asks for more patience than this is treated as failing.
# Twice what the longest of today's models write; parsed it takes thirty times as much memory.
MAX_TEXT_BYTES = 1_000_000
STRUCK_OUT = "[key]"
#: Whether nobody waits for an answer any more.
IsUnwanted = Callable[[], bool]
LOOK_S = 1.0
#: Seconds, tokens and US dollars by the names that `prompts.asking.outcome.Outcome` has for them.
Took = dict[str, Any]
# The client draws a random key for each request, which only its own tries would send again.
UNREPEATED: Any = {"idempotency_key": "none"}


class RunError(Exception):
    """No request of the run can succeed: a refused key, an unknown model, a blocked address."""


class Temporary(Exception):
    """Worth another try, after `retry_after` seconds if the provider named them."""

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        # The whole provider is busy, not only this request.
        self.is_rate_limit = kind == "RateLimitError"


class Refusal(Exception):
    """The provider will not answer this request, however often it is sent.

    `took` is what an answer that is of no use took, as `Caller.took` has it: it is paid for.
    """

    def __init__(self, kind: str, message: str, took: "Took | None" = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.took: Took = took or {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the text, what it took, and how sure the model was of each token."""

    text: str
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    #: (bytes of a token, natural logarithm of its probability), in order.
    logprobs: list[tuple[bytes, float]]


class Caller:
    """A provider connection that can be asked. Belongs to one event loop; close it."""

    def __init__(self, row: ProviderConnection, *, model: str, max_connections: int) -> None:
        try:
            self._secrets = vault.unseal(row.encrypted_secrets)
        except vault.Unreadable as error:
            raise RunError(str(error)) from None
        self._hidden = hidden_texts(self._secrets)
        self._token, self._token_until = "", 0.0
        self._prices = (row.prompt_price_usd_per_million, row.completion_price_usd_per_million)
        self._params: dict[str, Any] = row.request_params or {}
        self._model = model_name(row, model)
        self._client = self._made(row, max_connections)

    def _made(self, row: ProviderConnection, max_connections: int) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        # A server of one's own may ask for none, but the protocol has to send something.
        key = self._secrets.get("api_key") or self._secrets.get("auth_token") or "none"
        is_google = row.provider == Provider.VERTEX_AI and GOOGLE in self._secrets
        if is_google:
            self._sign_token()
        return AsyncOpenAI(
            api_key=self._google_key if is_google else key,
            base_url=base_url(row),
            # Azure reads its own header; the others ignore it.
            default_headers={"api-key": key} if row.provider in AZURE else None,
            http_client=client.client(
                timeout_s=settings.PROVIDER_TIMEOUT_S, max_connections=max_connections
            ),
            # Tries are counted here, where they can be paused, stopped and reported.
            max_retries=0,
        )

    async def _google_key(self) -> str:
        """A token that is good for a while yet: a run may take longer than one lasts."""
        if time.time() >= self._token_until:
            self._sign_token()
        return self._token

    def _sign_token(self) -> None:
        self._token = google_token(self._secrets[GOOGLE])
        self._token_until = time.time() + GOOGLE_TOKEN_S - 600

    async def close(self) -> None:
        await self._client.close()

    async def ask(
        self,
        messages: list[Any],
        response_format: Mapping[str, Any] | None,
        *,
        within_s: float | None = None,
    ) -> Answer:
        """One request, one try. Temporary, Refusal or RunError, without a key in their text.

        The whole answer has to be there `within_s` seconds, by default PROVIDER_TIMEOUT_S: one that
        comes a byte a second is none.
        """
        import httpx2
        import openai

        body: dict[str, Any] = {"model": self._model, "messages": messages, **self._params}
        # `request_params` may ask for another format; null for a server that knows none.
        if body.setdefault("response_format", response_format) is None:
            del body["response_format"]
        started = time.monotonic()
        within_s = settings.PROVIDER_TIMEOUT_S if within_s is None else within_s
        try:
            # The client's own request, without its typed method, which walks through every
            # message and makes objects of the answer: a third of the CPU time (measured).
            async with asyncio.timeout(within_s):
                response = await self._client.post(
                    "/chat/completions", body=body, cast_to=httpx2.Response, options=UNREPEATED
                )
        except openai.APIStatusError as error:
            raise self._meaning(error) from None
        except (openai.APITimeoutError, TimeoutError):
            raise Temporary("APITimeoutError", f"No answer within {within_s:g} s.") from None
        except client.Unresolved as error:
            raise Temporary("APIConnectionError", str(error)) from None
        except client.Blocked as error:
            raise RunError(str(error)) from None
        except openai.APIConnectionError as error:
            cause = self._scrubbed(str(error.__cause__ or error))
            raise Temporary("APIConnectionError", f"The connection failed: {cause}") from None
        return self._read(response.content, time.monotonic() - started)

    def _read(self, content: bytes, seconds: float) -> Answer:
        """The answer. Refusal for one of no use, with what it took as far as it says."""
        took: Took = {}
        try:
            document = orjson.loads(content)
            usage = document.get("usage") or {}
            answer = Answer("", seconds, *token_counts(usage), a_cost(usage.get("cost")), [])
            took = self.took(answer)
            choice = document["choices"][0]
            text = choice["message"].get("content")
            refusal = choice["message"].get("refusal")
            tokens = ((choice.get("logprobs") or {}).get("content")) or []
            logprobs = [(token_bytes(t), float(t["logprob"])) for t in tokens]
        except (ValueError, LookupError, TypeError, AttributeError):
            message = "The provider's answer is not of the chat protocol."
            raise Refusal("InvalidResponse", message, took) from None
        if not isinstance(text, str):
            said = refusal if isinstance(refusal, str) else "The model gave no text."
            raise Refusal("EmptyAnswer", self._scrubbed(said), took)
        if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
            message = f"The model's text is over {MAX_TEXT_BYTES:,} bytes."
            raise Refusal("AnswerTooLong", message, took)
        return replace(answer, text=text, logprobs=logprobs)

    def took(self, answer: Answer) -> Took:
        """What an answer took. None for what nobody told, or has no price."""
        prompt_cost, completion_cost, total_cost = self._costs(answer)
        return {
            "inference_time": answer.seconds,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "prompt_cost": prompt_cost,
            "completion_cost": completion_cost,
            "total_cost": total_cost,
        }

    def _costs(self, answer: Answer) -> tuple[float | None, float | None, float | None]:
        """USD for the prompt, the answer, and both; None where no price is known."""
        pairs = zip(self._prices, (answer.prompt_tokens, answer.completion_tokens), strict=True)
        prompt, completion = (
            None if price is None or n is None else price * n / 1_000_000 for price, n in pairs
        )
        if answer.cost_usd is not None:
            return prompt, completion, answer.cost_usd
        if prompt is None and completion is None:
            return None, None, None
        return prompt, completion, (prompt or 0.0) + (completion or 0.0)

    def _meaning(self, error: Any) -> Exception:
        status, kind = error.status_code, type(error).__name__
        message = self._scrubbed(f"{status}: {_said(error)}")
        if 300 <= status < 400:
            return RunError(f"The provider's address redirects ({status}); enter the final one.")
        if status in {401, 403}:
            return RunError(f"The provider refuses the key ({message}).")
        if status == 404:
            return RunError(f"The provider knows no such model or address ({message}).")
        if status == 429 and "insufficient_quota" in str(error.code):
            return RunError(f"The provider's account has no quota left ({message}).")
        if status in RETRIED_STATUSES or status >= 500:
            return Temporary(kind, message, retry_after(error.response.headers))
        return Refusal(kind, message)

    def _scrubbed(self, text: str) -> str:
        """What a provider said, without keys and without what a database cannot hold."""
        text = text.replace("\0", "").encode(errors="replace").decode()
        for hidden in (*self._hidden, *filter(None, [self._token])):
            text = text.replace(hidden, STRUCK_OUT)
        return text[:1000]


def hidden_texts(secrets: Mapping[str, str]) -> list[str]:
    """What no message may hold, longest first: the secrets, and the texts within Google's file."""
    found = set(secrets.values())
    with contextlib.suppress(ValueError):
        document = json.loads(secrets.get(GOOGLE, ""))
        if isinstance(document, dict):
            found |= {str(document.get(name, "")) for name in ("private_key", "private_key_id")}
    # As it stands in JSON, too: a provider may echo the request it got.
    found |= {json.dumps(text)[1:-1] for text in found}
    return sorted(filter(None, found), key=len, reverse=True)


def _said(error: Any) -> str:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return str(error.message)


def base_url(row: ProviderConnection) -> str:
    """Where the connection's chat protocol is. RunError where that cannot be told."""
    endpoint = (row.endpoint or "").rstrip("/")
    if row.provider in AZURE:
        return endpoint if endpoint.endswith("/v1") else f"{endpoint}/openai/v1"
    if endpoint:
        return endpoint
    if row.provider == Provider.VERTEX_AI:
        if not (row.google_project_id and row.google_location):
            raise RunError("Vertex AI needs google_project_id and google_location.")
        url = VERTEX_GLOBAL_URL if row.google_location == "global" else VERTEX_URL
        return url.format(project=row.google_project_id, location=row.google_location)
    if row.provider not in BASE_URLS:
        raise RunError(f"{row.provider} needs an endpoint.")
    return BASE_URLS[Provider(row.provider)]


def model_name(row: ProviderConnection, model: str) -> str:
    """The model as the provider calls it: Azure's by its deployment."""
    return (row.deployment_name or model) if row.provider in AZURE else model


def google_token(credentials: str) -> str:
    """A token signed by the service account itself, good for an hour, without asking Google.

    https://google.aip.dev/auth/4111. RunError for credentials that are none.
    """
    import jwt

    now = int(time.time())
    try:
        account = json.loads(credentials)
        email = account["client_email"]
        claims = {
            "iss": email,
            "sub": email,
            "scope": GOOGLE_SCOPE,
            "iat": now,
            "exp": now + GOOGLE_TOKEN_S,
        }
        return jwt.encode(
            claims,
            account["private_key"],
            algorithm="RS256",
            headers={"kid": account.get("private_key_id")},
        )
    except (ValueError, LookupError, TypeError, jwt.PyJWTError):
        raise RunError("google_application_credentials is no service account's key.") from None


def ask_once(
    row: ProviderConnection,
    *,
    model: str,
    messages: list[Any],
    response_format: Mapping[str, Any] | None = None,
    within_s: float | None = None,
    is_unwanted: IsUnwanted | None = None,
) -> tuple[Answer, Took]:
    """One request from code that has no event loop, and what it took. Raises as `ask`.

    `is_unwanted` is asked every second; once it says so the answer is not waited for (Temporary).
    """

    async def ask() -> tuple[Answer, Took]:
        caller = Caller(row, model=model, max_connections=1)
        try:
            asking = asyncio.create_task(caller.ask(messages, response_format, within_s=within_s))
            while not (await asyncio.wait([asking], timeout=LOOK_S))[0]:
                if is_unwanted is not None and is_unwanted():
                    asking.cancel()
                    raise Temporary("Abandoned", "Whoever asked has left.")
            answer = asking.result()
            return answer, caller.took(answer)
        finally:
            await caller.close()

    return asyncio.run(ask())
