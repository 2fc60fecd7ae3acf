"""The work of a synchronisation: looks at the files of a folder or of a bucket, and makes tasks of
those that are new.
"""

from collections.abc import Sequence
from itertools import islice

from django.db import transaction
from rest_framework.exceptions import ValidationError

from predictions.db.projects import Author
from predictions.db.storages import imports
from predictions.imports import tasks as task_import
from predictions.imports.folders.sources import Read, Source, source_of
from predictions.imports.folders.state import IMPORTS
from predictions.models import ImportStorage
from predictions.regions.task_data import UNNAMED
from predictions.storages import worker
from predictions.storages.worker import Progress, Stopped
from predictions_api.http.storable import json_value

#: Files that one transaction stores.
AT_ONCE = 200
#: Files that are looked at.
MOST_FILES = 1_000_000
TOO_MANY = (
    f"It has over {MOST_FILES:,} files; what was imported stays. Name a folder below it, or a"
    " longer prefix."
)


def run(storage_id: int) -> None:
    """Synchronises a storage, or does nothing while another worker has it in hand or it has ended.

    As `predictions.storages.worker.run`.
    """
    worker.run(IMPORTS, storage_id, _synchronise)


def _synchronise(progress: Progress[ImportStorage]) -> None:
    source = source_of(progress.storage)
    try:
        Sync(progress, source).work()
    finally:
        source.close()


class Sync:
    """One pass over the files of a storage."""

    def __init__(self, progress: Progress[ImportStorage], source: Source) -> None:
        self.progress, self.source = progress, source
        self.storage = progress.storage
        self.author = Author(self.storage.project.workspace_id, self.storage.created_by_id)

    def work(self) -> None:
        """Everything that is new. Stopped where nothing can be read, or there is too much."""
        names, n_seen = self.source.names(), 0
        while batch := list(islice(names, AT_ONCE)):
            self.progress.keep()
            n_seen += len(batch)
            if n_seen > MOST_FILES:
                raise Stopped(TOO_MANY)
            new = imports.not_imported(self.storage, self._chosen(batch))
            if not new:
                continue
            if self.storage.use_blob_urls:
                self._import_media(new)
            else:
                for name, found in self.source.read(new):
                    self._import_tasks(name, found)

    def _chosen(self, names: Sequence[str]) -> list[str]:
        """Those that the storage's expression lets through; without one what it may hold."""
        if not self.storage.regex_filter:
            takes_all = self.storage.use_blob_urls
            return [name for name in names if takes_all or name.lower().endswith(".json")]
        try:
            fits = imports.matching(self.storage.regex_filter, self.source.paths(names))
        except imports.BadExpression as error:
            raise Stopped(f"regex_filter: {error}") from None
        return [name for name, is_so in zip(names, fits, strict=True) if is_so]

    def _import_media(self, names: Sequence[str]) -> None:
        """A task for each file that can be one; others are passed over."""
        shown = self.source.shown(names)
        if not shown:
            return
        try:
            self._store([{UNNAMED: one} for one in shown.values()], list(shown))
        except ValidationError as error:
            # Of the project's labelling config: so it would be with all others.
            raise Stopped(str(error.detail)[:500]) from None

    def _import_tasks(self, name: str, found: Read) -> None:
        """The tasks of a JSON file, one or a list, all or nothing."""
        if found.fault:
            self.progress.blame(name, found.fault)
            return
        try:
            items = json_value(found.content)
        except ValueError:
            self.progress.blame(name, "It is no JSON.")
            return
        try:
            self._store(items, [name])
        except ValidationError as error:
            self.progress.blame(name, str(error.detail)[:500])

    def _store(self, items: object, names: Sequence[str]) -> None:
        """Tasks, the names of what they came from, and how many there are now."""
        n_before = self.progress.n
        try:
            with transaction.atomic():
                ids = task_import.store(self.storage.project, items, self.author)["task_ids"]
                # One name has all tasks, or each name has its own.
                shares = [ids] if len(names) == 1 else [[task_id] for task_id in ids]
                imports.note_imported(self.storage, dict(zip(names, shares, strict=True)))
                self.progress.n += len(ids)
                self.progress.keep()
        except BaseException:
            self.progress.n = n_before
            raise
