"""Asks for the synchronisation of an export storage."""

from django.db import transaction

from predictions.exports.storages import tasks
from predictions.exports.storages.state import EXPORTS


def synchronize(storage_id: int) -> bool:
    """Queues it, from the first annotation on; False, and nothing, while one is under way."""
    with transaction.atomic():
        is_asked = EXPORTS.ask(storage_id, position=0)
        if is_asked:
            tasks.queue(storage_id)
    return is_asked
