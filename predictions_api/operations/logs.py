"""Formats log lines: JSON, or readable text in a terminal.

Keys, tokens and passwords are struck out of every finished line, whoever wrote it (our code,
Django, the web server, a traceback), so that no caller has to remember it.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

STRUCK = "***"
# Named secrets. JSON has escaped its quotes by the time a line is searched, hence the backslashes.
NAMED = re.compile(
    # a parameter or a JSON member
    r"((?:api_key|apikey|token|refresh|access|password|secret)"
    r"(?:=|%3D|\\*[\"']\s*:\s*\\*[\"']))[^&\s\"'\\,;}]+"
    # a header, however it was spelled: everything up to the end of its value
    r"|(authorization\W{1,6}|x[-_]api[-_]key\W{1,6})[^\"'\\,}\n]+"
    # what follows the scheme of one, if it may be a key and is no word of a sentence
    r"|(\b(?:token|bearer)\s+)(?=\S*\d)[^\s\"'\\,}]+",
    re.IGNORECASE,
)
# Looked for before the expression runs: almost no line has one, and a search for a word is fast.
WORDS = (
    "api_key", "apikey", "api-key", "token", "refresh", "access", "password", "secret",
    "authorization", "bearer",
)  # fmt: skip
KEY = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{40}(?![0-9a-fA-F])")
SIGNED = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?")


def scrub(text: str) -> str:
    """The text with every secret in it struck out; the name it goes by stays."""
    lowered = text.lower()
    if any(word in lowered for word in WORDS):
        text = NAMED.sub(lambda found: f"{found[1] or found[2] or found[3]}{STRUCK}", text)
    if "eyJ" in text:
        text = SIGNED.sub(STRUCK, text)
    return KEY.sub(STRUCK, text)


# What the request at hand authorises itself with: struck out wherever an exception may quote it.
_credentials: ContextVar[tuple[str, ...]] = ContextVar("credentials", default=())
# Long enough for a key, and without the characters that JSON is made of.
CREDENTIAL = re.compile(r"[\w.~+/=-]{16,}")


def keep_out(*headers: str | None) -> None:
    """Strikes the credentials in these header values out of all lines of this request."""
    _credentials.set(tuple(word for text in headers if text for word in CREDENTIAL.findall(text)))


def _scrub_line(logger: Any, method: str, line: Any) -> Any:
    for credential in _credentials.get():
        line = line.replace(credential, STRUCK)
    return scrub(line)


def _as_json(line: Any, **_: Any) -> str:
    """One line of JSON; what orjson refuses (lone surrogates, odd keys) takes the slower way."""
    try:
        return orjson.dumps(line, default=str).decode()
    except TypeError:
        return json.dumps(line, default=str)


def _renderers(*, is_terminal: bool) -> list[Processor]:
    if is_terminal:
        # The default formatter prints local variables, and so what a request sent.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_as_json),
    ]


# Fields of every line.
CONTEXT: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
]

# No line names the place in the code, the thread or the process: looking for them took a fifth of
# writing it.
logging._srcfile = None  # as Python's documentation has it
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

structlog.configure(
    processors=[*CONTEXT, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def has_traceback(record: Any) -> bool:
    """Lets only records with an exception through: Django's other lines repeat ours."""
    return bool(record.exc_info)


def logging_config(level: str) -> dict[str, Any]:
    """The LOGGING setting: everything to standard error through one formatter."""
    to_console = {"handlers": ["console"], "propagate": False, "level": level}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "has_traceback": {"()": "django.utils.log.CallbackFilter", "callback": has_traceback}
        },
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderers(is_terminal=sys.stderr.isatty()),
                    _scrub_line,
                ],
                "foreign_pre_chain": CONTEXT,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Our middleware writes the one line of a request; here only what a view outside the
            # REST layer raised is news.
            "django.request": {"level": "ERROR", "filters": ["has_traceback"]},
            "django.server": {"level": "CRITICAL"},
            # A line for each request to a provider, or of `make run` to its own server; failures
            # are stored, or said, where they belong.
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
            # Failed logins are in the audit trail.
            "axes": {"level": "ERROR"},
            # It brings handlers of its own, which know nothing of the above.
            "gunicorn.error": to_console,
        },
    }
