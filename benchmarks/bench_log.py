"""What a request's log line costs: the middleware alone, writing into memory.

    python -m benchmarks.bench_log

At most 60 microseconds are asked, on a quiet machine.
"""

import io
import logging
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("LOG_LEVEL", "INFO")

import django

django.setup()

from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from structlog.stdlib import ProcessorFormatter  # noqa: E402

from predictions_api.operations.observability import RequestMiddleware  # noqa: E402

REQUESTS = 500
ROUNDS = 20


def main() -> None:
    """Prints the best of several rounds: another process's noise only ever adds."""
    handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
    (handler,) = [h for h in handlers if isinstance(h.formatter, ProcessorFormatter)]
    handler.stream = io.StringIO()
    get = RequestFactory().get("/api/predictions/?task=4", HTTP_HOST="localhost")
    answer = HttpResponse(b"[]")
    middleware = RequestMiddleware(lambda request: answer)

    def measure() -> float:
        started = time.thread_time()
        for _ in range(REQUESTS):
            middleware(get)
        return (time.thread_time() - started) / REQUESTS * 1e6

    print(f"log    {min(measure() for _ in range(ROUNDS)):.0f} microseconds a request")


if __name__ == "__main__":
    main()
