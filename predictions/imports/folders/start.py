"""Asks for the synchronisation of an import storage."""

from django.db import transaction

from predictions.imports.folders import tasks
from predictions.imports.folders.state import IMPORTS


def synchronize(storage_id: int) -> bool:
    """Queues it; False, and nothing, while one is under way."""
    with transaction.atomic():
        is_asked = IMPORTS.ask(storage_id)
        if is_asked:
            tasks.queue(storage_id)
    return is_asked
