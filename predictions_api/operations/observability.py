"""Request ids, the log line of each request, /health, /ready and /metrics."""

import logging
import os
import re
import time
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from predictions_api.cluster import nodes
from predictions_api.operations import logs
from predictions_api.operations.gauges import DatabaseCollector
from predictions_api.postgres.outages import disk_is_full

log = structlog.stdlib.get_logger("request")

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LENGTH = re.compile(r"[0-9]{1,19}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by a balancer: their lines would bury the others, unless they fail.
PROBES = frozenset({"health", "ready", "metrics"})

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "http_requests_total",
    "Requests answered.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "http_request_seconds",
    "Time from the request's arrival to the last byte handed over, by route.",
    ["method", "route"],
    registry=REGISTRY,
)
BYTES = Histogram(
    "http_request_bytes",
    "Declared length of bodies, by route.",
    ["method", "route"],
    buckets=[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
    registry=REGISTRY,
)
REJECTIONS = Counter(
    "http_rejections_total",
    "Requests that were refused, by the code of the reason.",
    ["reason"],
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "http_requests_in_flight",
    "Requests being answered now.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
# Gauges of the database are the same for all processes.
DATABASE = DatabaseCollector()
REGISTRY.register(DATABASE)


def request_id_of(request: HttpRequest) -> str:
    """The caller's X-Request-Id if it is plain text of up to 64 characters, else a new UUID."""
    given = request.META.get("HTTP_X_REQUEST_ID")
    if given and SAFE_REQUEST_ID.fullmatch(given):
        return str(given)
    return str(uuid.uuid4())


def route_of(request: HttpRequest) -> str:
    """The route's name: one of a fixed few, whatever ids and texts the path holds."""
    if match := request.resolver_match:
        return match.view_name
    is_static = request.path.startswith(settings.STATIC_URL)
    return "static" if is_static else "unmatched"


class RequestMiddleware:
    """Gives a request its id, counts and times it, and writes its one line.

    The line of a streamed answer is written when the stream ends or its reader goes away. Costs
    some 45 microseconds, nearly all of them for the line (`python -m benchmarks log`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request_id = request_id_of(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        logs.keep_out(request.META.get("HTTP_AUTHORIZATION"), request.META.get("HTTP_X_API_KEY"))
        IN_FLIGHT.inc()
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        if response.streaming:
            _at_close(response, lambda: _record(request, response, started))
        else:
            _record(request, response, started)
        return response


def _at_close(response: HttpResponseBase, end: Callable[[], None]) -> None:
    """Calls `end` once when the server closes the response, as it does whatever happened."""
    close = response.close

    def close_and_end() -> None:
        nonlocal end
        try:
            close()
        finally:
            done, end = end, lambda: None
            done()

    response.close = close_and_end  # type: ignore[method-assign]


# There are as many as routes and statuses: finding one again took as long as counting.
@cache
def _counter(method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(method, route, status)


@cache
def _seconds(method: str, route: str) -> Histogram:
    return SECONDS.labels(method, route)


@cache
def _bytes(method: str, route: str) -> Histogram:
    return BYTES.labels(method, route)


@cache
def _rejections(reason: str) -> Counter:
    return REJECTIONS.labels(reason)


def _record(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
    seconds = time.perf_counter() - started
    route, status = route_of(request), response.status_code
    method = request.method if request.method in METHODS else "other"
    IN_FLIGHT.dec()
    _counter(method, route, status).inc()
    _seconds(method, route).observe(seconds)
    if length := request.META.get("CONTENT_LENGTH"):
        _bytes(method, route).observe(int(length) if LENGTH.fullmatch(length) else 0)
    if status >= 400:
        _rejections(getattr(response, "reason_code", str(status))).inc()
    level = logging.WARNING if status >= 500 else logging.INFO
    if route in PROBES and status < 500:
        level = logging.DEBUG
    if not log.isEnabledFor(level):
        return
    log.log(
        level,
        "request",
        method=request.method,
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        status=status,
        ms=round(seconds * 1000, 2),
    )


def health(request: HttpRequest) -> HttpResponse:
    """200: the process answers. The type is text/html, as Label Studio's is."""
    return HttpResponse('{"status": "UP"}')


@cache
def _known_migrations() -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """Every migration of the code with those it replaces; read from disk once a process."""
    loader = MigrationLoader(None)
    return {key: frozenset(m.replaces) for key, m in (loader.disk_migrations or {}).items()}


def pending_migrations() -> list[str]:
    """`app.name` of each migration the database lacks. One statement.

    DatabaseError when the database cannot be reached.
    """
    applied = set(MigrationRecorder(connection).applied_migrations())
    return sorted(
        ".".join(key)
        for key, replaced in _known_migrations().items()
        if key not in applied and not (replaced and replaced <= applied)
    )


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and every migration is applied, else 503 with the reason.

    A full disk is no reason: what is stored can be read. `disk: full` says so. Nor are nodes of a
    cluster that are away, which only the projects on them miss: `nodes_away` names them.
    """
    try:
        pending = pending_migrations()
        missing = nodes.away()
    except DatabaseError as error:
        # The reason is for the log alone: it may name hosts and users.
        log.warning("not ready", reason=str(error))
        return JsonResponse({"status": "database unreachable"}, status=503)
    if pending:
        log.warning("not ready", pending=pending)
        return JsonResponse({"status": "migrations pending", "count": len(pending)}, status=503)
    body: dict[str, Any] = {"status": "ready"}
    if disk_is_full():
        body["disk"] = "full"
    if missing:
        log.warning("nodes away", nodes=missing)
        body["nodes_away"] = missing
    return JsonResponse(body)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: of all web processes where PROMETHEUS_MULTIPROC_DIR is set, else of this."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        registry.register(DATABASE)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
