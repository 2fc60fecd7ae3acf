"""Rows to work on, and a second connection to work on them with."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from evals.models import ModelEval
from tests.conftest import Caller

InAnotherConnection = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def rows(db: None, ada: Caller) -> QuerySet[ModelEval]:
    """Three evaluations that nobody works on, oldest first."""
    for name in ("one", "two", "three"):
        ModelEval.objects.create(
            workspace=ada.workspace, version_id=name, task_type="classification", matching="x"
        )
    return ModelEval.objects.filter(status="running").order_by("id")


@pytest.fixture
def in_another_connection(transactional_db: None) -> Iterator[InAnotherConnection]:
    """Calls a function in a thread, and so in a connection, of its own; what it returns."""

    def called(call: Callable[[], Any]) -> Any:
        try:
            # Nothing here may wait for another's lock: that would be for ever.
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        yield lambda call: thread.submit(called, call).result()
