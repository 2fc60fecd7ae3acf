"""The work of a synchronisation: reads the folder, and makes tasks of the files that are new."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import orjson
from django.db import transaction
from rest_framework.exceptions import ValidationError

from predictions.db.pictures import image_roots, storages
from predictions.db.projects import Author
from predictions.imports import tasks as task_import
from predictions.imports.folders import state
from predictions.imports.folders.state import Status
from predictions.models import ImportStorage
from predictions.pictures import kinds
from predictions.pictures.addresses import address, is_name
from predictions.pictures.folders import is_below
from predictions.pictures.opening import NoFile, open_below
from predictions.regions.task_data import UNNAMED
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import Holder, LeaseLost
from predictions_api.postgres.outages import is_outage

log = logging.getLogger(__name__)

#: Files that one transaction stores, and bytes of a JSON file.
AT_ONCE = 200
MOST_BYTES = 1 << 26
#: Files that the outcome names.
MOST_TOLD = 20
NO_FOLDER = "The folder is not there any more, or outside of LOCAL_FILES_ROOTS."
NOT_READ = "The folder could not be read; the worker's log says why."


def run(storage_id: int) -> None:
    """Synchronises a storage, or does nothing while another worker has it in hand or it has ended.

    Where the database is away that is raised, and the next worker goes on; every other error ends
    it with a reason.
    """
    worker = Holder(state.LEASE_S)
    storage = state.claim(storage_id, worker)
    if storage is None:
        return
    try:
        with Heartbeat(lambda: state.keep(storage_id, worker), every_s=state.LEASE_S / 3):
            _work(storage, worker)
    except LeaseLost:
        log.info("synchronisation given up", extra={"storage": storage_id})
    except BaseException:
        state.release(storage_id, worker)
        raise


def _work(storage: ImportStorage, worker: Holder) -> None:
    sync = Sync(storage)
    try:
        sync.work(lambda: state.keep(storage.pk, worker))
    except LeaseLost:
        raise
    except Stopped as stopped:
        state.end(storage.pk, worker, Status.FAILED, traceback=str(stopped))
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("synchronisation failed", extra={"storage": storage.pk})
        state.end(storage.pk, worker, Status.FAILED, traceback=NOT_READ)
    else:
        status = Status.WITH_ERRORS if sync.n_faults else Status.COMPLETED
        told = "\n".join(sync.faults)
        if sync.n_faults > len(sync.faults):
            told += f"\nand {sync.n_faults - len(sync.faults)} more"
        state.end(storage.pk, worker, status, last_sync_count=sync.n_tasks, traceback=told or None)


class Stopped(Exception):
    """The whole folder cannot be read; the text says why."""


class Sync:
    """One pass over a folder."""

    def __init__(self, storage: ImportStorage) -> None:
        self.storage = storage
        self.author = Author(storage.project.workspace_id, storage.created_by_id)
        self.n_tasks = self.n_faults = 0
        self.faults: list[str] = []

    def work(self, keep: Callable[[], None]) -> None:
        """Everything that is new; calls `keep` now and then. Stopped where nothing can be read."""
        found = image_roots.root_of(self.storage.root_id)
        if found is None:
            raise Stopped(NO_FOLDER)
        self.root = found[1]
        names = self._names()
        while batch := list(islice(names, AT_ONCE)):
            keep()
            new = storages.not_imported(self.storage, self._chosen(batch))
            if not new:
                continue
            if self.storage.use_blob_urls:
                self._import_media(new)
            else:
                for name in new:
                    self._import_tasks(name)

    def _names(self) -> Iterator[str]:
        """Names of files, below the root, with forward slashes; a link to a folder is none."""
        top = os.path.realpath(os.path.join(self.root, self.storage.folder))
        if not is_below(top, self.root) or not os.path.isdir(top):
            raise Stopped(NO_FOLDER)
        for folder, folders, files in os.walk(top):
            folders.sort()
            if not self.storage.recursive_scan:
                folders.clear()
            for file in sorted(files):
                name = os.path.relpath(os.path.join(folder, file), self.root)
                if is_name(name):
                    yield name

    def _chosen(self, names: Sequence[str]) -> list[str]:
        """Those that the storage's expression lets through; without one what it may hold."""
        if not self.storage.regex_filter:
            takes_all = self.storage.use_blob_urls
            return [name for name in names if takes_all or name.lower().endswith(".json")]
        paths = [os.path.join(self.root, name) for name in names]
        try:
            fits = storages.matching(self.storage.regex_filter, paths)
        except storages.BadExpression as error:
            raise Stopped(f"regex_filter: {error}") from None
        return [name for name, is_so in zip(names, fits, strict=True) if is_so]

    def _import_media(self, names: Sequence[str]) -> None:
        """A task for each picture and recording; other files are passed over."""
        served = [name for name in names if self._is_served(name)]
        if not served:
            return
        items = [{UNNAMED: address(self.storage.root_id, name)} for name in served]
        with transaction.atomic():
            made = task_import.store(self.storage.project, items, self.author)
            ids = made["task_ids"]
            storages.note_imported(self.storage, dict(zip(served, ids, strict=True)))
        self.n_tasks += len(ids)

    def _is_served(self, name: str) -> bool:
        try:
            with open_below(self.root, name) as opened:
                return kinds.kind_of(opened.head(kinds.HEAD_BYTES)) is not None
        except NoFile:
            return False

    def _import_tasks(self, name: str) -> None:
        """The tasks of a JSON file, one or a list, all or nothing."""
        try:
            with open_below(self.root, name) as opened:
                if opened.size > MOST_BYTES:
                    raise ValidationError([f"It has over {MOST_BYTES:,} bytes."])
                document = orjson.loads(opened.head(opened.size))
            with transaction.atomic():
                made = task_import.store(self.storage.project, document, self.author)
                ids = made["task_ids"]
                storages.note_imported(self.storage, {name: ids[0]})
        except NoFile:
            self._blame(name, "It cannot be opened.")
        except orjson.JSONDecodeError:
            self._blame(name, "It is no JSON.")
        except ValidationError as error:
            self._blame(name, str(error.detail)[:500])
        else:
            self.n_tasks += len(ids)

    def _blame(self, name: str, reason: str) -> None:
        self.n_faults += 1
        if len(self.faults) < MOST_TOLD:
            self.faults.append(f"{name}: {reason}")
