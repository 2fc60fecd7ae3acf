"""What an operator sees: one log line a request, a request id everywhere, health and metrics.

Lines are JSON, or readable in a terminal. No key ever reaches a line: only the path is logged, and
the query string only with `api_key` struck out.
"""

import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

log = structlog.stdlib.get_logger("request")

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECRET_QUERY = re.compile(r"((?:^|&)(?:api_key|token|key|password|refresh)=)[^&]*", re.IGNORECASE)

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "http_requests_total",
    "Requests answered.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "http_request_seconds",
    "Time from the first byte read to the last handed over, by route.",
    ["method", "route"],
    registry=REGISTRY,
)

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

_renderer: list[Any] = (
    [structlog.dev.ConsoleRenderer(colors=True)]
    if sys.stderr.isatty()
    else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
)
LOGGING_PROCESSORS = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderer]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by a balancer; their lines would bury the others.
QUIET_PATHS = frozenset({"/health", "/ready", "/metrics"})


def request_id_of(request: HttpRequest) -> str:
    """The caller's X-Request-Id if it is plain text of up to 64 characters, else a new UUID."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if SAFE_REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def scrub(query: str) -> str:
    """A query string with the value of every secret parameter struck out."""
    return SECRET_QUERY.sub(r"\1***", query)


class RequestMiddleware:
    """Gives a request its id, counts and times it, and writes its one line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        request_id = request_id_of(request)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        self._record(request, response, time.perf_counter() - started)
        return response

    def _record(self, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "unmatched"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        SECONDS.labels(method, route).observe(seconds)
        if request.path in QUIET_PATHS:
            return
        level = logging.WARNING if response.status_code >= 500 else logging.INFO
        log.log(
            level,
            "request",
            method=request.method,
            path=request.path,
            query=scrub(request.META.get("QUERY_STRING", "")),
            status=response.status_code,
            ms=round(seconds * 1000, 2),
        )


def health(request: HttpRequest) -> HttpResponse:
    """The process answers. Sent as text/html, as the peer sends it."""
    return HttpResponse('{"status": "UP"}')


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and every migration is applied, else 503 with the reason."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        log.warning("not ready", exc_info=True)
        return JsonResponse({"status": "database unreachable"}, status=503)
    if pending:
        return JsonResponse({"status": "migrations pending", "count": len(pending)}, status=503)
    return JsonResponse({"status": "ready"})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: of all web processes where PROMETHEUS_MULTIPROC_DIR is set, else of this."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
