"""Asks for the synchronisation of an import storage."""

from django.db import transaction

from predictions.imports.folders import state, tasks


def synchronize(storage_id: int) -> bool:
    """Queues it; False, and nothing, while one is under way."""
    with transaction.atomic():
        is_asked = state.ask(storage_id)
        if is_asked:
            tasks.queue(storage_id)
    return is_asked
